"""One engine and one build of the images for all tests of this folder."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from tests.containers import engine as engines

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "images"))

import build  # noqa: E402

Start = Callable[..., Container]


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """An engine that answers. Without one the tests are skipped, in CI they fail."""
    try:
        with engines.running() as environment, pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            yield docker.from_env(timeout=300)
    except engines.NoEngine as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def plan(engine: docker.DockerClient) -> dict[str, Any]:
    """The bake file with the released labs, as buildx reads it: targets by name."""
    return build.read_plan()


@pytest.fixture(scope="session")
def images(engine: docker.DockerClient) -> docker.DockerClient:
    """The engine, with every CPU image built from this tree."""
    done = subprocess.run(
        [sys.executable, "images/build.py", "--variant", "cpu"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return engine


@pytest.fixture
def start(images: docker.DockerClient) -> Iterator[Start]:
    """start(image, command, **options): a container that is removed after the test, as locked up as compose has it."""
    with starting(images) as start:
        yield start


@pytest.fixture(scope="module")
def start_for_all(images: docker.DockerClient) -> Iterator[Start]:
    """The same for a container that the tests of a module share."""
    with starting(images) as start:
        yield start


@contextlib.contextmanager
def starting(images: docker.DockerClient) -> Iterator[Start]:
    started: list[Container] = []

    def run(image: str, command: list[str] | None = None, **options: Any) -> Container:
        tight = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"], "network_mode": "none"}
        writable = {"/tmp": "exec", "/home/student": "mode=1777", "/course/work": "mode=1777"}
        container = images.containers.run(image, command, detach=True, **{**tight, "tmpfs": writable, **options})
        started.append(container)
        return container

    yield run
    for container in started:
        container.remove(force=True)


@pytest.fixture
def output(start: Start) -> Any:
    """output(image, command, **options): what a command prints in a container. It must succeed."""

    def run(image: str, command: list[str], **options: Any) -> str:
        container = start(image, command, **options)
        status = container.wait(timeout=1200)["StatusCode"]
        assert status == 0, container.logs(tail=30).decode()
        return container.logs(stderr=False).decode()

    return run
