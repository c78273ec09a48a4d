"""Diagnosis by trace: which misconception gives the same replies as the student?

For a test that the student fails, the student's replies are compared with the reference's up to the first that
differs. A misconception whose trace has the same reply there (and the same before) is the diagnosis, provided that the
student fails every test that it fails. Nothing is guessed: without a match, or with several, there is no diagnosis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from autograder.grading.session import Event
from autograder.grading.student import Handle

Trace = Sequence[Event]


class Known(NamedTuple):
    """A misconception in one test: the replies it gives there, and all the tests that it fails."""

    trace: Trace
    fails: frozenset[str]


def diagnose(
    student: Trace, reference: Trace, misconceptions: Callable[[], Mapping[str, Known]], tolerance: float
) -> str | None:
    """The id of the one misconception whose trace matches the student's where it leaves the reference's.

    `misconceptions` is called only where the student's reply can tell them apart, because it may have to run each of
    them. Where several match at that reply, the replies after it decide, and then how much they explain: one that
    fails all the tests of another and more is preferred. If that leaves several, there is no diagnosis.
    """
    pairs = enumerate(zip(student, reference, strict=False))
    first = next((index for index, (a, b) in pairs if not same(a, b, tolerance)), None)
    if first is None or not telling(student[first], reference[first]):
        return None
    candidates = {
        name: known
        for name, known in misconceptions().items()
        if len(known.trace) > first
        and same(known.trace[first], student[first], tolerance)
        and not same(known.trace[first], reference[first], tolerance)
    }
    if len(candidates) > 1:
        candidates = {
            name: known
            for name, known in candidates.items()
            if len(known.trace) == len(student)
            and all(same(a, b, tolerance) for a, b in zip(known.trace[first:], student[first:], strict=True))
        }
    explained = [known.fails for known in candidates.values()]
    candidates = {
        name: known for name, known in candidates.items() if not any(known.fails < more for more in explained)
    }
    return next(iter(candidates)) if len(candidates) == 1 else None


def same(a: Event, b: Event, tolerance: float) -> bool:
    """Whether two replies are the same: numbers within the test's tolerance, all else exactly."""
    return a.op == b.op and a.error == b.error and _same(a.value, b.value, tolerance)


def telling(reply: Event, reference: Event) -> bool:
    """Whether a reply identifies a mistake. A bare truth value or None does not: any wrong solution may give it.

    Neither does NotImplementedError or a missing name: that work is not done yet.
    """
    if reply.error is not None:
        return reply.error[0] not in ("NotImplementedError", "NotWritten", "OutputLimit", "MemoryError")
    return not (reply.value is None or isinstance(reply.value, bool))


def _same(a: Any, b: Any, tolerance: float) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return _same_tensors(torch.from_numpy(a), torch.from_numpy(b), tolerance)
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return _same_tensors(a, b, tolerance)
    if isinstance(a, Handle) and isinstance(b, Handle):
        return True  # an object is judged by what its methods return
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(_same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key], tolerance) for key in a)
    return bool(a == b)


def _same_tensors(a: torch.Tensor, b: torch.Tensor, tolerance: float) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance, equal_nan=True)
