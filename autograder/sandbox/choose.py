"""Which sandbox to grade in: the value of `--sandbox`, or of the environment's LLM101_SANDBOX."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.errors import UserError

if TYPE_CHECKING:
    from autograder.lab import Lab
    from autograder.sandbox import Sandbox

VARIABLE = "LLM101_SANDBOX"
DEFAULT = "bubblewrap"
IMAGE = "llm101/requirements-{layer}:{variant}"  # images/docker-bake.hcl makes it
Option = Annotated[
    str, typer.Option("--sandbox", envvar=VARIABLE, help="bubblewrap, docker, or docker:RUNTIME (docker:runsc, say).")
]


def start(choice: str, lab: Lab) -> Sandbox:
    """Starts the sandbox that `choice` names: `bubblewrap`, `docker`, or `docker:RUNTIME`.

    Raises UserError for any other, GraderError where it cannot run.
    """
    kind, colon, runtime = choice.partition(":")
    if choice == "bubblewrap":
        from autograder.sandbox.bubblewrap import Bubblewrap

        return Bubblewrap(lab.preload, lab.limits)
    if kind == "docker" and bool(colon) == bool(runtime):
        from autograder.sandbox.docker import Docker

        image = IMAGE.format(layer=lab.requirements, variant="arm64" if platform.machine() == "aarch64" else "cpu")
        return Docker(lab.preload, lab.limits, image, f"make image-{lab.lesson}", runtime)
    raise UserError(f"--sandbox (or {VARIABLE}) takes bubblewrap, docker or docker:RUNTIME, not {choice!r}")
