"""JupyterLab is really started, asked for its page, and stopped."""

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from launcher import jupyter
from launcher.workspace import LabError


def read(url: str) -> str:
    return urllib.request.urlopen(url, timeout=60).read().decode()


def test_the_token_opens_the_lab_and_an_interrupt_stops_it(tmp_path: Path):
    (tmp_path / "lora.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    code = (
        "from pathlib import Path; from launcher import jupyter; here = Path('.').resolve();"
        "jupyter.serve(here, 'lora.ipynb', lang='zh', state=here / 'state', browser=False,"
        " announce=lambda url: print(url, flush=True))"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout is not None
        url = lab.stdout.readline().strip()
        try:
            base, token = url.partition("/lab/tree/")[0], url.partition("?")[2]
            assert "<title>JupyterLab</title>" in read(url)
            setting = f"{base}/lab/api/settings/@jupyterlab/translation-extension:plugin?{token}"
            assert '"default": "zh_CN"' in read(setting)
            with pytest.raises(urllib.error.HTTPError, match="403"):
                read(f"{base}/api/contents")
        finally:
            lab.send_signal(signal.SIGINT)
        assert lab.wait(60) == 0
    with pytest.raises(urllib.error.URLError):
        read(url)


def test_a_taken_port_is_told_in_one_line(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LabError, match=f"Port {port} cannot be used"):
            jupyter.serve(tmp_path, "x.ipynb", lang="en", state=tmp_path, port=port, announce=print)
