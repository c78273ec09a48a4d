"""Diagnosis by trace, on traces written down by hand."""

import numpy as np
import torch

from autograder.grading.diagnosis import Known, diagnose, same
from autograder.grading.session import Event
from autograder.grading.student import Handle

TOLERANCE = 1e-5


def trace(*values: object) -> list[Event]:
    return [Event("call", value) for value in values]


def known(*fails: str, **traces: list[Event]) -> dict[str, Known]:
    """Misconceptions by name, each failing the tests `fails`."""
    return {name: Known(events, frozenset(fails or ["test"])) for name, events in traces.items()}


def found(student: list[Event], reference: list[Event], misconceptions: dict[str, Known]) -> str | None:
    return diagnose(student, reference, lambda: misconceptions, TOLERANCE)


def test_a_match_at_the_first_difference_is_the_diagnosis():
    both = known(doubled=trace(1.0, 4.0), halved=trace(1.0, 1.0))
    assert found(trace(1.0, 4.0), trace(1.0, 2.0), both) == "doubled"


def test_within_the_tolerance_is_a_match_and_beyond_it_is_none():
    doubled = known(doubled=trace(4.0))
    assert found(trace(4.00001), trace(2.0), doubled) == "doubled"
    assert found(trace(4.001), trace(2.0), doubled) is None


def test_an_unknown_mistake_has_no_diagnosis():
    assert found(trace(5.0), trace(2.0), known(doubled=trace(4.0))) is None


def test_right_replies_have_no_diagnosis():
    assert found(trace(2.0), trace(2.0), known(doubled=trace(4.0))) is None


def test_two_misconceptions_that_answer_alike_are_told_apart_by_what_follows():
    both = known(a=trace(4.0, 1.0), b=trace(4.0, 3.0))
    assert found(trace(4.0, 3.0), trace(2.0, 2.0), both) == "b"
    assert found(trace(4.0, 7.0), trace(2.0, 2.0), both) is None


def test_of_two_that_answer_alike_the_one_that_explains_more_is_preferred():
    narrow, wide = known("x", narrow=trace(4.0)), known("x", "y", wide=trace(4.0))
    assert found(trace(4.0), trace(2.0), narrow | wide) == "wide"
    assert found(trace(4.0), trace(2.0), narrow | known("x", twin=trace(4.0))) is None


def test_a_bare_truth_value_or_nothing_proves_nothing():
    assert found(trace(True), trace(False), known(liar=trace(True))) is None
    assert found(trace(None), trace(2.0), known(forgets=trace(None))) is None


def test_work_not_done_is_no_misconception():
    unwritten = [Event("call", error=("NotImplementedError", ""))]
    assert found(unwritten, trace(2.0), known(same=unwritten)) is None


def test_the_same_exception_is_a_match():
    raised = [Event("call", error=("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (3x7 and 5x7)"))]
    assert found(raised, trace(2.0), known(turned=raised)) == "turned"


def test_values_are_compared_by_kind():
    a, b = torch.tensor([1.0, float("nan")]), torch.tensor([1.0, float("nan")])
    assert same(Event("call", a), Event("call", b), TOLERANCE)
    assert same(Event("call", np.ones(3)), Event("call", np.ones(3)), TOLERANCE)
    assert not same(Event("call", torch.ones(3)), Event("call", torch.ones(1, 3)), TOLERANCE)
    assert not same(Event("call", torch.ones(3)), Event("call", torch.ones(3).double()), TOLERANCE)
    assert not same(Event("call", 1), Event("call", True), TOLERANCE)
    assert same(Event("call", {"a": (1.0, [b])}), Event("call", {"a": (1.0, [a])}), TOLERANCE)
    assert same(Event("call", Handle(None, 3, "A")), Event("call", Handle(None, 4, "B")), TOLERANCE)
    assert not same(Event("call", 1.0), Event("get", 1.0), TOLERANCE)


def test_misconceptions_are_asked_for_only_where_a_reply_can_tell_them_apart():
    def never() -> dict[str, Known]:
        raise AssertionError("to know them, each would be run")

    unwritten = [Event("call", error=("NotImplementedError", ""))]
    for replies in (unwritten, trace(None), trace(True), trace(2.0)):
        assert diagnose(replies, trace(2.0), never, TOLERANCE) is None
