"""The two languages of the course, and the one way to say a thing in both."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Lang: TypeAlias = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")


@dataclass(frozen=True)
class Bilingual:
    """A sentence in English and in Chinese. One without Chinese is read in English by all.

    Whoever makes a sentence makes both; whoever shows it knows the reader's language and passes it to `text`.
    In data (lab.toml, a test's mark, a misconception) it is the table {"en": ..., "zh": ...}.
    """

    en: str = ""
    zh: str = ""

    def text(self, lang: Lang) -> str:
        """The sentence in the reader's language."""
        return self.zh if lang == "zh" and self.zh else self.en

    def in_both(self) -> "Bilingual":
        """Itself. Raises ValueError unless both are written: what a lab tells its students is in both languages."""
        if not (self.en and self.zh):
            raise ValueError(f"needs both en and zh, not {self}")
        return self


class BilingualError(Exception):
    """An error of ours that a student may meet in a traceback: `text` is its message.

    Whoever shows it in a language of their own shows `text`; Python shows it in the language of the folder it runs in.
    """

    def __init__(self, text: Bilingual) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return self.text.text(of_folder(Path.cwd()))


class WrongArgument(BilingualError, ValueError):
    """A value that a function of ours does not take."""


class NotHere(BilingualError, FileNotFoundError):
    """A file or a package that should be there."""


class UnknownLanguage(WrongArgument):
    """A language that the course is not in."""


def parse(code: str) -> Lang:
    """`code` as a language of the course; UnknownLanguage when it is none."""
    if code not in LANGS:
        raise UnknownLanguage(
            Bilingual(f"unknown language {code!r}: choose en or zh", f"没有语言 {code!r}：请选择 en 或 zh")
        )
    return code


def of_locale() -> Lang:
    """The language of the terminal's locale, else English."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if locale.startswith("zh") else "en"


def of_terminal() -> Lang:
    """The language of a terminal's user: what LLM101_LANG asks for, else that of the locale."""
    try:
        return parse(os.environ.get("LLM101_LANG") or of_locale())
    except UnknownLanguage:
        return of_locale()


def of_folder(folder: Path) -> Lang:
    """The language of the release that lies in `folder`, so of a notebook there; English where there is none."""
    try:
        return parse(tomllib.loads((folder / "lab.toml").read_text(encoding="utf-8"))["lang"])
    except (OSError, tomllib.TOMLDecodeError, KeyError, UnknownLanguage):
        return "en"
