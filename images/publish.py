"""Push images that were built here to a registry, and join amd64 and arm64 under one tag, `latest`.

    python3 images/publish.py registry.example.edu 05       llm101/lab-NN: the variants that are here, and latest
    python3 images/publish.py registry.example.edu          every lab

`docker login` first. Students then say LLM101_REGISTRY=registry.example.edu, and nothing is built on their machines.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from build import VARIANTS, Stop, answer, check_tools, read_plan

TOGETHER = ("cpu", "arm64")  # one tag serves both kinds of machine; CUDA is asked for by name


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="images/publish.py", description="Push the images of the labs to a registry.")
    parser.add_argument("registry", help="its host, and a path there if it has one: registry.example.edu/course")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a lesson (05), or an image such as grader; default: all labs"
    )
    options = parser.parse_args(arguments)
    check_tools()
    for name in options.names or lessons():
        image = f"llm101/lab-{name.zfill(2)}" if name.isdigit() else f"llm101/{name}"
        publish(image, options.registry.rstrip("/"))


def lessons() -> list[str]:
    """The lessons that have a lab."""
    targets = read_plan()["target"].values()
    return sorted({target["args"]["LESSON"] for target in targets if "LESSON" in target.get("args", {})})


def publish(image: str, registry: str) -> None:
    """Push the variants of `image` that the engine has, and `latest` for those that go together."""
    variants = [
        variant for variant in VARIANTS if answer(["docker", "image", "inspect", "-f", "{{.Id}}", f"{image}:{variant}"])
    ]
    if not variants:
        raise Stop(f"There is no {image} here: build it first, e.g. with `make images`.")
    for variant in variants:
        remote = f"{registry}/{image}:{variant}"
        do("docker", "tag", f"{image}:{variant}", remote)
        do("docker", "push", remote)
    together = [f"{registry}/{image}:{variant}" for variant in TOGETHER if variant in variants]
    if together:
        do("docker", "buildx", "imagetools", "create", "--tag", f"{registry}/{image}:latest", *together)


def do(*command: str) -> None:
    if subprocess.run(command).returncode:
        raise Stop(f"`{' '.join(command)}` failed: see above. Did you `docker login`?")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Stop as reason:
        print(reason, file=sys.stderr)
        sys.exit(2)
