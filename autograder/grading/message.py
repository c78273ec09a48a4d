"""What the grader tells a student, in the languages of the course."""

from __future__ import annotations

from typing import NamedTuple


class Message(NamedTuple):
    """A sentence in English and in Chinese; one without a translation is English for both."""

    en: str = ""
    zh: str = ""

    def text(self, lang: str) -> str:
        """The sentence in the reader's language."""
        return self.zh if lang == "zh" and self.zh else self.en
