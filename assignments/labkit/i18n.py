"""The two languages of the course, and the one way to say a thing in both."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Lang: TypeAlias = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")


class UnknownLanguage(ValueError):
    """A language that the course is not in."""


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


def parse(code: str) -> Lang:
    """`code` as a language of the course; UnknownLanguage when it is none."""
    if code not in LANGS:
        raise UnknownLanguage(f"unknown language {code!r}: choose en or zh")
    return code


def of_locale() -> Lang:
    """The language of the terminal's locale, else English."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if locale.startswith("zh") else "en"


def of_folder(folder: Path) -> Lang:
    """The language of the release that lies in `folder`, so of a notebook there; English where there is none."""
    try:
        return parse(tomllib.loads((folder / "lab.toml").read_text(encoding="utf-8"))["lang"])
    except (OSError, tomllib.TOMLDecodeError, KeyError, UnknownLanguage):
        return "en"
