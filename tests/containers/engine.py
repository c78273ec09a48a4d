"""A Docker engine for the tests: the one that answers, or one of our own where there is none and we are root.

    .venv/bin/python tests/containers/engine.py [--images]

prepares one of our own, builds the CPU images where it is told to, prints the environment to use it and waits for its
end.

Our own comes from Debian's packages, with a base image by mmdebstrap and the wheels in a folder served to the builds:
no registry of images is needed. All is kept in ~/.cache/llm101-labs, so that the next run builds only what has changed.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "requirements"))

import layers  # noqa: E402

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llm101-labs"
BASE_IMAGE = "llm101-test-base:bookworm"
START_SECONDS = 60
WHEELS_PORT = 18737  # always the same: it is in the build arguments, and so in the keys of the layer cache
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
TRIXIE = "deb http://deb.debian.org/debian trixie main"
PLUGINS = ("docker-buildx", "docker-compose")  # bookworm has none of them


class NoEngine(Exception):
    """There is no engine, and why none can be made."""


@contextlib.contextmanager
def running() -> Iterator[dict[str, str]]:
    """The environment in which `docker` finds an engine that answers, with buildx and compose.

    Raises NoEngine where there is none and one cannot be started.
    """
    if docker("version") == 0 and docker("buildx", "version") == 0 and docker("compose", "version") == 0:
        yield {}
        return
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NoEngine("no Docker engine with buildx and compose answers, and only root on Debian can start one here")
    install()
    with own_engine() as environment, served(CACHE / "wheels") as wheels:
        arguments = {"BASE_IMAGE": BASE_IMAGE, "PIP_FIND_LINKS": wheels, "PIP_NO_INDEX": "1"}
        options = " ".join(f"--build-arg {name}={value}" for name, value in arguments.items())
        environment["LLM101_BUILD"] = f"--network host {options}"
        make_base(environment)
        gather_wheels(environment)
        yield environment


def docker(*arguments: str, environment: dict[str, str] | None = None) -> int:
    """The exit status of a docker command, 127 where there is no docker."""
    if shutil.which("docker") is None:
        return 127
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.run(["docker", *arguments], env={**os.environ, **(environment or {})}, **quiet).returncode


def install() -> None:
    """Debian's engine and mmdebstrap, and the plugins of the next Debian, unpacked beside and not installed."""
    if not all(map(shutil.which, ("dockerd", "iptables", "mmdebstrap"))):
        apt("update", "-qq")
        apt("install", "-y", "-qq", "--no-install-recommends", "docker.io", "iptables", "mmdebstrap")
    plugins = CACHE / "config" / "cli-plugins"
    if all((plugins / name).exists() for name in PLUGINS):
        return
    # Package lists of our own: the machine's stay as they are.
    lists = CACHE / "apt"
    (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (lists / "sources.list").write_text(TRIXIE + "\n")
    own = ["-o", f"Dir::State::lists={lists}/lists", "-o", f"Dir::Etc::sourcelist={lists}/sources.list"]
    own += ["-o", "Dir::Etc::sourceparts=-", "-o", "APT::Sandbox::User=root"]
    apt(*own, "update", "-qq")
    apt(*own, "download", *PLUGINS, folder=lists)
    plugins.mkdir(parents=True, exist_ok=True)
    for package in lists.glob("*.deb"):
        run("dpkg", "-x", str(package), str(lists / "unpacked"))
    for name in PLUGINS:
        shutil.copy2(lists / "unpacked/usr/libexec/docker/cli-plugins" / name, plugins)


@contextlib.contextmanager
def own_engine() -> Iterator[dict[str, str]]:
    """A dockerd with its images in the cache; one that an earlier run has left running is used as it is."""
    folder = CACHE / "engine"
    folder.mkdir(parents=True, exist_ok=True)
    socket = f"unix://{folder}/docker.sock"
    environment = {"DOCKER_HOST": socket, "DOCKER_CONFIG": str(CACHE / "config")}
    if docker("version", environment=environment) == 0:
        yield environment
        return
    places = ["--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid"]
    with (folder / "log").open("wb") as log:
        command = ["dockerd", "-H", socket, *map(str, places)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while docker("version", environment=environment):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NoEngine(f"dockerd does not start: {(folder / 'log').read_text()[-300:]}")
            time.sleep(0.3)
        yield environment
        docker("image", "prune", "--force", environment=environment)
    finally:
        process.terminate()
        process.wait(30)


def make_base(environment: dict[str, str]) -> None:
    """What python:3.11-slim-bookworm is elsewhere: Debian with Python, from Debian's own archive."""
    if docker("image", "inspect", BASE_IMAGE, environment=environment) == 0:
        return
    archive = CACHE / "base.tar"
    packages = "--include=python3,python3-venv,python3-pip,ca-certificates"
    run("mmdebstrap", "--quiet", "--variant=minbase", packages, "bookworm", str(archive))
    run("docker", "import", str(archive), BASE_IMAGE, environment=environment)
    archive.unlink()


def gather_wheels(environment: dict[str, str]) -> None:
    """The wheels of every layer, downloaded by the image's Python; torch by ours, which is set up to find it."""
    wheels = CACHE / "wheels"
    own = sorted({lab.layer for lab in layers.labs() if not layers.Layer.read(lab.layer).alone})
    locks = [layers.FOLDER / f"{name}.txt" for name in ("framework", "models", *own, "grader")]
    stamp = wheels / "locks"
    pins = (layers.FOLDER / "torch.txt").read_text()
    wanted = pins + "".join(lock.read_text() for lock in locks)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels)]
    torch = f"{next(line.split()[0] for line in pins.splitlines() if line.startswith('torch=='))}+cpu"
    run(*pip, "--python-version=3.11", "--only-binary=:all:", "--platform=manylinux_2_28_x86_64", torch)
    script = "for lock; do python3 -m pip download -q --no-deps --require-hashes -f /wheels -d /wheels -r $lock; done"
    mounts = [f"--volume={wheels}:/wheels", f"--volume={ROOT}/requirements:/requirements:ro"]
    if CERTIFICATES.exists():
        mounts += [f"--volume={CERTIFICATES}:/certificates:ro", "--env=PIP_CERT=/certificates"]
    inside = [f"/requirements/{lock.name}" for lock in locks]
    container = ["docker", "run", "--rm", "--network=host", *mounts, BASE_IMAGE, "sh", "-ec", script, "pip", *inside]
    run(*container, environment=environment)
    stamp.write_text(wanted)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of `folder` on the loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    folder.mkdir(parents=True, exist_ok=True)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", WHEELS_PORT), functools.partial(Quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{WHEELS_PORT}"
    finally:
        server.shutdown()


def apt(*arguments: str, folder: Path | None = None) -> None:
    run("apt-get", *arguments, environment={"DEBIAN_FRONTEND": "noninteractive"}, folder=folder)


def run(*command: str, environment: dict[str, str] | None = None, folder: Path | None = None) -> None:
    """Runs a command; NoEngine with its last line when it fails."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    if done.returncode:
        raise NoEngine(f"{command[0]} failed: {done.stdout.strip()[-400:]}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with running() as environment:
        if "--images" in sys.argv:
            build = [sys.executable, str(ROOT / "images" / "build.py"), "--variant", "cpu"]
            subprocess.run(build, env={**os.environ, **environment}, stdout=sys.stderr, check=True)
        print(": ready", *(f"export {name}={value!r}" for name, value in environment.items()), sep="\n", flush=True)
        threading.Event().wait()
