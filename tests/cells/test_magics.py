"""Magics and shell lines of a notebook, as grading runs them."""

from __future__ import annotations

import ast

import pytest

from autograder.worker.magics import to_python

CASES = {
    "plain": ("x = 1", "x = 1", []),
    "percent in an expression": ("x = (7\n% 4)", "x = 7 % 4", []),
    "magic inside a string": ('s = """\n%time f()\n!ls\n"""', "s = '\\n%time f()\\n!ls\\n'", []),
    "display magic": ("%matplotlib inline\nx = 1", "pass\nx = 1", []),
    "shell line": ("!pip install foo\nx = 1", "pass\nx = 1", ["line 1: `!pip install foo` is not run in grading"]),
    "shell line in a block": (
        "\n\nif True:\n    !ls", "if True:\n    pass", ["line 4: `!ls` is not run in grading"]
    ),
    "long shell line": (
        "!pip install " + "a" * 90, "pass", ["line 1: `!pip install " + "a" * 26 + "…` is not run in grading"]
    ),
    "pip magic": ("%pip install foo", "pass", ["line 1: `%pip install foo` is not run in grading"]),
    "shell output": ("files = !ls", "files = []", ["line 1: `!ls` is not run in grading"]),
    "help": ("x = 1\nx?\n?x", "x = 1\npass\npass", []),
    "time on a line": ("%time x = f(1)", "x = f(1)", []),
    "time in an assignment": ("x = %time f(1)", "x = f(1)", []),
    "timeit on a line": ("%timeit f()", "pass", []),
    "magic in an assignment": ("x = %who_ls", "x = None", []),
    "time over a cell": ("%%time\nx = f(1)", "x = f(1)", []),
    "two cell magics": (
        "%%capture\n\n%%time\n%pip list\nx = 1", "pass\nx = 1", ["line 4: `%pip list` is not run in grading"]
    ),
    "bash": ("%%bash\nrm -rf /", "", ["line 1: `%%bash` is not run in grading"]),
    "a file": ("\n%%writefile a.py\nx = 1", "", ["line 2: `%%writefile a.py` is not run in grading"]),
    "shell cell": ("%%!\nls", "", ["line 1: `%%!` is not run in grading"]),
    "cell magic without a name": ("%%\nx = 1", "x = 1", []),
    "doctest prompts": (">>> x = 1\n>>> y = 2", "x = 1\ny = 2", []),
    "indented": ("    x = 1\n    y = 2", "x = 1\ny = 2", []),
    "carriage returns": ("x = 1\r\ny = 2\r", "x = 1\ny = 2", []),
    "empty": ("", "", []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_cell_as_python(case: str) -> None:
    source, expected, notes = CASES[case]
    python = to_python(source)
    assert ast.unparse(python.tree) == expected
    assert [note.en for note in python.notes] == notes


@pytest.mark.parametrize("head", ["", "\n\n", "%%time\n", "%matplotlib inline\n", "\n!ls\n"])
def test_lines_keep_their_numbers(head: str) -> None:
    source = f"{head}\n%time x = 1\n\ndef f():\n    return 1\n"
    python = to_python(source)
    assert python.tree.body[-1].lineno == 1 + source.split("\n").index("def f():")
    assert python.text.split("\n")[python.tree.body[-1].lineno - 1] == "def f():"


@pytest.mark.parametrize("source", ["def f(:", "%matplotlib inline\ndef f(:", "%%time\nx = = 1"])
def test_what_is_not_python_is_a_syntax_error(source: str) -> None:
    with pytest.raises(SyntaxError) as raised:
        to_python(source)
    assert raised.value.lineno == source.count("\n") + 1
