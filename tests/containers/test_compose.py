"""`lab start` in containers, on a real engine: started, opened, saved to, stopped, and nothing left behind."""

import functools
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit import i18n, registry
from launcher.container import SERVICES, checkout_id
from launcher.workspace import Workspace
from tests.patience import eventually

ROOT = Path(__file__).resolve().parents[2]
STUDENT = 1000  # whose the work is, where root runs these tests

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("images")]


@pytest.fixture
def checkout(tmp_path: Path, images: object) -> Iterator[Path]:
    """A checkout of its own with what a student has, begun by a user who is not root."""
    shutil.copytree(ROOT / "compose", tmp_path / "compose")
    shutil.copytree(ROOT / "assignments", tmp_path / "assignments", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "assignments/en/lab-05-lora", tmp_path / "work/lab-05-lora")
    if os.geteuid() == 0:
        for path in (tmp_path / "work").rglob("*"):
            os.chown(path, STUDENT, STUDENT)
    yield tmp_path
    lab(tmp_path, "stop")


def program(checkout: Path, *arguments: str) -> dict:
    """`lab` of a checkout, asked for containers, as arguments of subprocess."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "assignments"), "COLUMNS": "300"}
    environment |= {"LAB_RUNTIME": "container", "VARIANT": "cpu", "LLM101_LANG": "en"}
    command = [sys.executable, "-m", "launcher.cli", *arguments]
    return {"args": command, "env": environment, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def lab(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(**program(checkout, *arguments), timeout=300)


class Started:
    """A `lab start` in the background; its lines can be waited for."""

    def __init__(self, checkout: Path, *arguments: str) -> None:
        call = program(checkout, "start", "05", "--no-browser", *arguments)
        # Where this test runs in the background of a script, Ctrl-C is ignored, and that is inherited.
        listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        self.process = subprocess.Popen(**call, start_new_session=True, preexec_fn=listen)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._lines.put(line)
        self._lines.put("")

    def line(self, beginning: str) -> str:
        """The next line that begins so, without its beginning; an end comes first when there is none."""
        while line := self._lines.get(timeout=200):
            if line.startswith(beginning):
                return line.removeprefix(beginning).strip()
        assert self.process.stderr is not None
        raise AssertionError(f"ended without {beginning!r}: {self.process.stderr.read()}")

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)


@pytest.fixture
def start_lab(checkout: Path) -> Iterator[Callable[..., Started]]:
    """Starts lab 05; what still runs at the end is stopped."""
    started: list[Started] = []

    def run(*arguments: str) -> Started:
        started.append(Started(checkout, *arguments))
        return started[-1]

    yield run
    for one in started:
        if one.process.poll() is None:
            one.interrupt()


def containers(checkout: Path) -> list[str]:
    """The names of all containers, networks included, of this checkout's labs."""

    project = f"llm101-{checkout_id(Workspace(checkout))}"
    listed = [["ps", "--all", "--format={{.Names}}"], ["network", "ls", "--format={{.Name}}"]]
    names = [name for call in listed for name in docker(*call).split()]
    return [name for name in names if name.startswith(project)]


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


