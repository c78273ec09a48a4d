"""The lines of Chinese prose. Markdown shows a line end as a space, and Chinese has none: so a paragraph is one line.

A CommonMark parser says which line ends are such: those of code, formulas, tables, HTML and hard breaks stay. Names:
a *soft break* is a line end inside a paragraph; its *glue* is what takes its place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.newline import newline
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

IDEOGRAPH = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
# Curly quotes, dash, ellipsis and middle dot: as wide as a character in Chinese.
CHINESE_PUNCTUATION = frozenset("\u201c\u201d\u2018\u2019\u2014\u2026\u00b7")

EMPHASIS = frozenset("*_~")
DISPLAYED = "math_inline_double"  # $$…$$ on lines of its own, in the midst of a paragraph


def _newline_in_its_place(state: StateInline, silent: bool) -> bool:
    """markdown-it's rule for line ends, which also notes where in the paragraph one was."""
    position = state.pos
    if not newline(state, silent):
        return False
    if not silent:
        state.tokens[-1].meta = {"position": position}
    return True


def _parser() -> MarkdownIt:
    """Markdown as Jupyter reads it: CommonMark, tables, and formulas between dollars."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(dollarmath_plugin, double_inline=True)
    parser.inline.ruler.at("newline", _newline_in_its_place)
    return parser


MARKDOWN = _parser()


def joined(source: str) -> str:
    """The cell with each paragraph in one line, also in lists and block quotes."""
    lines = source.split("\n")
    for paragraph in reversed([*_paragraphs(MARKDOWN.parse(source))]):
        assert paragraph.map is not None
        start, end = paragraph.map
        lines[start:end] = _joined_paragraph(paragraph, lines[start:end])
    return "\n".join(lines)


def italics(source: str) -> list[str]:
    """What the cell sets in italics."""
    found = []
    for token in MARKDOWN.parse(source):
        children = token.children or []
        starts = [index for index, child in enumerate(children) if child.type == "em_open"]
        found += [children[index + 1].content for index in starts]
    return found


def _paragraphs(tokens: Sequence[Token]) -> Iterator[Token]:
    for before, token in pairwise(tokens):
        if before.type == "paragraph_open":
            yield token


def _joined_paragraph(paragraph: Token, lines: list[str]) -> list[str]:
    """Its lines of the cell, joined. What the joined ones began with, `> ` or the indent of a list, is gone."""
    glue = _glue(paragraph)
    result = lines[:1]
    position = 0
    for line, text in zip(lines[1:], paragraph.content.split("\n")[1:], strict=True):
        position = paragraph.content.index("\n", position)
        if position in glue:
            result[-1] = result[-1].rstrip() + glue[position] + text.lstrip()
        else:
            result.append(line)
        position += 1
    return result


def _glue(paragraph: Token) -> dict[int, str]:
    """What takes the place of each soft break: nothing, or a space where it is needed.

    To Markdown a space is as good as a line end. Nothing may not be: **甲，** 乙 is bold in part, **甲，**乙 nowhere.
    """
    children = paragraph.children or []
    text = paragraph.content
    glue: dict[int, str] = {}
    for index, child in reversed([*enumerate(children)]):
        if child.type != "softbreak" or DISPLAYED in (children[index - 1].type, children[index + 1].type):
            continue
        position = child.meta["position"]
        before, after = text[:position].rstrip(), text[position + 1 :].lstrip()
        space = _needs_space(children[:index], children[index + 1 :]) or (
            bool({before[-1], after[0]} & EMPHASIS) and not _reads_the_same(before + after, text)
        )
        glue[position] = " " if space else ""
        text = before + glue[position] + after
    return glue


def _needs_space(before: Sequence[Token], after: Sequence[Token]) -> bool:
    """As within a line: between Chinese and anything else, but not beside Chinese punctuation."""
    last = next((_shown(token)[-1] for token in reversed(before) if _shown(token)), "x")
    first = next((_shown(token)[0] for token in after if _shown(token)), "x")
    if _is_chinese_punctuation(last) or _is_chinese_punctuation(first):
        return False
    return not (IDEOGRAPH.match(last) and IDEOGRAPH.match(first))


def _reads_the_same(one: str, other: str) -> bool:
    """Whether Markdown makes the same of both, but for white space."""
    return "".join(MARKDOWN.renderInline(one).split()) == "".join(MARKDOWN.renderInline(other).split())


def _shown(token: Token) -> str:
    """What a reader sees of a token; a letter stands for code and formulas."""
    if token.type in ("code_inline", "math_inline", DISPLAYED, "image"):
        return "x"
    return token.content.strip() if token.type == "text" else ""


def _is_chinese_punctuation(character: str) -> bool:
    is_wide = unicodedata.east_asian_width(character) in "WF"
    return character in CHINESE_PUNCTUATION or (is_wide and unicodedata.category(character)[0] in "PS")
