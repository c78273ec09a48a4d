"""A lab in its container: started by docker compose, watched until Ctrl-C, and stopped cleanly.

The files in compose/ describe the container, and this module gives the variables in them their values. It keeps no
state of its own: it asks the engine what runs, and under which URL and token.
"""

import hashlib
import os
import platform
import secrets
import shutil
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from labkit import registry
from labkit.i18n import Bilingual, Lang
from launcher import jupyter
from launcher.engine import Engine, docker, inspect, last_line
from launcher.workspace import LabError, Release, Workspace

START_SECONDS = 180
SERVICES = {  # what each variant can start beside a lab: the profiles of its compose files
    "cpu": ("ollama", "tensorboard"),
    "cuda": ("ollama", "tensorboard", "vllm"),
    "arm64": ("tensorboard",),
}


@dataclass(frozen=True)
class Running:
    """A lab's container as the engine sees it; `state` is the engine's word: starting, healthy, exited, ..."""

    id: str
    lab: str
    variant: str
    state: str
    url: str | None  # with the token; None when the container has ended

    @classmethod
    def read(cls, container: dict[str, Any]) -> "Running":
        """From what `docker inspect` says."""
        labels, state = container["Config"]["Labels"], container["State"]
        token = next(line for line in container["Config"]["Env"] if line.startswith("JUPYTER_TOKEN="))
        ports = container["NetworkSettings"]["Ports"].get(f"{jupyter.IMAGE_PORT}/tcp")
        return cls(
            id=container["Id"],
            lab=labels["org.llm101.lab"],
            variant=labels["org.llm101.variant"],
            state=state["Health"]["Status"] if state["Running"] and "Health" in state else state["Status"],
            url=f"http://127.0.0.1:{ports[0]['HostPort']}/{labels['org.llm101.page']}?token={token.partition('=')[2]}"
            if ports
            else None,
        )

    @property
    def ended(self) -> bool:
        """Whether nothing runs in it (any more); the next start replaces it."""
        return self.state in ("created", "exited", "dead")

    def last_words(self) -> Bilingual:
        """The last line of its log, as it is; or a sentence that says that the log is empty."""
        logs = docker("logs", "--tail=20", self.id)
        line = last_line(logs.stdout + logs.stderr)
        return Bilingual(line, line) if line else Bilingual("it said nothing", "没有任何输出")


