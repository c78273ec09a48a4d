"""What an exception means for the student whose submission a test is run on."""

from __future__ import annotations

from autograder.expect import Mismatch
from autograder.report import Outcome
from autograder.session import Ended
from autograder.student import StudentError

NOT_WRITTEN = "not written yet"


def verdict(error: BaseException) -> tuple[Outcome, str]:
    """An exception of a test as outcome and message. Only messages made for the student are passed on."""
    match error:
        case Mismatch():
            return "failed", str(error)
        case Ended():
            return error.outcome, error.message
        case StudentError() if error.type == "NotImplementedError":
            return "error", NOT_WRITTEN
        case StudentError() if error.type == "OutputLimit":
            return "output_limit", error.message
        case StudentError() if error.type == "MemoryError" or "DefaultCPUAllocator" in error.message:
            return "memory", "the memory limit was reached"
        case StudentError():
            return "error", str(error)
        case AssertionError():
            return "failed", ""
        case _:  # the test stumbled over a result of an unexpected kind
            return "failed", "the result is not of the kind that the task asks for"
