"""A misconception as a file: its head, and the cell that it adds, written out or as an edit of the reference."""

from pathlib import Path

import pytest

from autograder.errors import UserError
from autograder.grading.misconception import Misconception, load_misconceptions
from autograder.lab import Lab

MINI = Path(__file__).parent.parent / "labs" / "lab-90-mini"
HEAD = '"""Not scaled."""\nHINT = {"en": "e", "zh": "z"}\nFAILS = ["test_a"]\n'
SOLUTION = '''def scale(x):
    """Twice x, or thrice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


def other(x):
    return 2 * x


class Layer:
    def __init__(self):
        self.size = 2 * 3

    @property
    def double(self):
        return 2 * self.size
'''


def read(tmp_path: Path, text: str) -> Misconception:
    path = tmp_path / "no-scale.py"
    path.write_text(text)
    return Misconception.read(path, {"mini": SOLUTION})


def edited(tmp_path: Path, name: str, old: str, new: str) -> Misconception:
    return read(tmp_path, f"{HEAD}EDIT = ({name!r}, {old!r}, {new!r})\n")


def test_it_is_read_without_running_it(tmp_path: Path):
    known = read(tmp_path, HEAD + "\n\ndef f():\n    pass\n\n\nclass C:\n    pass\n\n\nraise SystemExit\n")
    assert (known.id, known.title, known.fails) == ("no-scale", "Not scaled.", ["test_a"])
    assert known.defines == {"f", "C"}


@pytest.mark.parametrize("head", ["", 'HINT = {"en": "e"}', 'HINT = dict(en="e")\nFAILS = []', "FAILS = ["])
def test_a_bad_head_names_the_file(tmp_path: Path, head: str):
    with pytest.raises(UserError, match=r"no-scale\.py: HINT and FAILS"):
        read(tmp_path, head)


def test_an_edit_adds_the_definition_alone_with_the_change(tmp_path: Path):
    known = edited(tmp_path, "scale", "2 * x", "x")
    assert known.source.startswith("def scale(x):\n")
    assert "return x" in known.source
    assert "other" not in known.source
    assert known.defines == {"scale"}


def test_an_edit_of_a_method_adds_its_class_and_looks_in_the_method_alone(tmp_path: Path):
    known = edited(tmp_path, "Layer.double", "2 * ", "")
    assert "return self.size" in known.source
    assert "self.size = 2 * 3" in known.source
    assert "@property" in known.source
    assert known.defines == {"Layer"}


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("scale", "3 * x", "x", "'3 \\* x' stands 0 times in scale, not once"),
        ("scale", "x", "y", "'x' stands 4 times in scale, not once"),
        ("Layer", "2 * ", "", "stands 2 times in Layer, not once"),
        ("absent", "2", "3", "the solution defines no absent, or several"),
        ("Layer.absent", "2", "3", "the solution defines no Layer.absent, or several"),
        ("scale", "2 * x", "2 *", "EDIT makes scale unreadable: invalid syntax"),
    ],
)
def test_an_edit_that_does_not_fit_names_the_file(tmp_path: Path, name: str, old: str, new: str, message: str):
    with pytest.raises(UserError, match=f"no-scale.py: EDIT.*{message}|no-scale.py: {message}"):
        edited(tmp_path, name, old, new)


def test_an_edit_stands_alone(tmp_path: Path):
    with pytest.raises(UserError, match="give EDIT or f, not both"):
        read(tmp_path, HEAD + 'EDIT = ("scale", "2 * x", "x")\n\n\ndef f():\n    pass\n')


@pytest.mark.slow
@pytest.mark.parametrize("lab", Lab.all(), ids=lambda lab: lab.id)
def test_every_misconception_of_every_lab_can_be_read(lab: Lab):
    assert load_misconceptions(lab).keys() == lab.misconceptions.keys()
