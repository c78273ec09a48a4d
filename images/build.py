"""Build images with the engine of this machine: layers first, then what stands on them.

    python3 images/build.py                        every CPU image
    python3 images/build.py 05 --variant cuda      one lab
    python3 images/build.py grader                 one target of docker-bake.hcl

Which labs there are, and on which requirement layer each stands, is read from the released lab.toml files.
Standard library only, so that it runs before anything is installed. LLM101_BUILD holds options for every call, such as
`--network host --build-arg PIP_FIND_LINKS=http://127.0.0.1:8080` where no package index can be reached from a build.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "requirements"))

import layers  # noqa: E402

PLAN = ["docker", "buildx", "bake", "--file", "images/docker-bake.hcl", "--file", "-", "--print"]
PLATFORMS = {"cpu": "linux/amd64", "cuda": "linux/amd64", "arm64": "linux/arm64"}
VARIANTS = tuple(PLATFORMS)
ROOM = {"cpu": 8, "cuda": 30, "arm64": 8}  # GiB that the engine's disk must have free

Plan = dict[str, Any]  # the targets of docker-bake.hcl, as bake prints them


class Stop(Exception):
    """The images cannot be built; the message is the one line that says what to do."""


def main(arguments: list[str]) -> None:
    options = parse([*shlex.split(os.environ.get("LLM101_BUILD", "")), *arguments])
    check_tools()
    plan = read_plan()
    wanted = [target for name in options.names or [options.variant] for target in find(plan, name, options.variant)]
    check_room(options.variant)
    steps = in_order(plan["target"], wanted)
    for number, target in enumerate(steps, start=1):
        print(f"[{number}/{len(steps)}] {plan['target'][target]['tags'][0]}", file=sys.stderr, flush=True)
        build(plan["target"][target], options)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="images/build.py", description="Build the images of the labs.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a lesson (05), or a target such as grader; default: all"
    )
    default = "arm64" if platform.machine() in ("arm64", "aarch64") else "cpu"
    parser.add_argument("--variant", choices=VARIANTS, default=os.environ.get("VARIANT") or default)
    parser.add_argument("--network", choices=("default", "host"), default="default", help="network of the build steps")
    parser.add_argument(
        "--build-arg", action="append", default=[], metavar="NAME=VALUE", help="an argument of the Dockerfiles"
    )
    options = parser.parse_args(arguments)
    if options.variant not in VARIANTS:  # argparse does not check a default
        parser.error(f"VARIANT={options.variant} is not one of {', '.join(VARIANTS)}")
    return options


def check_tools() -> None:
    if shutil.which("docker") is None:
        raise Stop(
            "Docker is not installed: see https://docs.docker.com/engine/install/, or use the virtual environment."
        )
    if not answer(["docker", "version", "--format", "{{.Server.Version}}"]):
        raise Stop("The Docker engine does not answer: start it (Docker Desktop, or `sudo systemctl start docker`).")
    if not answer(["docker", "buildx", "version"]):
        raise Stop("Docker's buildx plugin is missing: install it, e.g. with `sudo apt-get install docker-buildx`.")


def check_room(variant: str) -> None:
    """Where the engine's folder is on this machine, there must be room in it."""
    folder = Path(answer(["docker", "info", "--format", "{{.DockerRootDir}}"]) or "/nowhere")
    if folder.is_dir():
        free = shutil.disk_usage(folder).free >> 30
        if free < ROOM[variant]:
            raise Stop(
                f"The disk under {folder} has {free} GiB free and the {variant} images need {ROOM[variant]}: "
                "make room, e.g. with `docker system prune`."
            )


def read_plan() -> Plan:
    """Every target and group of docker-bake.hcl, with the labs that are released."""
    labs = layers.labs(ROOT)
    targets = ["all", "base", "framework", "models", "requirements", "grader", "cuda-only"]
    environment = {**os.environ, "REVISION": revision(), "SOURCE": source()}
    printed = subprocess.run(
        [*PLAN, *targets],
        cwd=ROOT,
        env=environment,
        input=json.dumps({"variable": {name: {"default": value} for name, value in variables(labs).items()}}),
        capture_output=True,
        text=True,
    )
    if printed.returncode:
        raise Stop(f"images/docker-bake.hcl cannot be read: {printed.stderr.strip().splitlines()[-1]}")
    plan: Plan = json.loads(printed.stdout)
    return plan


