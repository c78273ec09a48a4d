"""The two languages of the course, and which of them to speak."""

import os
from typing import Literal, TypeAlias

Lang: TypeAlias = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")
NAMES: dict[Lang, str] = {"en": "English", "zh": "中文"}


class UnknownLanguage(ValueError):
    """A language that the course is not in."""


def language(code: str) -> None:
    """Speak English ("en") or Chinese ("zh") from now on, in this process and those that it starts."""
    os.environ["LLM101_LANG"] = parse(code)


def parse(code: str) -> Lang:
    """`code` as a language of the course; UnknownLanguage when it is none."""
    if code not in LANGS:
        raise UnknownLanguage(f"unknown language {code!r}: choose en or zh")
    return code


def chosen() -> Lang | None:
    """The language that LLM101_LANG asks for, or None."""
    code = os.environ.get("LLM101_LANG")
    return parse(code) if code else None


def current() -> Lang:
    """The language chosen, else that of the locale, else English."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return chosen() or ("zh" if locale.startswith("zh") else "en")


def pick(en: str, zh: str) -> str:
    """The sentence in the current language."""
    return zh if current() == "zh" else en
