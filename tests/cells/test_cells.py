"""Loading a program: the student's module, what raised, and how a missing name is explained."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import sys
import time
import traceback
import typing
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.worker import cells
from autograder.worker.cells import Loaded
from labkit.i18n import Bilingual
from tests.english import sentences


@pytest.fixture(autouse=True)
def _keep_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading takes the place of `__main__`."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(cells, "_cell_names", {})


def load(*program: tuple[str, str], wanted: Mapping[str, str] | None = None, **skip: Bilingual) -> Loaded:
    """Loads (name, source) pairs; the role is told by the name."""
    roles = {name: "release" if name.startswith("release") else "added" for name, _ in program}
    roles |= {name: "solution" for name in roles if name.endswith("-solution")}
    entries = [{"name": name, "source": source, "role": roles[name]} for name, source in program]
    return cells.load(entries, wanted or {}, {key.strip("_"): why for key, why in skip.items()}, lambda index: None)


def test_cells_share_one_module_in_order() -> None:
    namespace = load(
        ("release 1", "import math\nx = 2"), ("f-solution", "def f(): return math.sqrt(x)\nx = 9")
    ).namespace
    assert namespace["f"]() == 3


def test_the_last_of_two_cells_with_one_grade_id_wins() -> None:
    loaded = load(("f-solution", "def f(): return 1"), ("f-solution", "def f(): return 2"))
    assert loaded.namespace["f"]() == 2
    assert inspect.getsource(loaded.namespace["f"]) == "def f(): return 2\n"


def test_a_helper_runs_and_the_rest_of_its_cell_does_not() -> None:
    loaded = load(
        ("cell 1", "ran = True\nraise SystemExit\ndef helper(): return 5"), ("f-solution", "def f(): return helper()")
    )
    assert loaded.namespace["f"]() == 5
    assert "ran" not in loaded.namespace
    assert [result.status for result in loaded.results] == ["ran", "ran"]


def test_an_added_cell_that_nobody_needs_does_not_run() -> None:
    loaded = load(("cell 1", "1 / 0"), ("cell 2", "this is not Python"), ("f-solution", "f = 1"))
    assert [result.status for result in loaded.results] == ["unused", "unused", "ran"]
    assert loaded.summary() == []


@pytest.mark.parametrize(
    ("source", "type_", "message", "line", "text"),
    [
        ("x = 1\n\n1 / 0", "ZeroDivisionError", "division by zero", 3, "1 / 0"),
        ("def f():\n    return missing\nf()", "NameError", "name 'missing' is not defined", 2, "return missing"),
        ("raise SystemExit(3)", "SystemExit", "3", 1, "raise SystemExit(3)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "", 1, "raise KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit", "", 1, "raise GeneratorExit"),
        ("exit()", "SystemExit", "None", 1, "exit()"),
        ("x = 1\ndef f(x)\n    pass", "SyntaxError", "expected ':'", 2, "def f(x)"),
        ("x = 1\n  y = 2", "IndentationError", "unexpected indent", 2, "y = 2"),
        ("x = 1\nreturn x", "SyntaxError", "'return' outside function", 2, "return x"),
        ("x = 1\nglobal x", "SyntaxError", "name 'x' is assigned to before global declaration", 2, "global x"),
        ("import json\njson.loads('{')", "JSONDecodeError", None, 2, "json.loads('{')"),
        ("exec('1 1')", "SyntaxError", None, 1, "exec('1 1')"),
        ("def f(): f()\nf()", "RecursionError", None, 1, "def f(): f()"),
        ("class E(Exception):\n  def __str__(self): 1 / 0\nraise E", "E", None, 3, "raise E"),
        ("class E(Exception):\n  def __str__(self): raise SystemExit\nraise E", "E", None, 3, "raise E"),
        ("%matplotlib inline\nimport gone_for_good", "ModuleNotFoundError", None, 2, "import gone_for_good"),
        ("\n\n!ls\n1 / 0", "ZeroDivisionError", "division by zero", 4, "1 / 0"),
        ("x = '\0'", "SyntaxError", None, 1, "x = '\0'"),
        ("(" * 500 + ")" * 500, "SyntaxError", "too many nested parentheses", 1, None),
        ("-" * 100_000 + "1", "SyntaxError", "too deeply nested, or not text", 1, None),
    ],
)
def test_what_a_cell_raises_is_recorded_and_the_next_cell_runs(
    source: str, type_: str, message: str | None, line: int, text: str | None
) -> None:
    loaded = load(("a-solution", source), ("b-solution", "b = 1"))
    result = loaded.results[0]
    assert result.status == "raised"
    assert result.error is not None
    assert (result.error.type, result.error.cell, result.error.line) == (type_, "a-solution", line)
    assert message is None or result.error.message.en == message
    assert text is None or result.error.text == text
    assert loaded.namespace["b"] == 1


def test_a_raising_cell_keeps_what_it_defined() -> None:
    assert load(("a-solution", "def f(): return 1\nassert f() == 2")).namespace["f"]() == 1


def test_an_error_names_the_cell_it_arose_in() -> None:
    loaded = load(("a-solution", "def f():\n    return 1 / 0"), ("b-solution", "x = 1\nf()"))
    error = loaded.results[1].error
    assert error is not None
    assert (error.cell, error.line) == ("a-solution", 2)


def test_tracebacks_show_the_lines_of_the_student() -> None:
    namespace = load(("cell 17", "\ndef f():\n    return 1 / 0"), ("f-solution", "g = lambda: f()")).namespace
    with pytest.raises(ZeroDivisionError) as raised:
        namespace["g"]()
    frames = traceback.extract_tb(raised.value.__traceback__)[1:]
    assert [(frame.filename, frame.lineno, frame.line) for frame in frames] == [
        ("<f-solution>", 1, "g = lambda: f()"), ("<cell 17>", 3, "return 1 / 0"),
    ]  # fmt: skip
    assert cells.cell_name("<cell 17>") == "cell 17"
    assert cells.cell_name(__file__) is None


def test_the_module_supports_what_looks_names_up_in_it() -> None:
    source = "from dataclasses import dataclass\nimport typing\n@dataclass\nclass Point:\n    x: 'int'\n"
    source += "def f(p: 'Point') -> 'typing.Any': ..."
    namespace = load(("a-solution", source)).namespace
    point = namespace["Point"](3)
    assert namespace["__name__"] == "__main__"
    assert pickle.loads(pickle.dumps(point)) == point
    assert dataclasses.asdict(point) == {"x": 3}
    assert typing.get_type_hints(namespace["f"]) == {"p": namespace["Point"], "return": Any}


def test_future_statements_hold_for_the_cells_below_only() -> None:
    future = "from __future__ import annotations"
    assert load(("release 1", future), ("a-solution", "def f(x: missing): ...")).results[1].status == "ran"
    assert load(("a-solution", "def f(x: missing): ...")).results[0].status == "raised"


def test_the_notebook_conveniences_are_harmless() -> None:
    source = (
        "display(1, metadata={})\nshell = get_ipython()\nshell.run_line_magic('x', '')\nout = shell.getoutput('ls')"
    )
    loaded = load(("a-solution", source))
    assert loaded.results[0].status == "ran"
    assert loaded.namespace["out"] == []


def test_top_level_await_works() -> None:
    source = "import asyncio\nasync def f(): return 3\nx = await f()\nawait asyncio.sleep(0)"
    assert load(("a-solution", source)).namespace["x"] == 3
    assert load(("cell 1", source), ("a-solution", "y = x")).namespace["y"] == 3


def test_shell_lines_are_reported_after_what_raised() -> None:
    loaded = load(("cell 3", "!pip install foo"), ("a-solution", "x = 1\n1 / 0"))
    assert loaded.summary() == [
        Bilingual(
            "cell a-solution raised ZeroDivisionError on line 2: division by zero",
            "a-solution 单元格第 2 行抛出 ZeroDivisionError：division by zero",
        ),
        Bilingual(
            "cell 3, line 1: `!pip install foo` is not run in grading",
            "第 3 个单元格第 1 行：评分时不运行 `!pip install foo`",
        ),
    ]


def test_each_cell_is_told_before_it_is_parsed_and_before_it_runs() -> None:
    told: list[int] = []
    program = [
        {"name": "a-solution", "source": "a = 1", "role": "solution"},
        {"name": "cell 2", "source": "unneeded = 1", "role": "added"},
        {"name": "b-solution", "source": "b = list(told)", "role": "solution"},
    ]
    cells.load(program, {}, {}, told.append)
    assert told == [0, 1, 2, 0, 2]


def test_a_missing_solution_is_looked_for_in_added_cells() -> None:
    loaded = load(("cell 4", "def f(): return 1\nf()"), wanted={"f": "f-solution"})
    assert loaded.namespace["f"]() == 1


def test_a_broken_solution_is_looked_for_in_added_cells() -> None:
    loaded = load(("cell 1", "def f(): return 1"), ("f-solution", "def f(:\n"))
    assert loaded.namespace["f"]() == 1


EXPLAINED = [
    ([("f-solution", "x = 1\ndef f(:")], "cell f-solution raised SyntaxError on line 2: invalid syntax"),
    ([("f-solution", "1 / 0\ndef f(): ...")], "cell f-solution raised ZeroDivisionError on line 1: division by zero"),
    ([("cell 7", "def f(:"), ("g-solution", "f()")], "cell 7 raised SyntaxError on line 1: invalid syntax"),
    ([("cell 7", "f = 1 / 0")], "cell 7 raised ZeroDivisionError on line 1: division by zero"),
    ([("f-solution", "pass")], "cell f-solution does not define it"),
    ([], "the notebook has no cell f-solution"),
]


@pytest.mark.parametrize(("program", "why"), EXPLAINED)
def test_a_missing_name_is_explained(program: list[tuple[str, str]], why: str) -> None:
    told = load(*program, wanted={"f": "f-solution"}).explain("f")
    assert told.en == f"`f` is not defined: {why}"
    assert told.zh.startswith("`f` 没有定义：")
    assert sentences(told.zh) == []


def test_an_unknown_name_is_just_not_defined() -> None:
    assert load().explain("f") == Bilingual("`f` is not defined", "`f` 没有定义")


def test_a_cell_that_ended_the_process_is_left_out() -> None:
    loaded = load(("a-solution", "def a(): ..."), ("b-solution", "b = 1"), _0_=Bilingual("no result", "没有结果"))
    assert [result.status for result in loaded.results] == ["left out", "ran"]
    assert loaded.explain("a") == Bilingual(
        "`a` is not defined: cell a-solution was left out (no result)",
        "`a` 没有定义：a-solution 单元格已跳过（没有结果）",
    )


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@settings(max_examples=200, deadline=None, database=None)
@given(st.text(st.sampled_from("%!?\\\"'()[]{}#@\n\t\r\0 ,;:/x=1\ud800é"), max_size=30))
@example("%%\n%%\n")
@example("%%time\n\n")
@example("!")
@example("x = !")
@example("%time (")
@example("\n \n%")
@example("\ud800 = 1")
def test_any_text_loads(source: str) -> None:
    load(("cell 1", source), ("a-solution", source), ("b-solution", f"b = f'{source}'"), ("c-solution", f"!{source}"))


def test_a_usual_notebook_loads_in_milliseconds() -> None:
    program = []
    for number in range(30):
        helper = f"%matplotlib inline\ndef h{number}(y):\n    return y\n\nlosses = train()\nplot(losses)\n"
        body = "    y = x * scale\n" * 20
        solution = f"def f{number}(x, scale=2):\n    '''Doc.'''\n{body}    return h{number}(y)\n"
        program += [(f"cell {number}", helper), (f"{number}-solution", solution)]
    started = time.process_time()
    loaded = load(*program)
    assert time.process_time() - started < 0.25  # 0.03 s on a quiet machine
    assert all(result.status == "ran" for result in loaded.results)