def variables(labs: list[layers.Lab]) -> dict[str, Any]:
    """What docker-bake.hcl has to know about the labs."""
    used = {name: layers.Layer.read(name) for name in sorted({layers.COMMON, *(lab.layer for lab in labs)})}
    return {
        "LAYERS": [
            {"name": name, "parent": parent(layer), "variant": variant, "platform": PLATFORMS[variant]}
            for name, layer in used.items()
            for variant in variants(layer)
        ],
        "LABS": [
            {**lab._asdict(), "variant": variant, "platform": PLATFORMS[variant]}
            for lab in labs
            for variant in variants(used[lab.layer])
        ],
        "GRADED": " ".join(name for name, layer in used.items() if name != layers.COMMON and not layer.alone),
    }


def variants(layer: layers.Layer) -> tuple[str, ...]:
    return ("cuda",) if layer.cuda else VARIANTS


def parent(layer: layers.Layer) -> str:
    """The image below a requirement layer."""
    return f"requirements-{layers.COMMON}" if layers.COMMON in layer.constraints else "models"


def find(plan: Plan, name: str, variant: str) -> list[str]:
    """The targets behind a lesson's number, a group or a target."""
    number = f"lab-{name.zfill(2)}-{variant}" if name.isdigit() else None
    for candidate in (number, name, f"{name}-{variant}"):
        if candidate in plan["target"]:
            return [candidate]
    if name in plan["group"]:
        members: list[str] = plan["group"][name]["targets"]
        return [target for member in members for target in find(plan, member, variant)]
    labs = sorted(
        target.removesuffix(f"-{variant}")
        for target in plan["target"]
        if target.startswith("lab-") and target.endswith(f"-{variant}")
    )
    there = ", ".join([*labs, "and those of images/docker-bake.hcl"])
    raise Stop(f"There is no {variant} image {name!r}. There are {there}.")


def in_order(targets: dict[str, Any], wanted: list[str]) -> list[str]:
    """What is wanted and what it stands on, each once, parents first."""
    by_tag = {target["tags"][0]: name for name, target in targets.items()}
    steps: dict[str, None] = {}

    def visit(name: str) -> None:
        parent = by_tag.get(targets[name]["args"].get("PARENT"))
        if parent:
            visit(parent)
        steps[name] = None

    for name in wanted:
        visit(name)
    return list(steps)


def build(target: dict[str, Any], options: argparse.Namespace) -> None:
    """Build one target with the engine's own builder, which alone sees the parent's tag."""
    # Not `bake` itself: it cannot choose the network of the build steps.
    command = ["docker", "buildx", "build", "--builder", answer(["docker", "context", "show"]) or "default", "--load"]
    command += [
        "--network",
        options.network,
        "--file",
        target["dockerfile"],
        "--platform",
        ",".join(target["platforms"]),
    ]
    for tag in target["tags"]:
        command += ["--tag", tag]
    for name, value in target["labels"].items():
        command += ["--label", f"{name}={value}"]
    for argument in [*(f"{name}={value}" for name, value in target["args"].items()), *options.build_arg]:
        command += ["--build-arg", argument]
    if subprocess.run([*command, target["context"]], cwd=ROOT).returncode:
        raise Stop(f"{target['tags'][0]} was not built: the reason stands above.")


def revision() -> str:
    return answer(["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"])


def source() -> str:
    """Where the sources are, when git knows it as a public address."""
    url = answer(["git", "config", "--get", "remote.origin.url"])
    return url if url.startswith("https://") else ""


def answer(command: list[str]) -> str:
    """What a command prints, or nothing where it fails."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Stop as reason:
        print(reason, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
