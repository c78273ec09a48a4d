"""A lab: what its lab.toml says and where its files stand."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import msgspec

from autograder.errors import UserError
from autograder.sandbox import Limits
from labkit import outline
from labkit.i18n import Bilingual

REPOSITORY = Path(__file__).resolve().parent.parent


def solutions_folder() -> Path:
    """The folder of the labs' sources: LLM101_SOLUTIONS, else the repository's own."""
    return Path(os.environ.get("LLM101_SOLUTIONS") or REPOSITORY / "solutions").expanduser()


class Equivalent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mutant (mutants.py) that behaves as the reference does for every legal input, and why."""

    mutant: str
    reason: str


class Lab(msgspec.Struct, forbid_unknown_fields=True, dict=True):
    """One lab, as `solutions/<id>/lab.toml` describes it."""

    id: str
    lesson: str
    notebooks: list[str]
    requirements: str
    title: Bilingual
    uses: dict[str, list[str]] = msgspec.field(default_factory=dict)  # notebook -> those whose names it builds on
    limits: Limits = Limits()
    equivalent: list[Equivalent] = msgspec.field(default_factory=list)
    # Where tests run a notebook whole, it is made shorter: notebook -> text of it -> what stands there instead.
    short: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    # What the sandbox imports once, before all submissions: modules, or module:function to call.
    preload: list[str] = msgspec.field(default_factory=lambda: ["torch"])

    folder = Path()  # set by `load`

    def __post_init__(self) -> None:
        self.title.in_both()

    @classmethod
    def load(cls, folder: Path) -> Lab:
        """The lab in `folder`. Raises UserError when its lab.toml is absent or malformed."""
        path = folder / "lab.toml"
        try:
            lab = msgspec.toml.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            raise UserError(f"{path} is missing") from None
        except msgspec.DecodeError as error:
            raise UserError(f"{path}: {error}") from None
        lab.folder = folder
        for name, used in lab.uses.items():
            if unknown := {name, *used} - set(lab.notebooks):
                raise UserError(f"{path}: [uses] names {', '.join(sorted(unknown))}, which `notebooks` does not have")
            if late := [other for other in used if other not in lab.notebooks[: lab.notebooks.index(name)]]:
                raise UserError(f"{path}: {name} uses {', '.join(late)}: list what a notebook uses before it")
        return lab

    @classmethod
    def find(cls, name: str) -> Lab:
        """The lab of a lesson number ("05", "5") or id ("lab-NN-slug").

        Raises UserError for a lesson that the outline does not have, or whose lab is not built yet.
        """
        labs = cls.all()
        number = name.zfill(2) if name.isdigit() else None
        for lab in labs:
            if name == lab.id or number == lab.lesson:
                return lab
        built = ", ".join(f"{lab.lesson} ({lab.id})" for lab in labs) or "none"
        if number is not None:
            lesson = outline.find(number)
            why = f"The lab of lesson {number} is not built yet." if lesson else f"The outline has no lesson {number}."
            raise UserError(f"{why} Labs built: {built}.")
        raise UserError(f"There is no lab {name!r}. Labs built: {built}.")

    @classmethod
    def all(cls) -> list[Lab]:
        """Every lab that is built, by lesson."""
        folder = solutions_folder()
        if not folder.is_dir():
            raise UserError(f"{folder} is missing: LLM101_SOLUTIONS must name the folder with the labs' sources")
        return [cls.load(path.parent) for path in sorted(folder.glob("lab-*/lab.toml"))]

    def before(self, notebook: str) -> list[str]:
        """The notebooks that `notebook` uses, also by way of others, in the lab's order."""
        used = {name for other in self.uses.get(notebook, ()) for name in (*self.before(other), other)}
        return [name for name in self.notebooks if name in used]

    def reached(self, notebook: str) -> list[str]:
        """The notebook itself, and those that use it, also by way of others."""
        return [name for name in self.notebooks if name == notebook or notebook in self.before(name)]

    @property
    def hidden(self) -> Path:
        """The folder of the hidden suite."""
        return self.folder / "hidden"

    @cached_property
    def misconceptions(self) -> dict[str, Path]:
        """Misconception id -> file."""
        return _modules(self.folder / "misconceptions")

    @cached_property
    def variants(self) -> dict[str, Path]:
        """Honest different solutions: id -> file."""
        return _modules(self.folder / "variants")


def _modules(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.py"))}
