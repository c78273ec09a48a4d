"""JupyterLab for one lab: started, watched until Ctrl-C, and stopped cleanly."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Callable
from pathlib import Path

from labkit import i18n
from labkit.workspace import LabError

START_SECONDS = 60
STOP_SECONDS = 10


def serve(
    folder: Path,
    notebook: str,
    *,
    state: Path,
    port: int | None = None,
    browser: bool = True,
    announce: Callable[[str], None],
) -> None:
    """Serve `folder` on this machine until Ctrl-C, opened at `notebook`.

    Args:
        state: where the server's log and settings go; the student's own Jupyter settings still win.
        port: the port to listen on; a free one when None.
        announce: called once with the URL (token included) when the server answers.

    Raises:
        LabError: the port is taken, or JupyterLab does not come up.
    """
    port = _free_port(port)
    token = secrets.token_hex(16)
    state.mkdir(parents=True, exist_ok=True)
    log = state / "jupyter.log"
    base = f"http://127.0.0.1:{port}"
    # In a session of its own, so that Ctrl-C reaches only us and Jupyter does not ask whether to stop.
    with log.open("wb") as output:
        server = subprocess.Popen(
            _command(folder, notebook, port),
            env=_environment(token, state),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _interrupt_on_termination()
    try:
        _wait_until_up(server, f"{base}/api/status?token={token}", log)
        url = f"{base}/lab/tree/{notebook}?token={token}"
        announce(url)
        if browser:
            webbrowser.open(url)
        if server.wait():
            raise LabError(f"JupyterLab ended unexpectedly: {_last_line(log)} (the log is {log})")
    except KeyboardInterrupt:
        pass
    finally:
        _stop(server)


def _command(folder: Path, notebook: str, port: int) -> list[str]:
    settings = {
        "ServerApp.root_dir": str(folder),
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "LabApp.default_url": f"/lab/tree/{notebook}",
        "LabApp.news_url": None,
    }
    return [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in settings.items())]


def _environment(token: str, state: Path) -> dict[str, str]:
    """What the server and its kernels see: language, token (hidden from `ps`), and our default settings."""
    defaults: dict[str, dict[str, str]] = {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": "false"}
    }
    if i18n.current() == "zh":
        defaults["@jupyterlab/translation-extension:plugin"] = {"locale": "zh_CN"}
    folder = state / "labconfig"
    folder.mkdir(exist_ok=True)
    (folder / "default_setting_overrides.json").write_text(json.dumps(defaults))
    search = [str(state), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    return {
        **os.environ,
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_PATH": os.pathsep.join(search),
    }


def _free_port(wanted: int | None) -> int:
    """`wanted` if it is free, or any free port when None."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise LabError(f"Port {wanted} cannot be used ({error.strerror}): choose another with --port.") from None
        return int(probe.getsockname()[1])


def _wait_until_up(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy does not know our loopback
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with direct.open(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise LabError(f"JupyterLab did not start: {_last_line(log)} (the log is {log})")


def _interrupt_on_termination() -> None:
    """Being terminated, or losing the terminal, stops the server like Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Let the server end its kernels; kill it when it takes too long."""
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"
