"""Checks for hidden tests, whose messages a student may read: they tell what kind of thing is wrong, never the values
that were expected.
"""

from collections.abc import Sequence
from typing import Any

import torch

from autograder.student import Handle


class Mismatch(AssertionError):
    """A check failed; the message is for the student."""


def that(condition: bool, message: str) -> None:
    """Raises Mismatch(message) unless `condition` holds."""
    if not condition:
        raise Mismatch(message)


def tensor(
    value: Any, shape: Sequence[int] | None = None, dtype: torch.dtype | None = None, what: str = "the result"
) -> torch.Tensor:
    """`value`, if it is a tensor of this shape and dtype; else raises Mismatch."""
    if not isinstance(value, torch.Tensor):
        raise Mismatch(f"{what} should be a tensor, but is {_kind(value)}")
    if shape is not None and tuple(value.shape) != tuple(shape):
        raise Mismatch(f"{what} should have shape {tuple(shape)}, but has {tuple(value.shape)}")
    if dtype is not None and value.dtype != dtype:
        raise Mismatch(f"{what} should be {dtype}, but is {value.dtype}")
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
        that(isinstance(actual, (int, float)), f"{what} should be a number, but is {_kind(actual)}")
        actual, expected = torch.tensor(float(actual)), torch.tensor(float(expected))
    tensor(actual, tuple(expected.shape), what=what)
    that(not actual.is_complex(), f"{what} should be real")
    actual, expected = actual.double(), expected.double()
    that(bool(torch.isfinite(actual).all() or not torch.isfinite(expected).all()), f"{what} is not finite")
    that(torch.allclose(actual, expected, atol=atol, rtol=rtol), f"{what} has wrong values")


def equal(actual: Any, expected: Any, what: str = "the result") -> None:
    """Raises Mismatch unless `actual` is of the type of `expected` and equals it; tensors element by element."""
    if isinstance(expected, torch.Tensor):
        actual = tensor(actual, expected.shape, expected.dtype, what)
        that(torch.equal(actual, expected), f"{what} has wrong values")
        return
    that(type(actual) is type(expected), f"{what} should be {_article(type(expected))}, but is {_kind(actual)}")
    if isinstance(expected, (list, tuple, dict, set, str)):
        that(len(actual) == len(expected), f"{what} has the wrong length ({len(actual)})")
    that(actual == expected, f"{what} has wrong values")


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
