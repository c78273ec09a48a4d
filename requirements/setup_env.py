"""Bring .venv to what a target of the Makefile needs; called before each, and mostly nothing is to be done.

    python3 requirements/setup_env.py NN start         for students: labkit alone, seconds; labs run in containers
    python3 requirements/setup_env.py NN lab           lab NN without containers: torch, its layer, labkit, the models
    python3 requirements/setup_env.py grader sandbox   the same for all labs, the grader's layer, and bubblewrap
    python3 requirements/setup_env.py dev              as grader, and what working on the project needs
    python3 requirements/setup_env.py docs              what builds the documentation site, and nothing else

Which layer a lab needs stands in its released lab.toml, what a layer stands on in its .in file (layers.py).

Standard library only, and quick when nothing is to be done: a stamp for each step holds the hash of its
inputs, and what only the slow paths import stands inside them. An interrupted installation is repaired by the
next call. pip's own configuration (indexes, find-links, proxies) holds.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMPS = VENV / ".llm101"
LOG = VENV / "setup.log"

OLDEST_PYTHON = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
HASHED = ("--no-deps", "--require-hashes", "-r")
INDEX_PROBE_SECONDS = 4

# What is installed for whom, in the order of installation. OWN stands for the layers that labs have of their own.
OWN = "own"
ORDER = ("start", "framework", "lab", OWN, "models", "grader", "dev", "docs", "packages", "weights", "corpora")
STEPS = {
    "start": ("start", "packages"),
    "lab": ("framework", "lab", OWN, "models", "packages", "weights", "corpora"),
    "grader": ("framework", "lab", OWN, "models", "grader", "packages", "weights"),
    "dev": ("framework", "lab", OWN, "models", "grader", "dev", "packages", "weights", "corpora"),
    "docs": ("docs",),
    "sandbox": ("sandbox",),
}


class Stop(Exception):
    """Set-up cannot go on; the message is the one line that says what to do."""


def main(arguments: list[str]) -> None:
    lesson = arguments[0] if arguments and arguments[0] not in STEPS else None
    roles = arguments[1:] if lesson else arguments
    if not roles or not set(roles) <= set(STEPS):
        call = f"setup_env.py [NN] {{{','.join(STEPS)}}} ..."
        raise Stop(told(f"usage: {call}", f"用法：{call}"))
    if "sandbox" in roles:
        ensure_sandbox_tools()
    wanted = steps(roles, lesson)
    if not missing(wanted):
        return
    if lesson:
        ensure_lab_exists(lesson)
    with one_at_a_time():
        ensure_venv()
        todo = missing(wanted)
        for number, step in enumerate(todo, start=1):
            install(step, f"[{number}/{len(todo)}]")


def steps(roles: list[str], lesson: str | None) -> list[str]:
    """What the roles consist of, in order. The lab's own layer is among it; whoever grades needs those of all labs."""
    named = {name for role in roles for name in STEPS[role]}
    own = own_layers(None if {"grader", "dev"} & set(roles) else lesson) if OWN in named else []
    return [step for name in ORDER if name in named for step in (own if name == OWN else [name])]


def own_layers(lesson: str | None) -> list[str]:
    """The layers on top of the common one: that of a lesson's lab, or those of all labs that can share .venv."""
    import layers

    labs = [lab for lab in layers.labs(ROOT) if lesson is None or lab.lesson == lesson.zfill(2)]
    own = {lab.layer: layers.Layer.read(lab.layer, LOCKS) for lab in labs if lab.layer != layers.COMMON}
    if lesson and any(layer.alone for layer in own.values()):
        raise Stop(
            told(
                f"Lab {lesson} runs in its container only: its packages do not fit beside those of the other labs.",
                f"实验 {lesson} 只能在容器中运行：它的软件包与其他实验的不能共存。",
            )
        )
    return sorted(name for name, layer in own.items() if not layer.alone)


def ensure_lab_exists(lesson: str) -> None:
    """Say so before anything is installed when there is no such lab; labkit's own modules need no package."""
    call = [find_python(), "-S", "-m", "launcher.workspace", lesson]
    if subprocess.run(call, cwd=ROOT / "assignments").returncode:
        sys.exit(2)


# ---- what is there -------------------------------------------------------------------------------------


def missing(wanted: list[str]) -> list[str]:
    """The steps that are not done yet, or whose inputs have changed since."""
    if not is_our_venv():
        return wanted
    return [step for step in wanted if read(STAMPS / step) != inputs_hash(step)]


