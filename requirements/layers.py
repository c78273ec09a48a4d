"""The requirement layers: what NAME.in says about itself, and which lab needs which.

Set-up, `make lock` and images/build.py read it here. A lab with packages of its own needs one line in its lab.toml
(`requirements = "NAME"`) and NAME.in in this folder, which says two things about itself:

    -c lab.txt          It takes the lab layer's versions. It is installed on top of them, in .venv and in the images.
                        Without this line it stands alone, in images only: .venv has one version of each package.
    # platform: cuda    It is locked for Linux on x86-64 and torch's CUDA build. It is in images of that variant only.

Standard library only.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent
COMMON = "lab"  # the layer below those that labs have of their own


class Layer(NamedTuple):
    """One NAME.in: the locks whose versions it takes over, and whether it is for CUDA only."""

    name: str
    constraints: tuple[str, ...]
    cuda: bool

    @classmethod
    def read(cls, name: str, folder: Path = FOLDER) -> Layer:
        text = (folder / f"{name}.in").read_text(encoding="utf-8")
        constraints = re.findall(r"^-c (.+)\.txt$", text, flags=re.MULTILINE)
        return cls(name, tuple(constraints), cuda="# platform: cuda" in text.splitlines())

    @property
    def alone(self) -> bool:
        """Whether it is in images only, for it does not fit beside the other labs' packages."""
        return self.name != COMMON and (COMMON not in self.constraints or self.cuda)


class Lab(NamedTuple):
    """A released lab, as its lab.toml has it."""

    id: str
    lesson: str
    layer: str
    title: str  # in English


def labs(course: Path = FOLDER.parent) -> list[Lab]:
    """The labs that are released in the course, by lesson."""
    files = sorted((course / "assignments" / "en").glob("lab-*/lab.toml"))
    released = [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
    return [Lab(lab["id"], lab["lesson"], lab["requirements"], lab["title"]["en"]) for lab in released]