def ask(url: str, method: str = "GET", body: object = None) -> int:
    """The status that a server answers with."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    ("variant", "services"),
    [(variant, services) for variant in SERVICES for services in ((), *zip(SERVICES[variant]), SERVICES[variant])],
)
def test_the_files_of_each_variant_and_service_are_valid_and_open_nothing_to_the_network(variant, services):
    files = [ROOT / "compose" / "lab.yaml", ROOT / "compose" / f"lab.{variant}.yaml"]
    values = {
        "LESSON": "05",
        "LAB": "lab-05-lora",
        "VARIANT": variant,
        "OWNER": "1000:1000",
        "WORK": "/work",
        "PORT": "1",
    }
    done = subprocess.run(
        ["docker", "compose", *(f"--file={file}" for file in files if file.is_file()),
         *(f"--profile={service}" for service in services), "config", "--format=json"],
        env={**os.environ, **values, "NOTEBOOK": "x", "CHECKOUT": "x", "TENSORBOARD_PORT": "2", "JUPYTER_TOKEN": "x",
             "LLM101_LANG": "en", "LLM101_REGISTRY": ""},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)["services"]
    assert set(found) == {"lab", *services}
    assert {port["host_ip"] for service in found.values() for port in service.get("ports", ())} == {"127.0.0.1"}
    assert ("deploy" in found["lab"]) == (variant == "cuda")
    assert ("extra_hosts" in found["lab"]) == (variant == "arm64")


def test_a_lab_is_started_opened_saved_to_and_stopped(checkout: Path, start_lab):
    started = start_lab()
    url = started.line("JupyterLab: ")
    base, _, token = url.partition("lab/tree/lora.ipynb?")
    assert ask(url) == 200
    assert ask(f"{base}api/contents") == 403

    notebook = {"type": "notebook", "content": {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}}
    assert ask(f"{base}api/contents/mine.ipynb?{token}", "PUT", notebook) == 201
    folder, mine = checkout / "work/lab-05-lora", checkout / "work/lab-05-lora/mine.ipynb"
    assert (mine.stat().st_uid, mine.stat().st_gid) == (folder.stat().st_uid, folder.stat().st_gid)
    setting = {"raw": '{"theme": "JupyterLab Dark"}'}
    themes = "@jupyterlab/apputils-extension:themes"
    assert ask(f"{base}lab/api/settings/{themes}?{token}", "PUT", setting) == 204

    again = lab(checkout, "start", "05", "--no-browser")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, f"JupyterLab: {url}")
    row = next(line for line in lab(checkout, "ps").stdout.splitlines() if "lab-05-lora" in line)
    assert url in row and "cpu" in row
    assert "Jupyter Server" in lab(checkout, "logs", "05").stdout

    assert started.interrupt() == 0
    assert started.line("Stopped. Your work is in work/lab-05-lora; ")
    assert containers(checkout) == []
    assert mine.is_file()
    assert "Dark" in next((checkout / "work/.home/.jupyter").rglob("themes.jupyterlab-settings")).read_text()


def test_it_runs_without_a_capability_on_a_system_that_cannot_be_written(checkout: Path, start_lab):
    start_lab().line("JupyterLab: ")
    (container,) = [name for name in containers(checkout) if name.endswith("-lab-1")]
    script = "grep CapBnd /proc/self/status; touch /opt/llm101/x /course/assignments/x 2>/dev/null || echo read-only"
    assert docker("exec", container, "sh", "-c", script).split() == ["CapBnd:", "0000000000000000", "read-only"]


def test_what_is_handed_in_from_a_terminal_in_jupyterlab_is_kept_and_work_is_not_moved_away_beneath_it(
    checkout: Path, start_lab
):
    start_lab().line("JupyterLab: ")
    (container,) = [name for name in containers(checkout) if name.endswith("-lab-1")]
    assert "hand in that folder" in docker("exec", container, "lab", "submit", "05")
    (submission,) = (checkout / "work/.submissions/lab-05-lora").iterdir()
    assert (submission / "lora.ipynb").stat().st_uid == (checkout / "work/lab-05-lora").stat().st_uid
    outside = lab(checkout, "reset", "05")
    assert (outside.returncode, outside.stderr) == (2, "Lab 05 is running: `make stop` stops it, then reset.\n")
    inside = subprocess.run(["docker", "exec", container, "lab", "reset", "05"], capture_output=True, text=True)
    assert (inside.returncode, inside.stderr.count("\n")) == (2, 1)


def test_the_public_checks_run_in_the_image_and_while_the_lab_runs_in_its_container(checkout: Path, start_lab):
    notebook = checkout / "work/lab-05-lora/lora.ipynb"
    before = notebook.read_bytes()
    apart = lab(checkout, "check", "05")
    assert (apart.returncode, apart.stderr) == (1, "")  # nothing is written yet
    assert "lora-linear" in apart.stdout
    assert containers(checkout) == []

    started = start_lab()
    started.line("JupyterLab: ")
    inside = lab(checkout, "check", "05", "--lang", "zh")
    assert inside.returncode == 1
    assert "公开检查" in inside.stdout
    assert notebook.read_bytes() == before
    assert started.interrupt() == 0


def test_tensorboard_stands_beside_the_lab_and_is_stopped_with_it(checkout: Path, start_lab):
    started = start_lab("--with", "tensorboard")
    started.line("JupyterLab: ")
    url = started.line("TensorBoard: ")

    def answers() -> bool:
        try:
            return ask(url) == 200
        except OSError:
            return False

    assert eventually(answers)
    assert started.interrupt() == 0
    assert containers(checkout) == []


def test_ctrl_c_while_it_starts_leaves_nothing(checkout: Path, start_lab):
    started = start_lab()
    started.line("Opening ")
    threading.Event().wait(0.5)
    assert started.interrupt() == 0
    assert containers(checkout) == []


def test_stop_stops_it_from_another_terminal(checkout: Path, start_lab):
    started = start_lab()
    started.line("JupyterLab: ")
    assert lab(checkout, "stop").stdout == "Stopped lab-05-lora.\n"
    assert started.process.wait(60) == 0
    assert containers(checkout) == []
    assert lab(checkout, "ps").stdout == "No lab runs in a container.\n"


def test_a_lab_that_breaks_down_is_told_in_a_line_and_its_log_can_still_be_read(checkout: Path, start_lab):
    started = start_lab()
    started.line("JupyterLab: ")
    (container,) = [name for name in containers(checkout) if name.endswith("-lab-1")]
    docker("kill", container)
    assert started.process.wait(60) == 2
    error = started.process.stderr.read()
    assert error.startswith("Lab 05 does not run: ") and error.count("\n") == 1
    assert "Jupyter Server" in lab(checkout, "logs", "05").stdout


def test_a_port_that_is_taken_is_told_before_anything_is_started(checkout: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = lab(checkout, "start", "05", "--no-browser", "--port", str(port))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"Port {port} cannot be used" in done.stderr
    assert containers(checkout) == []


def test_an_empty_folder_is_filled_by_the_image_itself(tmp_path: Path):
    folder = tmp_path / "work"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, STUDENT, STUDENT)
    owner = folder.stat()
    image = f"{registry.prefix()}llm101/lab-05:cpu"
    container = docker(
        "run", "--rm", "--detach", f"--user={owner.st_uid}:{owner.st_gid}",
        f"--volume={folder}:/course/work/lab-05-lora", "--env=LLM101_LANG=zh", image,
    ).strip()  # fmt: skip
    try:
        logs = subprocess.Popen(["docker", "logs", "--follow", container], stdout=subprocess.PIPE, text=True)
        assert logs.stdout is not None
        assert logs.stdout.readline().startswith("JupyterLab: http://127.0.0.1:8888/lab/tree/lora.ipynb?token=")
        assert i18n.of_folder(folder) == "zh"
        assert (folder / "lora.ipynb").stat().st_uid == owner.st_uid
    finally:
        docker("rm", "--force", container)
        logs.wait(10)
