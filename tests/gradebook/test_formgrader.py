"""What formgrader shows of a student's code: nothing so long that showing it takes minutes."""

from autograder.gradebook.formgrader import CELL, LINE, shown


def test_code_of_a_usual_size_is_shown_as_it_is():
    code = "def f(x):\r\n    return x\n\n" + "x = 1\n" * 1000
    assert shown(code) == code


def test_a_long_line_is_cut_and_says_so():
    first, second, third = shown("a = 1\n" + "a" + ".a" * 10_000 + "\nb = 2").split("\n")
    assert (first, third) == ("a = 1", "b = 2")
    assert second.endswith(f"# … cut here for display: {LINE} of 20001 characters shown")
    assert len(second) < LINE + 100


def test_a_long_cell_is_cut_and_says_so():
    text = shown("x = 1\n" * 20_000)
    assert text.endswith(f"# … cut here for display: {CELL} of 120000 characters shown")
    assert len(text) < CELL + 100
