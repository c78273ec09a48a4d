"""`labkit.notebook`: what another notebook of the lab defines, in Jupyter and where the grader has loaded it."""

import json
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

import labkit
from labkit import other_notebooks


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab's folder, which is where a notebook runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(other_notebooks, "_modules", {})
    return tmp_path


def write(name: str, *cells: tuple[str, bool]) -> Path:
    """A notebook of (source, exported) cells."""
    file = Path(f"{name}.ipynb")
    stored = [
        {"cell_type": "code", "metadata": {"tags": ["export"]} if exported else {}, "source": source}
        for source, exported in cells
    ]
    file.write_text(json.dumps({"cells": stored}))
    return file


def test_it_gives_what_grading_would_run_and_nothing_else():
    helper = "def half(x):\n    return x / 2\nraise SystemExit('training for hours')"
    write("shapes", (helper, False), ("def triangle(b, h):\n    return half(b * h)", True))
    assert labkit.notebook("shapes").triangle(2, 3) == 3


def test_a_cell_that_raises_costs_its_own_names_and_is_told(capsys):
    write("shapes", ("a = 1 / 0", True), ("b = 2", True))
    shapes = labkit.notebook("shapes")
    assert (shapes.b, hasattr(shapes, "a")) == (2, False)
    assert capsys.readouterr().err == "shapes.ipynb: Cell 1: ZeroDivisionError: division by zero\n"


def test_it_runs_again_only_after_the_file_has_changed():
    file = write("shapes", ("a = object()", True))
    first = labkit.notebook("shapes")
    assert labkit.notebook("shapes") is first
    write("shapes", ("a = 2", True))
    os.utime(file, ns=(1, 1))
    assert labkit.notebook("shapes").a == 2


def test_two_notebooks_that_use_a_third_share_it():
    write("a", ("class Block:\n    pass", True))
    write("b", ("import labkit\na = labkit.notebook('a')", True))
    assert labkit.notebook("b").a.Block is labkit.notebook("a").Block


def test_a_notebook_that_uses_itself_ends():
    write("a", ("import labkit\nme = labkit.notebook('a')", True))
    a = labkit.notebook("a")
    assert a.me is a


def test_a_missing_notebook_is_told_in_one_line():
    with pytest.raises(FileNotFoundError, match=r"^there is no shapes.ipynb beside this notebook$"):
        labkit.notebook("shapes")


def test_what_is_said_is_in_the_language_of_the_lab_in_this_folder(folder: Path):
    (folder / "lab.toml").write_text('lang = "zh"\n')
    with pytest.raises(FileNotFoundError, match=r"^同一文件夹里没有 shapes\.ipynb$"):
        labkit.notebook("shapes")


def test_in_grading_it_is_the_one_that_is_loaded_and_no_file(monkeypatch: pytest.MonkeyPatch):
    write("shapes", ("raise SystemExit", True))
    loaded = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "notebook:shapes", loaded)
    assert labkit.notebook("shapes") is loaded
