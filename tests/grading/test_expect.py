"""The checks of hidden tests: they tell the kind of mistake, never the values."""

import pytest
import torch

from autograder.grading import expect
from autograder.grading.student import Handle, StudentError
from autograder.worker import wire
from labkit.i18n import Bilingual


@pytest.mark.parametrize(
    ("actual", "message"),
    [
        (None, "y should be a tensor, not None"),
        ([1.0], "y should be a tensor, not a list"),
        (Handle(None, 1, "Linear"), "y should be a tensor, not an object of type Linear"),
        (torch.ones(3), r"y should have shape \(2, 3\), not \(3,\)"),
        (torch.full((2, 3), torch.nan), "y should be finite"),
        (torch.ones(2, 3) * 1.1, "wrong values: y"),
    ],
)
def test_close_tells_what_kind_of_thing_is_wrong(actual: object, message: str):
    with pytest.raises(expect.Mismatch, match=f"^{message}$"):
        expect.close(actual, torch.ones(2, 3), "y")


def test_close_takes_values_within_the_tolerance_and_plain_numbers():
    expect.close(torch.ones(3) + 5e-6, torch.ones(3), "y")
    expect.close(1.000001, 1.0, "y")
    expect.close(torch.tensor(1.0), 1.0, "y")
    with pytest.raises(expect.Mismatch, match="wrong values: y"):
        expect.close(1.1, 1.0, "y")


@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        ((1, 2), [1, 2], "y should be a list, not a tuple"),
        ([1], [1, 2], r"wrong length: y \(1\)"),
        ([1, 3], [1, 2], "wrong values: y"),
        (True, 1, "y should be an int, not a bool"),
        (torch.ones(2), torch.ones(2).long(), "y should be torch.int64, not torch.float32"),
    ],
)
def test_equal_compares_types_and_tells_no_value(actual: object, expected: object, message: str):
    with pytest.raises(expect.Mismatch, match=f"^{message}$"):
        expect.equal(actual, expected, "y")


def test_a_mismatch_is_told_in_chinese_as_well():
    with pytest.raises(expect.Mismatch) as caught:
        expect.close(torch.ones(3), torch.ones(2, 3))
    assert caught.value.message.text("zh") == "结果：形状应当是 (2, 3)，而不是 (3,)"
    with pytest.raises(expect.Mismatch) as caught:
        expect.equal([1], [2], "merge_pair(ids)")
    assert caught.value.message.text("zh") == "数值不对：merge_pair(ids)"


def test_what_was_found_is_named_in_chinese_too():
    with pytest.raises(expect.Mismatch) as caught:
        expect.close(Handle(None, 1, "Linear"), torch.ones(3), Bilingual("the weight", "权重"))
    assert caught.value.message == Bilingual(
        "the weight should be a tensor, not an object of type Linear", "权重：应当是张量，而不是类型为 Linear 的对象"
    )
    with pytest.raises(expect.Mismatch) as caught:
        expect.equal(torch.ones(2), [1.0], "rates")
    assert caught.value.message.zh == "rates：应当是 list，而不是形状为 (2,) 的张量"


def student_error(kind: str) -> StudentError:
    return StudentError(wire.Failure(type=kind, message="no"))


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (
            None,
            Bilingual("f(0) should raise ValueError, but raises nothing", "f(0)：应当抛出 ValueError，却没有抛出异常"),
        ),
        (
            "KeyError",
            Bilingual(
                "f(0) should raise ValueError, not KeyError: no", "f(0)：应当抛出 ValueError，而不是 KeyError：no"
            ),
        ),
        ("ValueError", None),
    ],
)
def test_refused_wants_the_exception_that_the_docstring_names(raised: str | None, message: Bilingual | None):
    def call() -> None:
        if raised:
            raise student_error(raised)

    if message is None:
        expect.refused(call, "f(0)")
        return
    with pytest.raises(expect.Mismatch) as caught:
        expect.refused(call, "f(0)")
    assert caught.value.message == message


def test_refused_leaves_a_function_that_is_not_written_yet_to_the_verdict():
    def call() -> None:
        raise student_error("NotImplementedError")

    with pytest.raises(StudentError):
        expect.refused(call, "f(0)")
