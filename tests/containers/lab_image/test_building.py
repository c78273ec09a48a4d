"""How a lab's image is made: what a change makes anew, and without buildx."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from autograder.lab import Lab
from tests import rotation

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(params=rotation.labs(), ids=lambda lab: lab.id)
def lab(request: pytest.FixtureRequest) -> Lab:
    return request.param


@pytest.fixture
def context(images: docker.DockerClient, tmp_path: Path) -> Iterator[Path]:
    """A copy of what a lab's image is made of."""
    for part in ("assignments", "images/lab"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    yield tmp_path
    images.images.remove("llm101-test/lab")


def build(context: Path, lab, **environment: str) -> None:
    arguments = [f"--build-arg=LAB={lab.id}", f"--build-arg=LESSON={lab.lesson}", "--tag=llm101-test/lab"]
    command = ["docker", "build", "--file", context / "images/lab/Dockerfile", *arguments, context]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1000:]


def test_a_changed_notebook_makes_no_layer_below_it_anew(images, lab, context):
    build(context, lab)
    before = images.images.get("llm101-test/lab").attrs["RootFS"]["Layers"]
    notebook = context / "assignments" / "en" / lab.id / f"{lab.notebooks[0]}.ipynb"
    notebook.write_text(notebook.read_text() + "\n")
    build(context, lab)
    after = images.images.get("llm101-test/lab").attrs["RootFS"]["Layers"]
    kept = [old == new for old, new in zip(before, after, strict=True)]
    assert kept.index(False) >= len(before) - 3  # the notebooks in two languages, and the empty folder for the work


def test_the_builder_without_buildx_makes_the_same_files(images, lab, context, output):
    listing = [
        "bash",
        "-c",
        "cd /course/assignments && find . -name '*.pyc' -prune -o -type f -exec md5sum {} + | sort",
    ]
    build(context, lab, DOCKER_BUILDKIT="1")
    expected = output("llm101-test/lab", listing)
    build(context, lab, DOCKER_BUILDKIT="0")
    assert output("llm101-test/lab", listing) == expected
    assert images.images.get("llm101-test/lab").attrs["Config"]["User"] == "1000:1000"
