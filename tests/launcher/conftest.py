"""A small course in a temporary folder: one lab with one problem, in both languages."""

import json
from pathlib import Path
from typing import Any

import pytest

from launcher.workspace import Workspace


def code(source: str, *, export: bool = False, **nbgrader: Any) -> dict[str, Any]:
    """A code cell as nbformat stores it."""
    metadata: dict[str, Any] = {"tags": ["export"]} if export else {}
    if nbgrader:
        metadata["nbgrader"] = {"schema_version": 3, "grade": False, "solution": False, **nbgrader}
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [], "execution_count": None}


def write_notebook(file: Path, cells: list[dict[str, Any]]) -> Path:
    """`cells` as a notebook at `file`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return file


IMPORTS = code("%matplotlib inline\nimport math", export=True)
UNWRITTEN = code("def area(r):\n    raise NotImplementedError", export=True, solution=True, grade_id="area-solution")
WRITTEN = code("def area(r):\n    return math.pi * r * r", export=True, solution=True, grade_id="area-solution")
CHECK = code('labkit.check("area")', grade=True, points=10, grade_id="area")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speak English, whatever the machine speaks; what a test chooses ends with it."""
    monkeypatch.setenv("LLM101_LANG", "en")


@pytest.fixture(autouse=True)
def virtual_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run labs in the virtual environment, whatever this machine has; test_container.py asks for more."""
    monkeypatch.setenv("LAB_RUNTIME", "venv")


MANIFEST = """
id = "lab-05-lora"
lesson = "05"
lang = "LANG"
requirements = "lab"
notebooks = ["lora"]

[title]
en = "Areas"
zh = "面积"
"""
CASES = """
from labkit.check import case, fail


@case("area", en="the unit circle", zh="单位圆")
def unit_circle(student):
    if abs(student.area(1) - 3.14159) > 1e-3:
        fail("The unit circle has the area pi.", "单位圆的面积是 π。")
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A course with lab 05 released in both languages, and nothing begun."""
    for lang in ("en", "zh"):
        folder = tmp_path / "assignments" / lang / "lab-05-lora"
        write_notebook(folder / "lora.ipynb", [code(f"# {lang}"), IMPORTS, UNWRITTEN, CHECK])
        (folder / "lab.toml").write_text(MANIFEST.replace("LANG", lang), encoding="utf-8")
        (folder / "checks").mkdir()
        (folder / "checks" / "lora.py").write_text(CASES, encoding="utf-8")
    return Workspace(tmp_path)
