"""How long the grader waits for a submission that does not answer: a minute in all, whatever the lab's size.

Work that answers is never hurried, however slow it is within its tests' time. Only silence counts: the seconds of tests
and of loading that had no result in time.
"""

from collections import Counter

from labkit.i18n import Bilingual

LATE_TESTS = 2  # of a problem; the rest of it is not waited for
HURRIED_AFTER = 20.0  # seconds of silence, after which tests and loading get a part of their time
OVER_AFTER = 50.0  # seconds of silence, after which nothing more is run
PART, LEAST = 0.2, 1.0  # of the time, and seconds at least
LATE = Bilingual(
    f"not run: {LATE_TESTS} tests of this problem had no result in time",
    f"没有运行：本题已有 {LATE_TESTS} 个测试没有按时得出结果",
)
OVER = Bilingual(
    f"not run: the submission had given no answer for {OVER_AFTER:.0f} s in all",
    f"没有运行：这份提交总共已有 {OVER_AFTER:.0f} 秒没有应答",
)


class Patience:
    """What is left of it for one submission."""

    def __init__(self) -> None:
        self._silence = 0.0
        self._late: Counter[str] = Counter()

    def silent(self, seconds: float, problem: str) -> None:
        """Takes down that a test of the problem (of none: loading) had no result after so many seconds."""
        self._silence += seconds
        self._late[problem] += 1

    def granted(self, seconds: float) -> float:
        """What a test or loading gets of the seconds that it would have."""
        return seconds if self._silence < HURRIED_AFTER else max(LEAST, PART * seconds)

    def ended(self, problem: str) -> Bilingual | None:
        """Why no other test of the problem is run; None where one is."""
        if self._silence >= OVER_AFTER:
            return OVER
        return LATE if self._late[problem] >= LATE_TESTS else None
