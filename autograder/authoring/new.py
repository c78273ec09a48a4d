"""`autograder new`: the folder of a new lab, complete and small: it builds, validates and opens at once.

It is a copy of lab-00-example, which lies beside this file, under the new lab's own names.
"""

from __future__ import annotations

import re
from pathlib import Path

from autograder.errors import UserError
from labkit import outline

EXAMPLE = Path(__file__).parent / "lab-00-example"
SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new(solutions: Path, number: str, slug: str) -> Path:
    """Makes `solutions`/lab-NN-<slug>/ for the lesson with that number; returns the folder.

    Raises:
        UserError: the outline has no such lesson, it has a lab already, or the slug is no name for a folder.
    """
    lesson = outline.find(number)
    if lesson is None:
        numbers = ", ".join(lesson.number for lesson in outline.LESSONS)
        raise UserError(f"The outline has no lesson {number}: take one of {numbers}.")
    if not SLUG.fullmatch(slug):
        raise UserError(f"A lab is named with small letters, digits and hyphens, such as evaluation, not {slug!r}.")
    if there := sorted(solutions.glob(f"lab-{lesson.number}-*")):
        raise UserError(f"Lesson {lesson.number} has a lab already: {there[0]}.")
    folder = solutions / f"lab-{lesson.number}-{slug}"
    notebook = slug.replace("-", "_")
    words = {
        EXAMPLE.name: folder.name,
        'lesson = "00"': f'lesson = "{lesson.number}"',
        "TITLE-EN": lesson.title.en,
        "TITLE-ZH": lesson.title.zh,
        'notebooks = ["example"]': f'notebooks = ["{notebook}"]',
        "cases of example": f"cases of {notebook}",
        "tests of example": f"tests of {notebook}",
    }
    for source in sorted(path for path in EXAMPLE.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        target = folder / source.relative_to(EXAMPLE)
        target = target.with_name(re.sub(r"\bexample\b|(?<=test_)example", notebook, target.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        for old, fresh in words.items():
            text = text.replace(old, fresh)
        target.write_text(text, encoding="utf-8")
    return folder
