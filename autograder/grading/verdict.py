"""What an exception means for the student whose submission a test is run on."""

from __future__ import annotations

from autograder.grading.expect import Mismatch
from autograder.grading.report import Outcome
from autograder.grading.session import MEMORY, Ended
from autograder.grading.student import StudentError
from labkit.i18n import Bilingual

NOT_WRITTEN = Bilingual("not written yet", "尚未编写")


def verdict(error: BaseException) -> tuple[Outcome, Bilingual]:
    """An exception of a test as outcome and message. Only messages made for the student are passed on."""
    match error:
        case Mismatch():
            return "failed", error.message
        case Ended():
            return error.outcome, error.message
        case StudentError() if error.type == "NotImplementedError":
            return "error", NOT_WRITTEN
        case StudentError() if error.type == "OutputLimit":
            return "output_limit", error.told
        case StudentError() if error.type == "MemoryError" or "DefaultCPUAllocator" in error.message:
            return "memory", MEMORY
        case StudentError():
            return "error", error.in_words()
        case AssertionError():
            return "failed", Bilingual()
        case _:  # the test failed on a result of an unexpected kind
            return "failed", Bilingual(
                "the result is not of the kind that the task asks for", "结果不是题目要求的那种东西"
            )
