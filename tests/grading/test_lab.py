"""lab.toml, and the heads of misconceptions."""

from pathlib import Path

import pytest

from autograder.errors import UserError
from autograder.grading.misconception import Misconception
from autograder.lab import Lab

MINI = Path(__file__).parent.parent / "labs" / "lab-90-mini"


def test_a_lab_is_found_by_number_and_by_id(monkeypatch):
    monkeypatch.setenv("LLM101_SOLUTIONS", str(MINI.parent))
    assert Lab.find("90").id == Lab.find("lab-90-mini").id == "lab-90-mini"
    assert Lab.find("90").limits.memory_mb == 512


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('id = "lab-90-mini', "line 1"),
        ("", "missing required field `id`"),
        ('id = "lab-90-mini"\nsurprise = 1', "unknown field `surprise`"),
        ('id = "lab-90-mini"\npreload = 1', "Expected `array`"),
    ],
    ids=["broken TOML", "no id", "unknown key", "wrong type"],
)
def test_a_bad_lab_toml_is_told_in_one_line(tmp_path: Path, text: str, message: str):
    lines = (MINI / "lab.toml").read_text().replace('preload = ["torch"]\n', "")
    (tmp_path / "lab.toml").write_text(lines.replace('id = "lab-90-mini"', text))
    with pytest.raises(UserError, match=f"lab.toml: .*{message}"):
        Lab.load(tmp_path)


def test_a_folder_without_labs_says_so(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("LLM101_SOLUTIONS", str(tmp_path / "absent"))
    with pytest.raises(UserError, match="LLM101_SOLUTIONS must name"):
        Lab.all()


def test_a_misconception_is_read_without_running_it(tmp_path: Path):
    path = tmp_path / "no-scale.py"
    path.write_text(
        '"""Not scaled."""\nHINT = {"en": "e", "zh": "z"}\nFAILS = ["test_a"]\n\n\n'
        "def f():\n    pass\n\n\nclass C:\n    pass\n\n\nraise SystemExit\n"
    )
    known = Misconception.load(path, ["mini"])
    assert (known.id, known.title, known.fails) == ("no-scale", "Not scaled.", ["test_a"])
    assert known.defines == {"f", "C"}


@pytest.mark.parametrize("head", ["", 'HINT = {"en": "e"}\nFAILS = []', 'HINT = dict(en="e")\nFAILS = []', "FAILS = ["])
def test_a_bad_head_of_a_misconception_names_the_file(tmp_path: Path, head: str):
    path = tmp_path / "bad.py"
    path.write_text(head)
    with pytest.raises(UserError, match=r"bad\.py: HINT and FAILS"):
        Misconception.load(path, ["mini"])
