"""Which sandbox to grade in: the value of `--sandbox`, or of the environment's LLM101_SANDBOX."""

from __future__ import annotations

import importlib.util
import platform
import re
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.errors import UserError
from labkit import registry

if TYPE_CHECKING:
    from autograder.lab import Lab
    from autograder.sandbox import Sandbox

VARIABLE = "LLM101_SANDBOX"
DEFAULT = "bubblewrap"
IMAGE = "{registry}llm101/requirements-{layer}:{variant}"  # images/docker-bake.hcl makes it


def start(choice: str, lab: Lab) -> Sandbox:
    """Starts the sandbox that `choice` names: `bubblewrap`, `docker`, or `docker:RUNTIME`.

    Raises UserError for any other, and where bubblewrap would lack the lab's packages; GraderError where it cannot run.
    """
    kind, _, runtime = check(choice).partition(":")
    if kind == "bubblewrap":
        _verify_packages(lab)
        from autograder.sandbox.bubblewrap import Bubblewrap

        return Bubblewrap(lab.preload, lab.limits)
    from autograder.sandbox.docker import Docker

    made_by = f"docker pull {image(lab)}" if registry.prefix() else f"make image-{lab.lesson}"
    return Docker(lab.preload, lab.limits, image(lab), made_by, runtime)


def check(choice: str) -> str:
    """`choice`, if it is one. Raises UserError."""
    if not re.fullmatch(r"bubblewrap|docker(:.+)?", choice):
        raise UserError(f"--sandbox (or {VARIABLE}) takes bubblewrap, docker or docker:RUNTIME, not {choice!r}")
    return choice


def _verify_packages(lab: Lab) -> None:
    """bubblewrap runs submissions on this Python's packages; a layer that stands alone is in the lab's image only."""
    if missing := [name for name in lab.preload if importlib.util.find_spec(name.partition(".")[0]) is None]:
        raise UserError(
            f"{lab.id} needs {', '.join(missing)} (requirements/{lab.requirements}.txt), which this Python lacks: "
            "install that layer, or grade with --sandbox docker"
        )


def image(lab: Lab) -> str:
    """The image in which a lab's submissions run: the one with its requirement layer, for this machine's CPU."""
    variant = "arm64" if platform.machine() == "aarch64" else "cpu"
    return IMAGE.format(registry=registry.prefix(), layer=lab.requirements, variant=variant)


Option = Annotated[
    str,
    typer.Option(
        "--sandbox", envvar=VARIABLE, callback=check, help="bubblewrap, docker, or docker:RUNTIME (docker:runsc, say)."
    ),
]
