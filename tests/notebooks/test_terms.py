"""The Chinese of the labs uses the terms of docs/terms.md and none of the words that the table rules out."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
RELEASED = sorted(ROOT.glob("assignments/zh/*/*.ipynb"))


def ruled_out() -> list[str]:
    rows = re.findall(
        r"^\|[^|]+\|[^|]+\|([^|]+)\|[^|]+\|$", (ROOT / "docs" / "terms.md").read_text("utf-8"), re.MULTILINE
    )
    return [word for cell in rows[2:] for word in cell.strip().split("、") if word]


def test_the_table_rules_words_out():
    assert {"检查站", "快照"} <= set(ruled_out())


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_a_notebook_has_no_word_that_is_ruled_out(path: Path):
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    assert [word for word in ruled_out() if word in text] == []
    assert re.findall(r"第 ?\d+ 个 ?(?:notebook|笔记本)", text) == []
