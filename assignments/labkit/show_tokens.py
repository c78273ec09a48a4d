"""Lists of tokens as a reader can see them: each token a coloured block in a notebook, bars between them in a terminal.

    >>> show_tokens([b"low", b"est"], ids=[3725, 377])
    low|est
    3725 377

A space shows as ␣, the end of a line as ⏎, a tab as ⇥. Bytes that are no whole characters show in hexadecimal.
Colours only tell neighbours apart: the sixth token has the colour of the first.
"""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

from labkit.i18n import Bilingual, Lang, WrongArgument, of_folder

Token: TypeAlias = bytes | str

PASTEL = ("#cfe3f5", "#ffe0bf", "#d3ecd3", "#f3d3e6", "#e6dcf5")  # black text is readable on all of them
BLOCK = (
    "color:black;padding:1px 3px;margin-right:1px;border-radius:3px;"
    "display:inline-block;text-align:center;line-height:1.25;"
)
VISIBLE = {" ": "␣", "\n": "⏎", "\r": "␍", "\t": "⇥"}


def show_tokens(tokens: Sequence[Token], ids: Sequence[int] | None = None, marked: Collection[int] = ()) -> None:
    """Display a list of tokens, with their ids below where they are given; `marked` are the positions to point out."""
    _display(TokenRow(tokens, ids, marked))


def show_table(head: Sequence[str], rows: Sequence[Sequence["str | TokenRow"]]) -> None:
    """Display a table whose cells are words or lists of tokens."""
    _display(TokenTable(head, rows))


@dataclass(frozen=True)
class TokenRow:
    """A list of tokens, bytes or text; Jupyter shows it as HTML, everything else as plain text.

    `marked` tokens have a frame (in plain text: square brackets). The pointer over a block tells the token's bytes.
    """

    tokens: Sequence[Token]
    ids: Sequence[int] | None = None
    marked: Collection[int] = ()

    def __post_init__(self) -> None:
        if self.ids is not None and len(self.ids) != len(self.tokens):
            tokens, ids = len(self.tokens), len(self.ids)
            raise WrongArgument(
                Bilingual(f"{tokens} tokens, but {ids} ids", f"有 {tokens} 个 token，却有 {ids} 个编号")
            )

    def _repr_html_(self) -> str:
        lang = of_folder(Path.cwd())
        blocks = "".join(self._block(i, lang) for i in range(len(self.tokens)))
        return f'<div style="line-height:2;white-space:normal;text-align:left">{blocks}</div>'

    def _block(self, i: int, lang: Lang) -> str:
        text, whole = _visible(self.tokens[i])
        shown = escape(text) if whole else f'<span style="font-size:70%">{text}</span>'
        below = f'<br><span style="font-size:65%">{self.ids[i]}</span>' if self.ids is not None else ""
        frame = "outline:2px solid #d62728;outline-offset:-1px;" if i in self.marked else ""
        style = f"background:{PASTEL[i % len(PASTEL)]};{BLOCK}{frame}"
        return f'<span title="{_told(self.tokens[i]).text(lang)}" style="{style}">{shown}{below}</span>'

    def __str__(self) -> str:
        texts = [_visible(token)[0] for token in self.tokens]
        line = "|".join(f"[{text}]" if i in self.marked else text for i, text in enumerate(texts))
        return line if self.ids is None else f"{line}\n{' '.join(map(str, self.ids))}"

    __repr__ = __str__


@dataclass(frozen=True)
class TokenTable:
    """A table with a head, in whose cells are words or lists of tokens; HTML in Jupyter, else plain text."""

    head: Sequence[str]
    rows: Sequence[Sequence[str | TokenRow]]

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="text-align:left">{escape(cell)}</th>' for cell in self.head)
        return f"<table><tr>{head}</tr>{''.join(f'<tr>{self._row(row)}</tr>' for row in self.rows)}</table>"

    @staticmethod
    def _row(row: Sequence[str | TokenRow]) -> str:
        shown = (cell._repr_html_() if isinstance(cell, TokenRow) else escape(cell) for cell in row)
        return "".join(f'<td style="text-align:left">{cell}</td>' for cell in shown)

    def __str__(self) -> str:
        lines = [[str(cell).replace("\n", "  ") for cell in row] for row in (self.head, *self.rows)]
        widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(_filled, line, widths)).rstrip() for line in lines)

    __repr__ = __str__


def _visible(token: Token) -> tuple[str, bool]:
    """What is shown of a token, and whether it is whole characters (else its bytes in hexadecimal)."""
    if isinstance(token, bytes):
        try:
            token = token.decode()
        except UnicodeDecodeError as error:
            data = error.object
            spaces = len(data) - len(data.lstrip(b" "))
            return f"{'␣' * spaces} {data[spaces:].hex(' ').upper()}".strip(), False
    text = "".join(VISIBLE.get(character, character) for character in token)
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        return token.encode(errors="surrogatepass").hex(" ").upper(), False
    return text, True


def _told(token: Token) -> Bilingual:
    data = token if isinstance(token, bytes) else token.encode(errors="surrogatepass")
    hexadecimal = data.hex(" ").upper()
    return Bilingual(f"bytes: {hexadecimal}", f"字节：{hexadecimal}")


def _width(text: str) -> int:
    """Columns in a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _filled(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _display(shown: Any) -> None:
    """In a notebook as HTML; without IPython, or in a terminal, as plain text."""
    try:
        from IPython.core.getipython import get_ipython
        from IPython.display import display
    except ImportError:
        print(shown)
        return
    if get_ipython() is None:
        print(shown)
    else:
        display(shown)
