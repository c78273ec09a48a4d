"""The bake file and the Dockerfiles, without building: the variants that cannot be built or run here are checked so."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LABS = [tomllib.loads(file.read_text()) for file in sorted(ROOT.glob("assignments/en/lab-*/lab.toml"))]
DOCKERFILES = sorted(ROOT.glob("images/*/Dockerfile"))


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab["id"])
def test_every_lab_has_an_image_in_each_variant(plan, lab):
    for variant, platform in (("cpu", "linux/amd64"), ("cuda", "linux/amd64"), ("arm64", "linux/arm64")):
        target = plan["target"][f"lab-{lab['lesson']}-{variant}"]
        assert target["tags"] == [f"llm101/lab-{lab['lesson']}:{variant}"]
        assert target["platforms"] == [platform]
        assert target["args"]["LAB"] == lab["id"]
        assert target["args"]["PARENT"] == f"llm101/requirements-{lab['requirements']}:{variant}"
        assert lab["title"]["en"] in target["labels"]["org.opencontainers.image.title"]
        assert f"lab-{lab['lesson']}-{variant}" in plan["group"][variant]["targets"]


def test_the_bake_file_has_no_lab_that_is_not_there(plan):
    baked = {target["args"]["LAB"] for target in plan["target"].values() if "LAB" in target["args"]}
    assert baked == {lab["id"] for lab in LABS}


def test_the_bake_file_alone_names_no_lab_and_is_valid(engine):
    command = ["docker", "buildx", "bake", "--file", "images/docker-bake.hcl", "--print", "all", "grader", "cuda-only"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [name for name in json.loads(done.stdout)["target"] if name.startswith("lab-")] == []


def test_every_parent_is_a_target(plan):
    tags = {tag for target in plan["target"].values() for tag in target["tags"]}
    parents = {target["args"]["PARENT"] for target in plan["target"].values() if "PARENT" in target["args"]}
    assert parents <= tags


def test_versions_in_labels_are_the_project_s(plan):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {target["labels"]["org.opencontainers.image.version"] for target in plan["target"].values()} == {version}


def test_cuda_takes_the_build_of_torch_that_its_lock_was_made_for(plan):
    arguments = plan["target"]["framework-cuda"]["args"]
    assert (arguments["TORCH_INDEX_URL"], arguments["LOCK"]) == ("", "framework-cuda")
    assert plan["target"]["framework-cpu"]["args"]["TORCH_INDEX_URL"] == "https://download.pytorch.org/whl/cpu"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_hadolint_finds_nothing(dockerfile):
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    done = subprocess.run([hadolint, dockerfile], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("lock", ["framework-cuda", "vllm", "unsloth"])
def test_what_only_a_gpu_machine_installs_resolves(lock, tmp_path):
    """Every pin has a wheel for the image's Linux and Python, and they fit each other and torch."""
    torch = ROOT / "requirements" / "torch.txt"
    command = [Path(sys.executable).with_name("uv"), "pip", "install", "--no-config", "--dry-run", "--target", tmp_path]
    command += ["--only-binary=:all:", "--python-version=3.11", "--python-platform=x86_64-manylinux_2_35"]
    command += ["-r", ROOT / "requirements" / f"{lock}.txt", "-r", torch]
    # Not this machine's own folder of wheels: it may hold the CPU build of torch.
    environment = {**os.environ, "UV_FIND_LINKS": "", "PIP_FIND_LINKS": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-1000:]
    assert f"+ {re.search(r'^torch==[0-9.]+', torch.read_text(), flags=re.MULTILINE)[0]}" in done.stderr
    assert "nvidia-cublas" in done.stderr
