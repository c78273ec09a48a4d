"""Pin every NAME.in of this folder to a NAME.txt with hashes: `make lock`. Versions that are pinned already stay.

A new version: edit the .in file, or remove the line from the lock.
"""

from __future__ import annotations

import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

from layers import FOLDER, Layer

ANYWHERE = ["--config-file=uv.toml", "--universal"]
CUDA = ["--no-config", "--python-platform=x86_64-manylinux_2_35"]


def main() -> None:
    layers = {file.stem: Layer.read(file.stem) for file in FOLDER.glob("*.in")}
    before = {name: layer.constraints for name, layer in sorted(layers.items())}
    for name in TopologicalSorter(before).static_order():  # what others take their versions from comes first
        print(f"{name}.txt", file=sys.stderr)
        compile_layer(layers[name])


def compile_layer(layer: Layer) -> None:
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "compile", "--quiet", *(CUDA if layer.cuda else ANYWHERE)]
    command += ["--python-version=3.11", "--generate-hashes", "--constraint=torch.txt", "--no-emit-package=torch"]
    command += [f"{layer.name}.in", f"--output-file={layer.name}.txt"]
    done = subprocess.run(command, cwd=FOLDER, env={**os.environ, "UV_CUSTOM_COMPILE_COMMAND": "make lock"})
    if done.returncode:
        sys.exit(f"{layer.name}.in cannot be pinned: the reason stands above.")


if __name__ == "__main__":
    main()