@dataclass(frozen=True)
class Container:
    """The container of one lab of this checkout, running or not. It speaks `lang`, to the terminal and inside."""

    workspace: Workspace
    lab: Release
    engine: Engine
    variant: str
    lang: Lang
    services: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for service in self.services:
            if service not in SERVICES[self.variant]:
                raise _no_such_service(service, self.variant)

    def find(self) -> Running | None:
        """The container, running or ended; None where there is none."""
        return next((found for found in find_all(self.workspace) if found.lab == self.lab.name), None)

    def ensure_images(self) -> None:
        """Make sure that its images are here. Raises as `Engine.ensure_image` does."""
        for image in self._compose("config", "--images").stdout.split():
            self.engine.ensure_image(image, self.workspace.root)

    def serve(self, *, port: int | None, browser: bool, announce: Callable[[dict[str, str]], None]) -> None:
        """Start the lab, show it, and follow it until Ctrl-C or the end of JupyterLab.

        Args:
            port: the port on this machine; a free one when None.
            announce: called with the URLs (JupyterLab's with its token) when the lab answers.

        Raises:
            LabError: the port is taken, no GPU can be reached, or the lab does not come up or breaks down.
        """
        values = {
            "PORT": str(jupyter.free_port(port)),
            "TENSORBOARD_PORT": str(jupyter.free_port(None)),
            "JUPYTER_TOKEN": secrets.token_hex(16),
        }
        self._make_folders()
        jupyter.interrupt_on_termination()
        try:
            with _status(Bilingual("Starting the container", "正在启动容器").text(self.lang)):
                self._up(values)
                running = self.wait_until_up()
            urls = {"JupyterLab": str(running.url)}
            if "tensorboard" in self.services:
                urls["TensorBoard"] = f"http://127.0.0.1:{values['TENSORBOARD_PORT']}/"
            announce(urls)
            if browser:
                webbrowser.open(urls["JupyterLab"])
            self._follow(running)
        except LabError:
            self._compose("stop")  # not removed: `make logs-NN` can still tell why
            raise
        except KeyboardInterrupt:
            pass
        self.remove()

    def check(self) -> int:
        """Run the public checks in it while it runs, else in one of their own; their exit status."""
        number, running = self.lab.lesson.number, self.find()
        call = ["lab", "check", number, "--lang", self.lang]
        terminal = ["--interactive", "--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
        if running is not None and not running.ended:
            return subprocess.run(["docker", "exec", *terminal, running.id, *call]).returncode
        folder, values = f"/course/work/{self.lab.name}", self._variables()
        return subprocess.run(
            [
                *("docker", "run", "--rm", *terminal, "--pull=never", "--network=none", "--read-only"),
                *(f"--user={values['OWNER']}", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--shm-size=1g"),
                *("--tmpfs=/tmp:mode=1777,exec", "--tmpfs=/course/work:mode=1777", "--tmpfs=/home/student:mode=1777"),
                f"--volume={self.workspace.folder(self.lab)}:{folder}",
                *(f"{registry.prefix()}llm101/lab-{number}:{self.variant}", *call),
            ]
        ).returncode

    def wait_until_up(self) -> Running:
        """The container, as soon as it answers; LabError when it ends, does not answer or is unhealthy."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            running = self.find()
            if running is None or running.ended or running.state == "unhealthy" or time.monotonic() > deadline:
                raise self._broken(running)
            if running.url and jupyter.answers(running.url):
                return running
            time.sleep(0.3)

    def remove(self) -> None:
        """Stop and remove it with its services; the student's folder stays. Ctrl-C has no effect meanwhile."""
        with _status(Bilingual("Stopping", "正在停止").text(self.lang)), _uninterrupted():
            done = self._compose("down", "--remove-orphans")
        if done.returncode:
            words = last_line(done.stderr)
            raise LabError(Bilingual(f"The container could not be stopped: {words}", f"容器无法停止：{words}"))

    def _up(self, values: dict[str, str]) -> None:
        done = self._compose("up", "--detach", "--no-build", **values)
        if done.returncode == 0:
            return
        if "could not select device driver" in done.stderr or "nvidia" in last_line(done.stderr).lower():
            raise LabError(
                Bilingual(
                    "Docker cannot reach the GPU: install the NVIDIA Container Toolkit, or use VARIANT=cpu.",
                    "Docker 无法使用 GPU：请安装 NVIDIA Container Toolkit，或使用 VARIANT=cpu。",
                )
            )
        raise LabError(
            Bilingual(
                f"The container could not be started: {last_line(done.stderr)}",
                f"容器无法启动：{last_line(done.stderr)}",
            )
        )

    def _follow(self, running: Running) -> None:
        """Return when the container ends. Raises LabError when it ended with an error of its own."""
        waiting = subprocess.Popen(
            ["docker", "wait", running.id],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        try:
            status = waiting.communicate()[0].strip()
        finally:
            waiting.kill()
        if status not in ("", "0", "143"):  # removed, shut down from JupyterLab's menu, or stopped by `make stop`
            raise self._broken(self.find())

    def _broken(self, running: Running | None) -> LabError:
        number = self.lab.lesson.number
        words = running.last_words() if running else Bilingual("it was removed", "容器已被删除")
        return LabError(
            Bilingual(
                f"Lab {number} does not run: {words.en} (`make logs-{number}` shows all)",
                f"实验 {number} 没有运行起来：{words.zh}（`make logs-{number}` 显示全部日志）",
            )
        )

    def _make_folders(self) -> None:
        """Make the folders that are mounted beside the student's, with its owner. Docker would make them root's."""
        owner = self.workspace.folder(self.lab).stat()
        for folder in (".home", ".submissions", f".submissions/{self.lab.name}"):
            path = self.workspace.work / folder
            path.mkdir(exist_ok=True)
            if hasattr(os, "geteuid") and os.geteuid() == 0:
                os.chown(path, owner.st_uid, owner.st_gid)

    def _compose(self, *command: str, **values: str) -> "subprocess.CompletedProcess[str]":
        """`docker compose` on this lab's project; `values` are those of a start."""
        folder = self.workspace.root / "compose"
        variant = folder / f"lab.{self.variant}.yaml"
        checkout = checkout_id(self.workspace)
        return docker(
            "compose",
            f"--project-name=llm101-{checkout}-{self.lab.name}",
            *(f"--file={file}" for file in (folder / "lab.yaml", variant) if file.is_file()),
            *(f"--profile={service}" for service in self.services),
            *command,
            env={**os.environ, **self._variables(), "CHECKOUT": checkout, **values},
        )

    def _variables(self) -> dict[str, str]:
        folder = self.workspace.folder(self.lab)
        owner = folder.stat() if folder.is_dir() and not self.engine.rootless else None
        return {
            "LLM101_REGISTRY": registry.prefix(),
            "LLM101_LANG": self.lang,
            "LESSON": self.lab.lesson.number,
            "LAB": self.lab.name,
            "VARIANT": self.variant,
            "NOTEBOOK": f"{self.lab.notebooks[0]}.ipynb",
            "WORK": str(self.workspace.work),
            "OWNER": f"{owner.st_uid}:{owner.st_gid}" if owner else "0:0",  # a rootless engine's root is the user
            "PORT": "0",
            "TENSORBOARD_PORT": "0",
            "JUPYTER_TOKEN": "",
        }


def choose_variant() -> str:
    """VARIANT, else what fits this machine. Raises LabError for an unknown variant, or for cuda without a GPU."""
    asked = os.environ.get("VARIANT")
    if asked and asked not in SERVICES:
        raise LabError(
            Bilingual(
                f"VARIANT takes {', '.join(SERVICES)}, not {asked!r}.",
                f"VARIANT 只能是 {'、'.join(SERVICES)}，不能是 {asked!r}。",
            )
        )
    if asked == "cuda" and not has_nvidia_gpu():
        raise LabError(
            Bilingual(
                "VARIANT=cuda, and no NVIDIA GPU is visible: see what `nvidia-smi` says, or use VARIANT=cpu.",
                "VARIANT=cuda，但看不到 NVIDIA GPU：请查看 `nvidia-smi` 的输出，或使用 VARIANT=cpu。",
            )
        )
    if asked:
        return asked
    if has_nvidia_gpu():
        return "cuda"
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "cpu"


def has_nvidia_gpu() -> bool:
    """Whether the NVIDIA driver lists a GPU."""
    if shutil.which("nvidia-smi") is None:
        return False
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return listed.returncode == 0 and listed.stdout.startswith("GPU")


def find_all(workspace: Workspace) -> list[Running]:
    """The containers of this checkout's labs, running or ended, by lab."""
    found = inspect(f"org.llm101.checkout={checkout_id(workspace)}", "org.llm101.lab")
    return sorted(map(Running.read, found), key=lambda running: running.lab)


def checkout_id(workspace: Workspace) -> str:
    """A short name for this checkout, which keeps the containers of different users apart."""
    return hashlib.sha256(str(workspace.root).encode()).hexdigest()[:8]


def _no_such_service(service: str, variant: str) -> LabError:
    if service == "ollama":
        return LabError(
            Bilingual(
                "ollama runs on the Mac itself, where it has the GPU: install it from ollama.com; the lab finds it.",
                "ollama 直接在 Mac 上运行才能使用 GPU：请从 ollama.com 安装，实验会自动连接。",
            )
        )
    there = [name for name in SERVICES if service in SERVICES[name]]
    return LabError(
        Bilingual(
            f"--with {service} needs VARIANT={there[0]}; this is VARIANT={variant}.",
            f"--with {service} 需要 VARIANT={there[0]}；当前是 VARIANT={variant}。",
        )
    )


@contextmanager
def _status(text: str) -> Iterator[None]:
    with Console(stderr=True).status(text):
        yield


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Signals have no effect meanwhile, so that a second Ctrl-C does not leave a container half stopped."""
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), signal.SIG_IGN) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
