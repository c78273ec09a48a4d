"""lab.toml, and the heads of misconceptions."""

from pathlib import Path

import pytest

from autograder.errors import UserError
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
