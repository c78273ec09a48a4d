"""Checks for hidden tests, whose messages a student may read: they tell what kind of thing is wrong, never the values
that were expected.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

import torch

from autograder.grading.student import Handle
from labkit.i18n import Bilingual


class Mismatch(AssertionError):
    """A check failed; the message is for the student."""

    def __init__(self, en: str, zh: str = "") -> None:
        super().__init__(en)
        self.message = Bilingual(en, zh)


def that(condition: bool, message: str) -> None:
    """Raises Mismatch(message) unless `condition` holds."""
    if not condition:
        raise Mismatch(message)


def tensor(
    value: Any, shape: Sequence[int] | None = None, dtype: torch.dtype | None = None, what: str = "the result"
) -> torch.Tensor:
    """`value`, if it is a tensor of this shape and dtype; else raises Mismatch."""
    if not isinstance(value, torch.Tensor):
        _mismatch(what, f"should be a tensor, not {_kind(value)}", f"应当是张量，而不是 {_kind(value)}")
    if shape is not None and tuple(value.shape) != tuple(shape):
        found = tuple(value.shape)
        _mismatch(what, f"should have shape {tuple(shape)}, not {found}", f"形状应当是 {tuple(shape)}，而不是 {found}")
    if dtype is not None and value.dtype != dtype:
        _mismatch(what, f"should be {dtype}, not {value.dtype}", f"应当是 {dtype}，而不是 {value.dtype}")
    return value


def close(
    actual: Any, expected: torch.Tensor | float, what: str = "the result", atol: float = 1e-5, rtol: float = 1e-5
) -> None:
    """Raises Mismatch unless `actual` has the shape of `expected` and its values within atol + rtol * |expected|.

    Values are compared in float64; NaN equals nothing.
    """
    if isinstance(expected, (int, float)):
        if isinstance(actual, torch.Tensor) and actual.numel() == 1:
            actual = actual.item()
        if not isinstance(actual, (int, float)):
            _mismatch(what, f"should be a number, not {_kind(actual)}", f"应当是一个数，而不是 {_kind(actual)}")
        actual, expected = torch.tensor(float(actual)), torch.tensor(float(expected))
    tensor(actual, tuple(expected.shape), what=what)
    if actual.is_complex():
        _mismatch(what, "should be real", "应当是实数")
    actual, expected = actual.double(), expected.double()
    if torch.isfinite(expected).all() and not torch.isfinite(actual).all():
        _mismatch(what, "should be finite", "出现了无穷大或 NaN")
    if not torch.allclose(actual, expected, atol=atol, rtol=rtol):
        _wrong_values(what)


def equal(actual: Any, expected: Any, what: str = "the result") -> None:
    """Raises Mismatch unless `actual` is of the type of `expected` and equals it; tensors element by element."""
    if isinstance(expected, torch.Tensor):
        actual = tensor(actual, expected.shape, expected.dtype, what)
        if not torch.equal(actual, expected):
            _wrong_values(what)
        return
    if type(actual) is not type(expected):
        wanted = type(expected).__name__
        _mismatch(
            what,
            f"should be {_article(type(expected))}, not {_kind(actual)}",
            f"应当是 {wanted}，而不是 {_kind(actual)}",
        )
    if isinstance(expected, (list, tuple, dict, set, str)) and len(actual) != len(expected):
        raise Mismatch(f"wrong length: {what} ({len(actual)})", f"长度不对：{_in_chinese(what)}（{len(actual)}）")
    if actual != expected:
        _wrong_values(what)


def _mismatch(what: str, en: str, zh: str) -> NoReturn:
    raise Mismatch(f"{what} {en}", f"{_in_chinese(what)}：{zh}")


def _wrong_values(what: str) -> NoReturn:
    raise Mismatch(f"wrong values: {what}", f"数值不对：{_in_chinese(what)}")


def _in_chinese(what: str) -> str:
    return "结果" if what == "the result" else what  # the other names are those of the code


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, Handle):
        return f"an object of type {value.type}"
    return _article(type(value))


def _article(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'aeiou' else 'a'} {kind.__name__}"
