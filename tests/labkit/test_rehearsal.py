"""`lab check`: what is run from a notebook, and what is left alone."""

import json
from pathlib import Path
from typing import Any

from labkit import rehearsal
from labkit.i18n import Bilingual
from tests.english import sentences

CASE = """
from labkit.check import case


@case("area", en="the unit circle", zh="单位圆")
def unit_circle(student):
    student.area(1)
"""


def load(tmp_path: Path, *cells: tuple[str, bool]) -> tuple[dict[str, Any], list[Bilingual]]:
    """The names and complaints from a notebook of (source, exported) cells."""
    file = tmp_path / "lora.ipynb"
    stored = [
        {"cell_type": "code", "metadata": {"tags": ["export"]} if exported else {}, "source": source}
        for source, exported in cells
    ]
    file.write_text(json.dumps({"cells": stored}))
    names: dict[str, Any] = {}
    broken = rehearsal.load(list(rehearsal.read_cells(file)), names)
    return names, broken


def test_exploration_cells_are_not_run(tmp_path):
    names, broken = load(
        tmp_path, ("x = 1", True), ("raise SystemExit('training for hours')", False), ("y = x + 1", True)
    )
    assert names["y"] == 2
    assert broken == []


def test_a_helper_in_a_cell_of_its_own_is_there_but_not_what_stands_beside_it(tmp_path):
    helper = "import math as m\nimport antigravity\n1 / 0\n@staticmethod\ndef double(x):\n    return m.floor(2 * x)"
    names, broken = load(tmp_path, (helper, False), ("def f(x):\n    return double(x)", True))
    assert broken == []
    assert names["f"](1.6) == 3
    assert "antigravity" not in names


def test_magics_and_shell_lines_do_nothing(tmp_path):
    names, broken = load(tmp_path, ("%matplotlib inline\n!rm -rf nothing\nx = 1", True))
    assert (names["x"], broken) == (1, [])


def test_a_cell_that_raises_is_reported_and_the_others_run(tmp_path):
    names, broken = load(tmp_path, ("x = 1 / 0", True), ("y = (", True), ("z = 3", True))
    assert names["z"] == 3
    assert broken[0] == Bilingual(
        "Cell 1: ZeroDivisionError: division by zero", "第 1 个单元格：ZeroDivisionError: division by zero"
    )
    assert broken[1].en.startswith("Cell 2: SyntaxError")


def test_the_problems_are_those_of_the_release(tmp_path):
    release = tmp_path / "release.ipynb"
    check = {"cell_type": "code", "metadata": {"nbgrader": {"grade": True, "grade_id": "area"}}, "source": ""}
    release.write_text(json.dumps({"cells": [{"cell_type": "markdown", "metadata": {}, "source": ""}, check]}))
    assert rehearsal.problems_of(release) == ["area"]


def test_the_table_is_in_the_language_asked_for(tmp_path, capsys):
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "area.py").write_text(CASE, encoding="utf-8")
    check = {"cell_type": "code", "metadata": {"nbgrader": {"grade": True, "grade_id": "area"}}, "source": ""}
    cells = [{"cell_type": "code", "metadata": {"tags": ["export"]}, "source": "x = 1 / 0"}, check]
    (tmp_path / "lora.ipynb").write_text(json.dumps({"cells": cells}))
    arguments = [str(tmp_path / "lora.ipynb")] * 2
    assert (rehearsal.main([*arguments, "zh"]), rehearsal.main([*arguments, "en"])) == (1, 1)
    chinese, _, english = capsys.readouterr().out.partition("Problem")
    assert "尚未定义" in chinese
    assert sentences(chinese) == []
    assert sentences(english)


def test_a_file_that_is_no_notebook_is_said_so(tmp_path, capsys):
    file = tmp_path / "lora.ipynb"
    file.write_text("[1, 2")
    assert rehearsal.main([str(file), str(file), "en"]) == 2
    assert "lora.ipynb is not a readable notebook" in capsys.readouterr().err
