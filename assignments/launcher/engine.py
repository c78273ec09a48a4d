"""The Docker engine of this machine, through the `docker` command: whether it answers, and which images it has."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit import registry
from labkit.i18n import Bilingual
from launcher.workspace import LabError

ANSWER_SECONDS = 5
NEEDED_GB = 8  # to pull or build an image with all that is below it
NEEDED_GB_CUDA = 30


class NoContainers(LabError):
    """Labs cannot run in containers here. `why` is the reason; the message adds what to do."""

    def __init__(self, why: Bilingual, cure: Bilingual) -> None:
        super().__init__(Bilingual(f"{why.en}: {cure.en}", f"{why.zh}：{cure.zh}"))
        self.why = why


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers on this machine and has the compose plugin."""

    root: Path  # where it keeps its images; on this host, or in Docker Desktop's virtual machine
    rootless: bool

    @classmethod
    def find(cls) -> "Engine":
        """The engine that the `docker` command talks to; NoContainers, within seconds, where labs cannot use one."""
        if shutil.which("docker") is None:
            raise NoContainers(
                Bilingual("Docker is not installed", "没有安装 Docker"),
                Bilingual("install it, or use LAB_RUNTIME=venv.", "请先安装，或使用 LAB_RUNTIME=venv。"),
            )
        try:
            done = docker("info", "--format", "{{json .}}", timeout=ANSWER_SECONDS)
            endpoint = docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}", timeout=ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            raise _silent() from None
        info = _json(done.stdout)
        if not info.get("DockerRootDir"):
            raise _forbidden() if "permission denied" in done.stderr + str(info.get("ServerErrors")) else _silent()
        if endpoint.stdout.startswith(("tcp:", "ssh:")):
            raise NoContainers(
                Bilingual("The Docker engine is on another machine", "Docker 引擎在另一台机器上"),
                Bilingual(
                    "your folder cannot be mounted there. Unset DOCKER_HOST, or use LAB_RUNTIME=venv.",
                    "无法挂载你的文件夹。请取消 DOCKER_HOST，或使用 LAB_RUNTIME=venv。",
                ),
            )
        if "compose" not in [plugin["Name"] for plugin in info["ClientInfo"].get("Plugins") or []]:
            raise NoContainers(
                Bilingual("Docker lacks its compose plugin", "Docker 缺少 compose 插件"),
                Bilingual(
                    "install docker-compose-plugin (or docker-compose-v2), or use LAB_RUNTIME=venv.",
                    "请安装 docker-compose-plugin（或 docker-compose-v2），或使用 LAB_RUNTIME=venv。",
                ),
            )
        return cls(Path(info["DockerRootDir"]), "name=rootless" in (info.get("SecurityOptions") or []))

    def ensure_image(self, image: str, repository: Path) -> None:
        """Make sure that `image` is here: pulled where LLM101_REGISTRY names a registry, else built from images/.

        Raises:
            NoContainers: there is nothing that it could be made from.
            LabError: the disk is too small for it, or pulling or building failed.
        """
        if docker("image", "inspect", image).returncode == 0:
            return
        build = repository / "images" / "build.py"
        name, _, tag = image.rpartition("/")[2].partition(":")
        if registry.prefix() or "llm101/" not in image:
            command = ["docker", "pull", image]
            failed = Bilingual("could not be pulled", "拉取失败")
        elif build.is_file():
            command = [sys.executable, str(build), name.removeprefix("lab-"), "--variant", tag]
            failed = Bilingual("could not be built", "构建失败")
        else:
            raise NoContainers(
                Bilingual(f"The image {image} is not here", f"这里没有镜像 {image}"),
                Bilingual(
                    "set LLM101_REGISTRY to the registry that has it, or use LAB_RUNTIME=venv.",
                    "请用 LLM101_REGISTRY 指定镜像仓库，或使用 LAB_RUNTIME=venv。",
                ),
            )
        self._ensure_room(image)
        if subprocess.run(command, cwd=repository).returncode:  # the user sees its progress
            raise LabError(
                Bilingual(
                    f"The image {image} {failed.en}: see above, or use LAB_RUNTIME=venv.",
                    f"镜像 {image} {failed.zh}：请看上面的输出，或使用 LAB_RUNTIME=venv。",
                )
            )

    def _ensure_room(self, image: str) -> None:
        """Raises LabError when the engine's disk is too small. A virtual machine's disk cannot be seen."""
        if not self.root.exists():
            return
        needed = NEEDED_GB_CUDA if image.endswith(":cuda") else NEEDED_GB
        free = shutil.disk_usage(self.root).free // 10**9
        if free < needed:
            raise LabError(
                Bilingual(
                    f"{image} needs {needed} GB and {self.root} has {free} GB free: make room "
                    "(`docker system prune` removes what nothing uses), or use LAB_RUNTIME=venv.",
                    f"{image} 需要 {needed} GB，而 {self.root} 只剩 {free} GB：请腾出空间"
                    "（`docker system prune` 会删除无用的数据），或使用 LAB_RUNTIME=venv。",
                )
            )


def docker(*arguments: str, timeout: float | None = None, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run `docker` and return its output. It has its own session: a Ctrl-C reaches only us, and we tell docker."""
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=timeout, start_new_session=True, **options
    )


def inspect(*labels: str) -> list[dict[str, Any]]:
    """What the engine knows about the containers with all these labels ("key" or "key=value")."""
    found = docker("ps", "--all", "--quiet", "--no-trunc", *(f"--filter=label={label}" for label in labels))
    ids = found.stdout.split()
    # A container that has gone since does not keep the others out of the answer.
    return json.loads(docker("inspect", *ids).stdout) if ids else []


def last_line(text: str) -> str:
    """The last line of what a command said."""
    return text.strip().rpartition("\n")[2].strip()


def _json(text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _silent() -> NoContainers:
    return NoContainers(
        Bilingual("No Docker engine answers", "没有正在运行的 Docker 引擎"),
        Bilingual(
            "start Docker Desktop, or `sudo systemctl start docker`, or use LAB_RUNTIME=venv.",
            "请启动 Docker Desktop，或运行 `sudo systemctl start docker`，或使用 LAB_RUNTIME=venv。",
        ),
    )


def _forbidden() -> NoContainers:
    return NoContainers(
        Bilingual("You may not use the Docker engine", "你没有使用 Docker 引擎的权限"),
        Bilingual(
            "`sudo usermod -aG docker $USER` and log in again, or use LAB_RUNTIME=venv.",
            "请运行 `sudo usermod -aG docker $USER` 后重新登录，或使用 LAB_RUNTIME=venv。",
        ),
    )
