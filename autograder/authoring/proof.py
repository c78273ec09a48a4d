"""proof.json: what `validate` and `mutate` found of a lab, and the fingerprints of what they found it on.

    fingerprint of a target    the code of the lab's own folder that can change the target's verdicts
    fingerprint of the engine  what grades, what notebooks import, and the locks of the packages: for all labs alike

A line for each target, so that a change of one shows as one. Prose, comments and hints are in no fingerprint.
"""

from __future__ import annotations

import ast
import json
import os
import tempfile
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from autograder import fingerprint, source
from autograder.errors import UserError
from autograder.lab import Lab

REFERENCE, STARTER = "reference", "starter"
VARIANT, MISCONCEPTION = "variant ", "misconception "  # each before the id


class Proved(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What was found of one target."""

    fingerprint: str
    seeds: int  # secrets that it was tried under, alone
    diagnosed: int = 0  # those that a misconception was also diagnosed under, and with a second mistake
    fails: list[str] = []
    faults: list[str] = []
    engine: str = ""  # where it is not that of the file


class Graded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a lab's mutants."""

    fingerprint: str
    engine: str
    count: int
    seed: int
    killed: int
    equivalent: int
    survivors: list[str]


class Proof(msgspec.Struct, forbid_unknown_fields=True):
    """The content of a lab's proof.json."""

    engine: str = ""  # of the targets that name no other
    mutants: Graded | None = None
    targets: dict[str, Proved] = msgspec.field(default_factory=dict)

    @classmethod
    def load(cls, lab: Lab) -> Proof:
        """The lab's proof; an empty one where there is none. Raises UserError for one that cannot be read."""
        path = _path(lab)
        try:
            proof = msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            return cls()
        except msgspec.DecodeError as error:
            raise UserError(f"{path}: {error}; remove it, and run `autograder validate {lab.lesson}`") from None
        proof.targets = {
            name: msgspec.structs.replace(found, engine=found.engine or proof.engine)
            for name, found in proof.targets.items()
        }
        return proof

    def save(self, lab: Lab) -> None:
        """Writes the file whole or not at all, with a line for each target."""
        engines = Counter(found.engine for found in self.targets.values())
        self.engine = engines.most_common(1)[0][0] if engines else ""
        lines = [
            f"  {json.dumps(name, ensure_ascii=False)}: {_line(self._short(found))}"
            for name, found in sorted(self.targets.items())
        ]
        mutants = _line(msgspec.to_builtins(self.mutants))
        text = f'{{\n"engine": "{self.engine}",\n"mutants": {mutants},\n"targets": {{\n'
        text += ",\n".join(lines) + "\n}\n}\n"
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=lab.folder, prefix=".", delete=False) as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        os.replace(file.name, _path(lab))

    def misconceptions(self) -> list[str]:
        """The targets that are misconceptions."""
        return [name for name in self.targets if name.startswith(MISCONCEPTION)]

    def _short(self, found: Proved) -> Any:
        same = found.engine == self.engine
        return msgspec.to_builtins(msgspec.structs.replace(found, engine="" if same else found.engine))


class Fingerprints:
    """The fingerprints of a lab's targets."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    @cached_property
    def all(self) -> dict[str, str]:
        """Target -> fingerprint, of every target of the lab. Raises UserError for a source that cannot be read."""
        everything = self._of(self.lab.notebooks, self.lab.notebooks)
        found = {REFERENCE: everything, STARTER: everything}
        paths, homes = _paths(self.lab), notebooks(self.lab)
        for name, path in paths.items():
            own = fingerprint.code(path.read_text(encoding="utf-8"), without={"HINT"})
            found[name] = fingerprint.digest([self._reached(homes[name]), own])
        return found

    @cached_property
    def mutants(self) -> str:
        """The fingerprint of what the lab's mutants are made of and graded by."""
        return fingerprint.digest([self.all[REFERENCE], msgspec.json.encode(self.lab.equivalent)])

    def _reached(self, notebook: str) -> str:
        """The code that can change the verdicts on what stands in a notebook."""
        if notebook not in self._grounds:
            reached = self.lab.reached(notebook)
            run = {name for each in reached for name in (*self.lab.before(each), each)}
            self._grounds[notebook] = self._of([name for name in self.lab.notebooks if name in run], reached)
        return self._grounds[notebook]

    @cached_property
    def _grounds(self) -> dict[str, str]:
        return {}

    def _of(self, run: list[str], tested: list[str]) -> str:
        """The code of the notebooks that are run, and of the hidden tests of those that are tested."""
        tests = [text for text, subjects in self._hidden if not subjects or subjects & set(tested)]
        return fingerprint.digest([fingerprint.settings(self.lab), *(self._cells[name] for name in run), *tests])

    @cached_property
    def _code(self) -> dict[str, list[Any]]:
        """The code cells of each notebook."""
        notebooks = {name: source.reference(self.lab, name).cells for name in self.lab.notebooks}
        return {name: [cell for cell in cells if cell.cell_type == "code"] for name, cells in notebooks.items()}

    @cached_property
    def _cells(self) -> dict[str, str]:
        """Notebook -> the code of the cells that grading runs."""
        return {
            name: "\n".join(
                fingerprint.code(cell.source) for cell in self._code[name] if "export" in cell.metadata.get("tags", [])
            )
            for name in self.lab.notebooks
        }

    @cached_property
    def _hidden(self) -> list[tuple[str, set[str]]]:
        """The code of each module of the hidden suite, and the notebooks that it tests: none for what all import."""
        home = {
            cell.metadata["nbgrader"]["grade_id"]: name
            for name in self.lab.notebooks
            for cell in self._code[name]
            if cell.metadata.get("nbgrader", {}).get("grade")
        }
        texts = [path.read_text(encoding="utf-8") for path in sorted(self.lab.hidden.rglob("*.py"))]
        return [(fingerprint.code(text), {home[name] for name in _problems(text) if name in home}) for text in texts]


def notebooks(lab: Lab) -> dict[str, str]:
    """Variants and misconceptions, each with the notebook that it belongs to."""
    return {name: _notebook(path.read_text(encoding="utf-8"), lab) for name, path in _paths(lab).items()}


def _paths(lab: Lab) -> dict[str, Path]:
    variants = {VARIANT + name: path for name, path in lab.variants.items()}
    return variants | {MISCONCEPTION + name: path for name, path in lab.misconceptions.items()}


def _problems(text: str) -> set[str]:
    """The problems that a module's tests are marked with."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return set()
    return {
        str(mark.args[0].value)
        for mark in ast.walk(tree)
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.problem"
        if mark.args and isinstance(mark.args[0], ast.Constant)
    }


def _notebook(text: str, lab: Lab) -> str:
    """The NOTEBOOK that a misconception or variant names, or the lab's first."""
    try:
        assigned = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    except SyntaxError:
        assigned = []
    for node in assigned:
        if ast.unparse(node.targets[0]) == "NOTEBOOK" and isinstance(node.value, ast.Constant):
            return str(node.value.value)
    return lab.notebooks[0]


def _line(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True)


def _path(lab: Lab) -> Path:
    return lab.folder / "proof.json"
