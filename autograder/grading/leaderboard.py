"""A lab's leaderboard: one figure for each submission, which earns no points.

The figure is measured in the trusted process, on what the student's code handed out (weights, say), as in a test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autograder.errors import GraderError
from autograder.grading.report import Entry
from autograder.grading.secret import seed
from autograder.grading.session import Session
from autograder.grading.student import Student, StudentError
from autograder.grading.verdict import verdict
from labkit.i18n import Bilingual, Lang

NOT_FINITE = Bilingual("the figure is not finite", "数值不是有限的")
DECIMALS = 4  # of a figure: rounding in the last bits must not decide who is first


@dataclass(frozen=True)
class Leaderboard:
    """What a module of a lab's hidden suite calls LEADERBOARD."""

    notebook: str  # its cell that competes comes after its last check cell, and no test needs it
    unit: Bilingual  # of the figure
    lowest_first: bool
    seconds: float  # how long the sandbox may work
    measure: Callable[[Student, np.random.Generator], float]  # the figure; refuses by `expect`, as a test does

    def enter(self, session: Session, secret: bytes, lab_id: str, lang: Lang) -> Entry | None:
        """The submission's figure; the entry has none where it was refused. None where the cell is not written."""
        try:
            session.start_test(
                self.notebook, "leaderboard", seed(secret, lab_id, "leaderboard", "sandbox"), self.seconds
            )
            rng = np.random.default_rng(seed(secret, lab_id, "leaderboard", "rng"))
            figure = round(float(self.measure(Student(session), rng)), DECIMALS)
        except GraderError:
            raise
        except Exception as error:
            if isinstance(error, StudentError) and error.type in ("NotImplementedError", "NotWritten"):
                return None
            _, message = verdict(error)
            return Entry(None, self.unit, self.lowest_first, message.text(lang))
        if not math.isfinite(figure):
            return Entry(None, self.unit, self.lowest_first, NOT_FINITE.text(lang))
        return Entry(figure, self.unit, self.lowest_first)
