"""Checks for hidden tests, whose messages a student may read: they tell what kind of thing is wrong, never the values
that were expected.

`what` names the thing that is compared. It is a Bilingual, or a plain name of the code, which is the same in both
languages: `merge_pair(ids)`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

import torch

from autograder.grading.student import Handle, StudentError
from labkit.i18n import Bilingual

What: TypeAlias = str | Bilingual
RESULT = Bilingual("the result", "结果")


class Mismatch(AssertionError):
    """A check failed; the message is for the student."""

    def __init__(self, message: Bilingual) -> None:
        super().__init__(message.en)
        self.message = message


def that(condition: bool, message: Bilingual) -> None:
    """Raises Mismatch(message) unless `condition` holds."""
    if not condition:
        raise Mismatch(message)


def refused(call: Callable[[], Any], what: What, error: str = "ValueError") -> None:
    """Raises Mismatch unless the student's code, in `call`, raises an exception of the type `error`."""
    try:
        call()
    except StudentError as raised:
        if raised.type == "NotImplementedError":  # nothing is written yet
            raise
        if raised.type != error:
            found = raised.in_words()
            _mismatch(what, f"should raise {error}, not {found.en}", f"应当抛出 {error}，而不是 {found.zh}")
    else:
        _mismatch(what, f"should raise {error}, but raises nothing", f"应当抛出 {error}，却没有抛出异常")


def tensor(
    value: Any, shape: Sequence[int] | None = None, dtype: torch.dtype | None = None, what: What = RESULT
) -> torch.Tensor:
    """`value`, if it is a tensor of this shape and dtype; else raises Mismatch."""
    if not isinstance(value, torch.Tensor):
        _wrong_kind(what, Bilingual("a tensor", "张量"), value)
    if shape is not None and tuple(value.shape) != tuple(shape):
        found = tuple(value.shape)
        _mismatch(what, f"should have shape {tuple(shape)}, not {found}", f"形状应当是 {tuple(shape)}，而不是 {found}")
    if dtype is not None and value.dtype != dtype:
        _mismatch(what, f"should be {dtype}, not {value.dtype}", f"应当是 {dtype}，而不是 {value.dtype}")
    return value


def close(
    actual: Any, expected: torch.Tensor | float, what: What = RESULT, atol: float = 1e-5, rtol: float = 1e-5
) -> None:
    """Raises Mismatch unless `actual` has the shape of `expected` and its values within atol + rtol * |expected|.

    Values are compared in float64; NaN equals nothing.
    """
    if isinstance(expected, (int, float)):
        if isinstance(actual, torch.Tensor) and actual.numel() == 1:
            actual = actual.item()
        if not isinstance(actual, (int, float)):
            _wrong_kind(what, Bilingual("a number", "一个数"), actual)
        actual, expected = torch.tensor(float(actual)), torch.tensor(float(expected))
    tensor(actual, tuple(expected.shape), what=what)
    if actual.is_complex():
        _mismatch(what, "should be real", "应当是实数")
    actual, expected = actual.double(), expected.double()
    if torch.isfinite(expected).all() and not torch.isfinite(actual).all():
        _mismatch(what, "should be finite", "出现了无穷大或 NaN")
    if not torch.allclose(actual, expected, atol=atol, rtol=rtol):
        _wrong_values(what)


def equal(actual: Any, expected: Any, what: What = RESULT) -> None:
    """Raises Mismatch unless `actual` is of the type of `expected` and equals it; tensors element by element."""
    if isinstance(expected, torch.Tensor):
        actual = tensor(actual, expected.shape, expected.dtype, what)
        if not torch.equal(actual, expected):
            _wrong_values(what)
        return
    if type(actual) is not type(expected):
        _wrong_kind(what, _typed(type(expected)), actual)
    if isinstance(expected, (list, tuple, dict, set, str)) and len(actual) != len(expected):
        named = _named(what)
        raise Mismatch(Bilingual(f"wrong length: {named.en} ({len(actual)})", f"长度不对：{named.zh}（{len(actual)}）"))
    if actual != expected:
        _wrong_values(what)


def _mismatch(what: What, en: str, zh: str) -> NoReturn:
    named = _named(what)
    raise Mismatch(Bilingual(f"{named.en} {en}", f"{named.zh}：{zh}"))


def _wrong_kind(what: What, wanted: Bilingual, value: Any) -> NoReturn:
    found = _kind(value)
    _mismatch(what, f"should be {wanted.en}, not {found.en}", f"应当是{_spaced(wanted.zh)}，而不是{_spaced(found.zh)}")


def _wrong_values(what: What) -> NoReturn:
    named = _named(what)
    raise Mismatch(Bilingual(f"wrong values: {named.en}", f"数值不对：{named.zh}"))


def _named(what: What) -> Bilingual:
    return what if isinstance(what, Bilingual) else Bilingual(what, what)


def _kind(value: Any) -> Bilingual:
    if value is None:
        return _named("None")
    if isinstance(value, torch.Tensor):
        shape = tuple(value.shape)
        return Bilingual(f"a tensor of shape {shape}", f"形状为 {shape} 的张量")
    if isinstance(value, Handle):
        return Bilingual(f"an object of type {value.type}", f"类型为 {value.type} 的对象")
    return _typed(type(value))


def _typed(kind: type) -> Bilingual:
    name = kind.__name__
    return Bilingual(f"{'an' if name[0] in 'aeiou' else 'a'} {name}", name)


def _spaced(words: str) -> str:
    """A space stands between a Chinese and a Latin word."""
    return f" {words}" if words[0].isascii() else words
