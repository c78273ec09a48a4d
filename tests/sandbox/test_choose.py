"""Which image the docker sandbox runs submissions in."""

import platform
from pathlib import Path

import msgspec
import pytest

from autograder.errors import UserError
from autograder.lab import Lab
from autograder.sandbox import choose
from autograder.sandbox import docker as docker_sandbox

MINI = Lab.load(Path(__file__).parents[1] / "labs" / "lab-90-mini")


@pytest.mark.parametrize(("machine", "variant"), [("x86_64", "cpu"), ("aarch64", "arm64")])
@pytest.mark.parametrize(
    ("registry", "prefix"),
    [("", ""), ("registry.example.edu/course/", "registry.example.edu/course/"), ("host:5000", "host:5000/")],
)
def test_it_is_the_labs_requirement_layer_from_the_registry_that_is_named(
    monkeypatch, machine, variant, registry, prefix
):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setenv("LLM101_REGISTRY", registry)
    assert choose.image(MINI) == f"{prefix}llm101/requirements-lab:{variant}"


@pytest.mark.parametrize(
    ("registry", "command"), [("", "make image-90"), ("host:5000", "docker pull host:5000/llm101/requirements-lab:cpu")]
)
def test_an_absent_image_is_told_with_what_brings_it(monkeypatch, registry, command):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("LLM101_REGISTRY", registry)
    monkeypatch.setattr(docker_sandbox, "Docker", lambda preload, limits, image, made_by, runtime: made_by)
    assert choose.start("docker", MINI) == command


def test_a_lab_whose_packages_are_elsewhere_is_refused_in_one_line():
    lab = msgspec.structs.replace(MINI, preload=["torch", "no_such_engine.entrypoints"], requirements="serving")
    with pytest.raises(UserError, match=r"lab-90-mini needs no_such_engine\.entrypoints \(requirements/serving\.txt\)"):
        choose.start("bubblewrap", lab)
