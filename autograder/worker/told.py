"""What a student reads about a cell, in both languages: the worker says it, and so does the grader."""

import re

from labkit.i18n import Bilingual

NUMBERED = re.compile(r"(release )?cell (\d+)")


def called(cell: str) -> Bilingual:
    """A cell by its name in a program (autograder/grading/program.py): a grade id, "cell 17" or "release cell 3".

    The Chinese ends in a Chinese character, so that what follows needs no space.
    """
    if numbered := NUMBERED.fullmatch(cell):
        return Bilingual(cell, f"{'发布版的' if numbered[1] else ''}第 {numbered[2]} 个单元格")
    return Bilingual(f"cell {cell}", f"{cell} 单元格")


def joined(before: Bilingual, after: Bilingual) -> Bilingual:
    """Two parts of a sentence with a colon between them, if there is a second."""
    if not after.en:
        return before
    return Bilingual(f"{before.en}: {after.en}", f"{before.zh}：{after.text('zh')}")