def inputs_hash(step: str) -> str:
    """What a step depends on, as a hash: the same hash means that there is nothing to install."""
    inputs = {
        "framework": lambda: (LOCKS / "torch.txt").read_bytes() + (LOCKS / "framework.txt").read_bytes(),
        "packages": lambda: (ROOT / "pyproject.toml").read_bytes(),
        # What is there already is not made again, so another line in this file costs a second.
        "weights": lambda: (ROOT / "assignments" / "labkit" / "models.py").read_bytes(),
        "corpora": lambda: (LOCKS / "corpora.sh").read_bytes(),
    }.get(step, lambda: (LOCKS / f"{step}.txt").read_bytes())
    return hashlib.sha256(inputs()).hexdigest()


def is_our_venv() -> bool:
    """Whether .venv was made for this place: one that was moved or copied has wrong paths in its scripts."""
    return PYTHON.exists() and read(STAMPS / "place") == str(VENV)


def read(file: Path) -> str | None:
    try:
        return file.read_text()
    except OSError:
        return None


# ---- the virtual environment ---------------------------------------------------------------------------


def ensure_venv() -> None:
    if is_our_venv():
        return
    interpreter = find_python()
    log = shown(LOG)
    say(
        told(f"Creating .venv with {interpreter} (the log is {log})", f"正在用 {interpreter} 创建 .venv（日志：{log}）")
    )
    made = subprocess.run(
        [interpreter, "-m", "venv", "--clear", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode:
        why = last_line(made.stdout)
        raise Stop(told(f"Could not create .venv: {why}", f"无法创建 .venv：{why}"))
    STAMPS.mkdir()
    (STAMPS / "place").write_text(str(VENV))


def find_python() -> str:
    """The first interpreter that is new enough and can make virtual environments."""
    new_enough = f"import sys; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    without_venv = None
    # The base executable is outside .venv, also when .venv's Python runs this.
    running = getattr(sys, "_base_executable", sys.executable)
    for name in [running, "python3", "python3.14", "python3.13", "python3.12", "python3.11"]:
        path = shutil.which(name)
        if path is None or Path(path).parent == PYTHON.parent or not runs(path, new_enough):
            continue
        if runs(path, "import ensurepip, venv"):
            return path
        without_venv = without_venv or path
    if without_venv:
        install = "sudo apt-get install -y python3-venv"
        raise Stop(
            told(
                f"{without_venv} lacks venv: run `{install}`, then try again.",
                f"{without_venv} 缺少 venv：请运行 `{install}`，然后重试。",
            )
        )
    raise Stop(
        told(
            "LLM101 Labs needs Python 3.11 or newer: install it, see that it is on the PATH, then try again.",
            "LLM101 Labs 需要 Python 3.11 或更新的版本：请先安装，确认它在 PATH 中，然后重试。",
        )
    )


def runs(interpreter: str, code: str) -> bool:
    return subprocess.run([interpreter, "-c", code], stderr=subprocess.DEVNULL).returncode == 0


def hand_over() -> None:
    """A Python that is too old only looks for one that is not, and leaves the rest to that."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(subprocess.run([find_python(), "-I", "-S", *sys.argv]).returncode)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two calls at once do not install into the same place."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    folder = os.open(LOCKS, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(told("Another set-up is running: waiting for it", "另一个安装进程正在运行：等它结束"))
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


# ---- the steps -----------------------------------------------------------------------------------------


def install(step: str, count: str) -> None:
    """Carry out one step, and leave its stamp only when all went well."""
    import time

    start = time.monotonic()
    outcome = told("is ready", "已就绪")
    if step == "framework":
        install_torch(f"{count} PyTorch")
    elif step == "packages":
        pip(f"{count} labkit", "packages", "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    elif step == "weights":
        make_weights(told(f"{count} SmolLM2 and MiniLM", f"{count} SmolLM2 和 MiniLM"))
    elif step == "corpora":
        outcome = fetch_corpora()
    else:
        title = told(f"{count} packages of the {step} layer", f"{count} {step} 层的软件包")
        pip(title, step, *HASHED, str(LOCKS / f"{step}.txt"))
    (STAMPS / step).write_text(inputs_hash(step))
    seconds = f"{time.monotonic() - start:.0f}"
    say(told(f"{count} {step} {outcome} ({seconds} s)", f"{count} {step} {outcome}（{seconds} 秒）"))


def install_torch(title: str) -> None:
    """torch with its hash, in the build that fits this machine, then what it depends on.

    The CPU build spares a Linux laptop gigabytes of CUDA. Its index is asked only where it answers at once, so that a
    closed network loses no time; pip's own find-links may have it, too. An index that the user names in TORCH_INDEX_URL
    is taken at its word.
    """
    pins = (LOCKS / "torch.txt").read_text()
    version = next(line.split()[0] for line in pins.splitlines() if line.startswith("torch=="))
    index = os.environ.get("TORCH_INDEX_URL", "").rstrip("/")
    if index not in ("", CPU_INDEX):
        say(
            told(
                f"{title}: taken from {index} by its version alone, for torch.txt has no hashes of its builds",
                f"{title}：从 {index} 安装，只核对版本号，因为 torch.txt 中没有那里的哈希值",
            )
        )
        pip(title, "framework", "--no-deps", "--index-url", index, version)
    elif index or (sys.platform == "linux" and not has_nvidia_gpu()):
        source = ["--index-url", CPU_INDEX] if index or answers(f"{CPU_INDEX}/torch/") else []
        with scratch(pins.replace(version, f"{version}+cpu")) as file, contextlib.suppress(*(() if index else (Stop,))):
            pip(told(f"{title} (CPU build)", f"{title}（CPU 版）"), "framework", *source, *HASHED, file)
    pip(title, "framework", *HASHED, str(LOCKS / "torch.txt"))
    packages = told(f"{title}'s packages", f"{title} 的软件包")
    pip(packages, "framework-needs", *HASHED, str(LOCKS / "framework.txt"))
    with scratch(needs_of_torch()) as needs, scratch(pinned_versions()) as constraints:
        pip(told(f"{title}'s libraries", f"{title} 的库"), "framework-libraries", "-r", needs, "-c", constraints)


def needs_of_torch() -> str:
    """What the installed build says that it depends on: CUDA's libraries and Triton, or no more than framework.txt."""
    code = "from importlib.metadata import requires; print(*(requires('torch') or ()), sep='\\n')"
    return subprocess.run([PYTHON, "-c", code], stdout=subprocess.PIPE, text=True).stdout


def has_nvidia_gpu() -> bool:
    return shutil.which("nvidia-smi") is not None or any(Path("/dev").glob("nvidia[0-9]*"))


def answers(url: str) -> bool:
    """Whether `url` can be reached within seconds, through the proxy that pip is configured with."""
    import re
    import ssl
    import urllib.request

    command = [str(PYTHON), "-m", "pip", "config", "list"]
    proxy = re.search(r"\.proxy='(.+)'", subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout)
    # Only whether it answers matters here: pip verifies certificates when it downloads.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=ssl._create_unverified_context())]
    if proxy:
        handlers.append(urllib.request.ProxyHandler({"https": proxy[1]}))
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=INDEX_PROBE_SECONDS):
            return True
    except OSError:
        return False


def pinned_versions() -> str:
    """The lab layer's versions as pip constraints, without hashes: no lock has the libraries of every build."""
    import re

    pins = re.findall(r"^([a-z0-9].*?) \\$", (LOCKS / "lab.txt").read_text(), flags=re.MULTILINE)
    return "\n".join(pins)


@contextlib.contextmanager
def scratch(text: str) -> Iterator[str]:
    """A file with `text` for pip."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requirements.txt")
        file.write_text(text)
        yield str(file)


def make_weights(title: str) -> None:
    progress = Progress(title)
    progress.show(told("converting the weights (once)", "正在转换权重（仅一次）"))
    code = "from labkit.models import minilm_folder, smollm2_folder; minilm_folder(), smollm2_folder()"
    with LOG.open("ab") as log:
        made = subprocess.run([PYTHON, "-c", code], stdout=log, stderr=log)
    progress.clear()
    if made.returncode:
        log_file = shown(LOG)
        raise Stop(
            told(f"{title}: the conversion failed; the log is {log_file}", f"{title}：转换失败；日志：{log_file}")
        )


def fetch_corpora() -> str:
    """The texts that labs train on, where apt is; without them labs do with what pip brings, so nothing stops here."""
    call = ["sh", str(LOCKS / "corpora.sh"), str(VENV / "share" / "llm101" / "corpora")]
    if not shutil.which("apt-get"):
        return told(
            "come from Debian packages, and apt is not here: labs train on what pip brought",
            "来自 Debian 软件包，而这里没有 apt：实验改用 pip 装来的文本训练",
        )
    with LOG.open("ab") as log:
        if os.geteuid() == 0:  # another user has to do with the lists of packages that are there
            subprocess.run(["apt-get", "update"], stdout=log, stderr=log)
        if subprocess.run(call, stdout=log, stderr=log).returncode == 0:
            return told("is ready", "已就绪")
    again = f"sudo apt-get update; sh {shown(LOCKS / 'corpora.sh')} {shown(VENV)}/share/llm101/corpora"
    return told(
        f"could not be fetched, labs train on what pip brought; to try again: {again}",
        f"无法下载，实验改用 pip 装来的文本训练；重试：{again}",
    )


# ---- pip -----------------------------------------------------------------------------------------------


def pip(title: str, packages: str, *arguments: str) -> None:
    """`pip install` with its output in the log and one line of progress on the screen.

    A file named after `packages` stands while they are being written. Found at the start, it says that a call was
    killed at that point: what pip then takes for installed may be half there, and everything is installed anew.
    """
    unfinished = STAMPS / f"{packages}.unfinished"
    command = [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command += ["--progress-bar=off", *(["--force-reinstall"] if unfinished.exists() else [])]
    environment = {**os.environ, "PIP_USER": "0", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
    )
    problem = follow(process, Progress(title), unfinished)
    if process.wait():
        log = shown(LOG)
        raise Stop(
            told(f"{title}: pip failed: {problem} (the log is {log})", f"{title}：pip 失败：{problem}（日志：{log}）")
        )
    unfinished.unlink(missing_ok=True)


def follow(process: subprocess.Popen[str], progress: Progress, unfinished: Path) -> str:
    """Show what pip is doing until it ends; its first error, if it tells one."""
    assert process.stdout is not None
    packages = 0
    unsaid = problem = told("it does not say why", "它没有说明原因")
    with LOG.open("a", buffering=1) as log:
        for line in process.stdout:
            log.write(line)
            if line.startswith("Collecting "):
                packages += 1
                name = line.split()[1].split("=")[0]
                progress.show(told(f"collecting {name} ({packages})", f"正在收集 {name}（{packages}）"))
            elif line.startswith("Installing collected"):
                unfinished.touch()
                count = line.count(",") + 1
                progress.show(told(f"installing ({count})", f"正在安装（{count} 个）"))
            elif line.startswith("ERROR:") and problem == unsaid:
                problem = line.replace("ERROR:", "", 1).strip()
    progress.clear()
    return problem


class Progress:
    """One line that changes in a terminal, and one line for each step elsewhere."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._moves = sys.stderr.isatty()
        if not self._moves:
            say(f"{title} ...")

    def show(self, what: str) -> None:
        if self._moves:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\033[K{(self._title + told(': ', '：') + what)[:width]}")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._moves:
            sys.stderr.write("\r\033[K")


# ---- the sandbox's tools -------------------------------------------------------------------------------


def ensure_sandbox_tools() -> None:
    """bubblewrap and libseccomp: installed by apt as root, else the command that installs them is shown."""
    if sys.platform != "linux":
        raise Stop(
            told(
                "Grading needs Linux (bubblewrap): hand in your notebook, or grade it on a Linux machine.",
                "评分需要 Linux（bubblewrap）：请直接上交笔记本，或在 Linux 机器上评分。",
            )
        )
    if has_sandbox_tools():
        return
    managers = {
        "apt-get": "apt-get install -y bubblewrap libseccomp2",
        "dnf": "dnf install -y bubblewrap libseccomp",
        "pacman": "pacman -S --needed bubblewrap libseccomp",
        "zypper": "zypper install -y bubblewrap libseccomp2",
    }
    command = next((line for name, line in managers.items() if shutil.which(name)), None)
    if command is None:
        raise Stop(
            told(
                "Grading needs bubblewrap and libseccomp: install both with your system's package manager.",
                "评分需要 bubblewrap 和 libseccomp：请用系统的包管理器安装。",
            )
        )
    root = os.geteuid() == 0
    if not root or not command.startswith("apt-get"):
        install = command if root else f"sudo {command}"
        raise Stop(
            told(
                f"Grading needs bubblewrap. Run this once, then try again: {install}",
                f"评分需要 bubblewrap。请运行一次下面的命令，然后重试：{install}",
            )
        )
    say(told("Installing bubblewrap and libseccomp2 with apt", "正在用 apt 安装 bubblewrap 和 libseccomp2"))
    script = f"apt-get update; DEBIAN_FRONTEND=noninteractive {command}"
    done = subprocess.run(
        ["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    if done.returncode or not has_sandbox_tools():
        why = last_line(done.stdout)
        raise Stop(told(f"`{command}` failed: {why}", f"`{command}` 失败：{why}"))


def has_sandbox_tools() -> bool:
    import ctypes

    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return False
    return shutil.which("bwrap") is not None or os.environ.get("LLM101_SANDBOX", "").startswith("docker")


# ---- words ---------------------------------------------------------------------------------------------


def told(en: str, zh: str) -> str:
    """One of the two, by the rule of labkit.i18n.of_terminal; that needs Python 3.11, and this speaks on older ones."""
    names = ("LLM101_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    asked = next((os.environ[name] for name in names if os.environ.get(name)), "")
    return zh if asked.startswith("zh") else en


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def shown(path: Path) -> str:
    return os.path.relpath(path)


if __name__ == "__main__":
    try:
        hand_over()
        sys.path.insert(0, str(LOCKS))  # which -I leaves out
        main(sys.argv[1:])
    except Stop as reason:
        say(str(reason))
        sys.exit(2)
    except KeyboardInterrupt:
        say(told("\nStopped. The next call goes on from here.", "\n已停止。下次调用会从这里继续。"))
        sys.exit(130)
