"""What students read: the same program in both languages, messages in both, and a sentence for every hidden test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nbformat import NotebookNode

from autograder import chinese_prose, source
from autograder.authoring.hidden_tests import PATTERN, HiddenTest, modules
from autograder.errors import UserError, listed

if TYPE_CHECKING:
    from autograder.lab import Lab

# The functions of `expect` whose words a student reads: which argument it is.
SAYING = {"expect.that": 1, "expect.refused": 1, "expect.close": 2, "expect.equal": 2, "expect.tensor": 3}
ENGLISH = re.compile(r"\b[a-z]{2,} [a-z]{2,}\b")  # two words in a row; a name of the code is one


def verify_same_program(path: Path, english: NotebookNode, chinese: NotebookNode) -> None:
    """Students of both languages get the same program: the cells differ in docstrings and in strings only."""
    for cell, translated in zip(english.cells, chinese.cells, strict=True):
        if cell.cell_type == "code" and _without_words(cell.source) != _without_words(translated.source):
            raise UserError(f"{path}: the program differs between en and zh: {source.excerpt(cell)}")


def _without_words(code: str) -> str:
    """A program without its docstrings and with all strings alike; the text itself where it is not plain Python."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return code
    return ast.dump(_Wordless().visit(tree))


class _Wordless(ast.NodeTransformer):
    """A string of any kind becomes an empty one: so docstrings are alike too."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.Constant:
        return ast.Constant("")


def verify_stress(path: Path, chinese: NotebookNode) -> None:
    """Chinese has no italics: stress is bold, a title stands in 《》, a word that is talked about in quotes."""
    for cell in chinese.cells:
        if cell.cell_type == "markdown" and (found := chinese_prose.italics(cell.source)):
            shown = listed(f"*{text}*" for text in found)
            raise UserError(
                f"{path}: italics in the zh cell {source.excerpt(cell)}: {shown}; write **…**, 《…》 or “…”"
            )


def verify_quotes(lab: Lab, tests: Iterable[HiddenTest], notebook_of: Mapping[str, str]) -> None:
    """Every hidden test rests on a sentence that stands in the notebook: what no text settles is not tested."""
    read = {name: _words(source.release(lab, name)) for name in lab.notebooks}
    for test in tests:
        quotes = test.rests_on
        if not quotes or not all(isinstance(quote, str) and quote.strip() for quote in quotes):
            raise UserError(f"{test.where}: rests_on takes a sentence, or a list of sentences")
        for quote in quotes:
            if " ".join(quote.split()) not in read[notebook_of[test.problem]]:
                raise UserError(f"{test.where}: no sentence of the release reads {quote!r}")


def _words(release: NotebookNode) -> str:
    """All that a student reads in a notebook, with single spaces."""
    return " ".join(" ".join(cell.source for cell in release.cells).split())


def verify_messages(lab: Lab) -> None:
    """What hidden tests say to a student is in both languages; only a name of the code may stand alone."""
    for path, tree in modules(lab.folder / "hidden", PATTERN):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (position := SAYING.get(ast.unparse(node.func))):
                said = [*node.args[position:][:1], *(word.value for word in node.keywords if word.arg == "what")]
                for text in (text for value in said for text in _literals(value) if ENGLISH.search(text)):
                    raise UserError(f"{path}:{node.lineno}: students read {text!r}: write Bilingual(..., ...)")


def _literals(node: ast.expr) -> list[str]:
    """The words of a literal string, or of an f-string; none of anything else."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return []
