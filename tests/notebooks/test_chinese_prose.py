"""A Chinese paragraph is one line, and Markdown reads in it what it read before."""

import re

import jupytext
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.chinese_prose import MARKDOWN, italics, joined
from autograder.lab import Lab


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("第一行\n第二行", "第一行第二行"),
        ("用\nLoRA\n做微调", "用 LoRA 做微调"),
        ("low\nrank", "low rank"),
        ("停下，\nLoRA\n。", "停下，LoRA。"),
        ("意思是\n“我说完了”\n吧", "意思是“我说完了”吧"),
        ("第\n3\n节", "第 3 节"),
        ("调用 `f(x)`\n就行", "调用 `f(x)` 就行"),
        ("记\n$x_t$\n为输入", "记 $x_t$ 为输入"),
        ("见[论文\n一](http://a)\n和", "见[论文一](http://a)和"),
        ("**甲**\n乙", "**甲**乙"),
        ("**甲。**\n乙", "**甲。** 乙"),
        ("甲\n**“乙”**丙", "甲 **“乙”**丙"),
        ("**甲**\n**乙**", "**甲** **乙**"),
        ("- 甲\n  乙\n  - 丙\n    丁\n- 戊", "- 甲乙\n  - 丙丁\n- 戊"),
        ("1. 甲\n   乙\n2. 丙", "1. 甲乙\n2. 丙"),
        ("> 甲\n> 乙", "> 甲乙"),
        ("甲\n\n乙", "甲\n\n乙"),
        ("甲  \n乙", "甲  \n乙"),
        ("甲\\\n乙", "甲\\\n乙"),
        ("# 甲\n乙\n丙", "# 甲\n乙丙"),
        ("甲 `a\nb` 乙", "甲 `a\nb` 乙"),
        ("甲\n$$\nx\n$$\n乙", "甲\n$$\nx\n$$\n乙"),
        ("甲：\n```\n乙\n丙\n```", "甲：\n```\n乙\n丙\n```"),
        ("| 甲 | 乙 |\n|---|---|\n| 丙 | 丁 |", "| 甲 | 乙 |\n|---|---|\n| 丙 | 丁 |"),
        ("<div>\n甲\n乙\n</div>", "<div>\n甲\n乙\n</div>"),
        ("甲<br>\n乙", "甲<br>乙"),
    ],
)
def test_lines_are_joined_where_a_reader_would_see_a_stray_space(source, result):
    assert joined(source) == result
    assert joined(result) == result


def structure(source: str) -> list[tuple[str, str]]:
    """The tokens that Markdown sees, and their text without white space; line ends inside a paragraph do not count."""
    seen: list[tuple[str, str]] = []
    for token in MARKDOWN.parse(source):
        for part in [token, *(token.children or [])]:
            text = re.sub(r"\s", "", part.content) if part.type != "inline" else ""
            if part.type == "softbreak" or (part.type == "text" and not text):
                continue
            if part.type == "text" and seen and seen[-1][0] == "text":
                seen[-1] = ("text", seen[-1][1] + text)
            else:
                seen.append((part.type, text))
    return seen


PIECES = [
    "甲",
    "乙。",
    "，",
    "“丙”",
    "LoRA",
    "3",
    "`x y`",
    "$a_b$",
    "**丁**",
    "**戊，**",
    "**（己）**",
    "[庚](u)",
    "<br>",
]
PIECES += ["\n", "\n", "\n", "  \n", "\n\n", "\n- ", "\n  ", "\n> ", " ", "# ", "| a |\n|---|\n", "\n```\n", "\n$$\n"]


@settings(max_examples=150, deadline=None, database=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_markdown_reads_the_same_in_the_joined_lines(source):
    assert structure(joined(source)) == structure(source)


@pytest.mark.parametrize("lab", Lab.all(), ids=lambda lab: lab.id)
def test_the_labs_prose_keeps_its_structure(lab):
    for notebook in lab.notebooks:
        for cell in jupytext.read(lab.folder / f"{notebook}.py").cells:
            if "zh" in cell.metadata.get("tags", []):
                assert structure(joined(cell.source)) == structure(cell.source)
                paragraphs = [token for token in MARKDOWN.parse(joined(cell.source)) if token.type == "inline"]
                assert all(part.type != "softbreak" for token in paragraphs for part in token.children)


def test_italics_are_found_and_formulas_are_none():
    assert italics("甲*乙*丙，_丁_；$a*b*c$、`*x*`、**戊**") == ["乙", "丁"]
