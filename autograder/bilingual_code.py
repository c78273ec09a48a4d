"""One language of a code cell: its half of each docstring, and its sentence of each `say("English", "中文")`.

Only these places change, by splicing: the author's quotes, prefixes and layout stay, and so does every other character.

- A docstring of a function or class may stand in two halves, English above a line `---` and Chinese below it.
- `say` takes two string literals and becomes one of them. It is a word of the sources: no notebook has it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

DIVIDER = "---"
MARKS = re.compile(rf"\bsay\b|^\s*{DIVIDER}\s*$", re.MULTILINE)
DOCSTRING = re.compile(r'(?P<open>[rRuU]?(?P<quotes>"""|\'\'\'))(?P<text>.*)(?P=quotes)', re.DOTALL)

Documented: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class NotBilingual(Exception):
    """A docstring or a `say` from which no language can be taken. `line` is counted from 1 in the cell."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class _Edit(NamedTuple):
    """Bytes `start` to `end` of the cell become `text`: ast counts columns in UTF-8."""

    start: int
    end: int
    text: bytes


def in_language(source: str, lang: str) -> str:
    """The cell in one language.

    Raises:
        NotBilingual: a docstring has several dividers or an empty half; `say` is not called with two string literals.
    """
    if not MARKS.search(source):
        return source
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise NotBilingual(
            error.lineno or 1, f"a cell with say or {DIVIDER} must be plain Python: {error.msg}"
        ) from None
    cell = _Cell(source)
    content = cell.content
    for edit in sorted([*_halves(tree, cell, lang), *_sayings(tree, cell, lang)], reverse=True):
        content = content[: edit.start] + edit.text + content[edit.end :]
    return content.decode()


class _Cell:
    """The text of a cell, addressed by the nodes of its tree."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.content = source.encode()
        self._starts = [0]
        for line in self.content.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """The bytes of a node, from the first up to but not including the last."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.content[start:end].decode()

    def in_brackets(self, node: ast.expr) -> bool:
        """Whether line ends around the node mean nothing to Python."""
        depth = 0
        column = len(self.content[self._starts[node.lineno - 1] : self.span(node)[0]].decode())
        for token in tokenize.generate_tokens(io.StringIO(self.source).readline):
            if token.start >= (node.lineno, column):
                break
            if token.type == tokenize.OP:
                depth += (token.string in "([{") - (token.string in ")]}")
        return depth > 0


# ---- docstrings ----------------------------------------------------------------------------------------------------


def _halves(tree: ast.Module, cell: _Cell, lang: str) -> Iterator[_Edit]:
    for node in ast.walk(tree):
        if isinstance(node, Documented) and ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0]
            if any(line.strip() == DIVIDER for line in cell.text(docstring).split("\n")):
                yield _Edit(*cell.span(docstring), _half(docstring, cell, lang).encode())


def _half(docstring: ast.stmt, cell: _Cell, lang: str) -> str:
    """The docstring with one half. Its closing quotes stand on a line of their own where the half has several lines."""
    parts = DOCSTRING.fullmatch(cell.text(docstring))
    if parts is None or parts["quotes"] in parts["text"]:
        raise NotBilingual(docstring.lineno, "a docstring in two halves is one triple-quoted literal")
    lines = parts["text"].split("\n")
    first, *more = [index for index, line in enumerate(lines) if line.strip() == DIVIDER]
    if more:
        raise NotBilingual(docstring.lineno + more[0], f"a second {DIVIDER} in a docstring")
    half = "\n".join(lines[:first] if lang == "en" else lines[first + 1 :]).strip()
    other = "\n".join(lines[first + 1 :] if lang == "en" else lines[:first]).strip()
    if not half or not other:
        raise NotBilingual(docstring.lineno + first, f"a half of this docstring is empty, above or below {DIVIDER}")
    own_line = "\n" in half or half.endswith(('"', "'", "\\"))
    end = "\n" + " " * docstring.col_offset if own_line else ""
    return f"{parts['open']}{half}{end}{parts['quotes']}"


# ---- say -----------------------------------------------------------------------------------------------------------


def _sayings(tree: ast.Module, cell: _Cell, lang: str) -> Iterator[_Edit]:
    called = {call.func: call for call in ast.walk(tree) if isinstance(call, ast.Call)}
    for string in ast.walk(tree):
        if isinstance(string, ast.JoinedStr) and any(map(_is_say, ast.walk(string))):
            raise NotBilingual(string.lineno, "say stands around an f-string, never inside one")
    for name in filter(_is_say, ast.walk(tree)):
        assert isinstance(name, ast.Name)
        if name not in called:
            raise NotBilingual(name.lineno, "say is only called; it is no name to assign or to pass on")
        english, chinese = _literals(called[name])
        yield _Edit(
            *cell.span(called[name]), _literal(called[name], english if lang == "en" else chinese, cell).encode()
        )


def _is_say(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "say"


def _literals(call: ast.Call) -> tuple[ast.expr, ast.expr]:
    literals = [node for node in call.args if _is_text(node)]
    if len(literals) != 2 or len(call.args) != 2 or call.keywords:
        raise NotBilingual(call.lineno, 'say takes two string literals: say("English", "中文")')
    return literals[0], literals[1]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _literal(call: ast.Call, chosen: ast.expr, cell: _Cell) -> str:
    """The literal as its author wrote it; in brackets where it goes over several lines and nothing else brackets it."""
    text = cell.text(chosen)
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return text if cell.in_brackets(call) else f"({text})"
    return text
