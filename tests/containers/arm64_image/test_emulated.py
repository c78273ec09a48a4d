"""The arm64 variant, as far as emulation carries: a lab's image without torch, built and started."""

import subprocess
from pathlib import Path

import pytest

from autograder.lab import Lab

ROOT = Path(__file__).resolve().parents[3]
TAG = "llm101-test/lab:arm64"


@pytest.fixture(scope="module")
def image(arm64_parent: str) -> str:
    (lab, *_) = Lab.all()
    arguments = {"PARENT": arm64_parent, "LAB": lab.id, "LESSON": lab.lesson}
    options = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    command = ["docker", "buildx", "build", "--load", "--platform=linux/arm64", f"--tag={TAG}", *options]
    done = subprocess.run([*command, "--file=images/lab/Dockerfile", "."], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return TAG


def run(image: str, *command: str) -> str:
    options = ["--rm", "--platform=linux/arm64", "--network=none", "--read-only", "--cap-drop=ALL", "--tmpfs=/tmp"]
    done = subprocess.run(["docker", "run", *options, image, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_it_is_an_arm64_image(engine, image):
    assert engine.images.get(image).attrs["Architecture"] == "arm64"


def test_its_programs_are_aarch64(image):
    machine = "import struct; print(struct.unpack_from('<H', open('/usr/bin/python3.11', 'rb').read(20), 18)[0])"
    assert run(image, "python", "-c", machine) == "183"  # EM_AARCH64, what `file` calls "ARM aarch64"


def test_python_says_aarch64(image):
    assert run(image, "python", "-c", "import platform; print(platform.machine())") == "aarch64"


def test_labkit_imports_without_torch(image):
    check = "import sys, launcher.workspace, labkit.outline, launcher.engine; print('torch' in sys.modules)"
    assert run(image, "python", "-c", check) == "False"


def test_the_lab_is_in_it(image):
    find = "from launcher.workspace import Workspace; print(*[lab.lesson.number for lab in Workspace().labs()])"
    assert run(image, "python", "-c", find) == Lab.all()[0].lesson
