"""JupyterLab for one lab: started, watched until Ctrl-C, and stopped cleanly."""

import errno
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
from typing import NoReturn

from labkit.i18n import Bilingual, Lang
from launcher.workspace import LabError

START_SECONDS = 60
STOP_SECONDS = 10
IMAGE_PORT = 8888  # in a lab's container; the port on the host is chosen there


def serve(
    folder: Path,
    notebook: str,
    *,
    lang: Lang,
    state: Path,
    port: int | None = None,
    browser: bool = True,
    announce: Callable[[str], None],
) -> None:
    """Serve `folder` on this machine until Ctrl-C, opened at `notebook`.

    Args:
        lang: the language of JupyterLab's menus.
        state: where the server's log and settings go; the student's own Jupyter settings still win.
        port: the port to listen on; a free one when None.
        announce: called once with the URL (token included) when the server answers.

    Raises:
        LabError: the port is taken, or JupyterLab does not come up.
    """
    port = free_port(port)
    token = secrets.token_hex(16)
    state.mkdir(parents=True, exist_ok=True)
    log = state / "jupyter.log"
    base = f"http://127.0.0.1:{port}"
    # The server has a session of its own, so that Ctrl-C reaches only us and Jupyter does not ask whether to stop.
    with log.open("wb") as output:
        server = subprocess.Popen(
            _command(folder, notebook, "127.0.0.1", port),
            env=_environment(token, state, lang),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    interrupt_on_termination()
    try:
        _wait_until_up(server, f"{base}/api/status?token={token}", log)
        url = f"{base}/lab/tree/{notebook}?token={token}"
        announce(url)
        if browser:
            webbrowser.open(url)
        if server.wait():
            words = _last_line(log)
            raise LabError(
                Bilingual(
                    f"JupyterLab ended unexpectedly: {words.en} (the log is {log})",
                    f"JupyterLab 意外结束：{words.zh}（日志：{log}）",
                )
            )
    except KeyboardInterrupt:
        pass
    finally:
        _stop(server)


def become_server(folder: Path, notebook: str, *, lang: Lang, state: Path, announce: Callable[[str], None]) -> NoReturn:
    """Turn this process into JupyterLab for `folder`, listening on every address, as a lab's image does.

    Its log goes to standard output, and signals reach it directly. The token is JUPYTER_TOKEN; where there is none,
    one is made and `announce` is called with the URL.
    """
    state.mkdir(parents=True, exist_ok=True)
    token = os.environ.get("JUPYTER_TOKEN")
    if not token:
        token = secrets.token_hex(16)
        announce(f"http://127.0.0.1:{IMAGE_PORT}/lab/tree/{notebook}?token={token}")
    command = [*_command(folder, notebook, "0.0.0.0", IMAGE_PORT), "--ServerApp.answer_yes=True"]  # Ctrl-C just stops
    os.dup2(1, 2)  # JupyterLab logs to standard error
    os.execve(command[0], command, _environment(token, state, lang))


def _command(folder: Path, notebook: str, address: str, port: int) -> list[str]:
    settings = {
        "ServerApp.root_dir": str(folder),
        "ServerApp.ip": address,
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "LabApp.default_url": f"/lab/tree/{notebook}",
        "LabApp.news_url": None,
    }
    return [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in settings.items())]


def _environment(token: str, state: Path, lang: Lang) -> dict[str, str]:
    """What the server and its kernels see: the token (hidden from `ps`), and our default settings, in `lang`."""
    defaults: dict[str, dict[str, str]] = {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": "false"}
    }
    if lang == "zh":
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


def free_port(wanted: int | None) -> int:
    """`wanted` if it is free, or any free port when None."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            why = "已被占用" if error.errno == errno.EADDRINUSE else "不允许使用"
            raise LabError(
                Bilingual(
                    f"Port {wanted} cannot be used ({error.strerror}): choose another with --port.",
                    f"端口 {wanted} {why}：请用 --port 另选一个。",
                )
            ) from None
        return int(probe.getsockname()[1])


def _wait_until_up(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if answers(url):
            return
        time.sleep(0.1)
    words = _last_line(log)
    raise LabError(
        Bilingual(
            f"JupyterLab did not start: {words.en} (the log is {log})",
            f"JupyterLab 未能启动：{words.zh}（日志：{log}）",
        )
    )


def answers(url: str) -> bool:
    """Whether a server on this machine answers `url` with a page."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy does not know our loopback
    try:
        with direct.open(url, timeout=2):
            return True
    except OSError:
        return False


def interrupt_on_termination() -> None:
    """Make SIGTERM, and the loss of the terminal, stop the server as Ctrl-C does."""

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


def _last_line(log: Path) -> Bilingual:
    lines = log.read_text(errors="replace").strip().splitlines()
    return Bilingual(lines[-1].strip(), lines[-1].strip()) if lines else Bilingual("it said nothing", "没有任何输出")
