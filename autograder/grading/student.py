"""The submission as a hidden test sees it: names to call. The calls run in the sandbox (session.py)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

import torch

from autograder.worker import wire
from autograder.worker.told import called
from labkit.i18n import Bilingual

MAX_MESSAGE = 300  # characters of a student's own message that reach the report
# Decimals may be values of a test's input, which are not for the student.
_DECIMALS = re.compile(r"-?\d+\.\d{3,}(?:e[+-]?\d+)?")


class Requests(Protocol):
    """What carries a request into the sandbox and its reply back: a Session."""

    def request(self, op: str, *args: Any, **kwargs: Any) -> Any:
        """The reply to one operation, as data and handles."""
        ...


class StudentError(Exception):
    """The student's code raised: `type` and `message` are its own, `line`, `text` and `cell` tell where.

    `told` is the message where it is a sentence of ours, in both languages; without Chinese where it is not.
    """

    def __init__(self, failure: wire.Failure) -> None:
        self.type = shown(failure.type)[:100]
        self.message = shown(failure.message)
        self.told = Bilingual(self.message, shown(failure.chinese))
        self.line, self.text, self.cell = failure.line, shown(failure.text), shown(failure.cell)
        super().__init__(self.in_words().en)

    def in_words(self) -> Bilingual:
        """The whole of it, for the report."""
        en, zh = f"{self.type}: {self.message}", f"{self.type}：{self.told.text('zh')}"
        if not self.line:
            return Bilingual(en, zh)
        return Bilingual(
            f"{en} (line {self.line} of {self.cell}: {self.text})",
            f"{zh}（{called(self.cell).zh}第 {self.line} 行：{self.text}）",
        )


class Handle:
    """An object of the student's that stays in the sandbox. Any attribute is a method to call there."""

    def __init__(self, session: Requests | None, number: int, kind: str) -> None:
        self._session, self._number, self._kind = session, number, kind  # no session: a handle from a recorded trace

    @property
    def type(self) -> str:
        """The name of the object's class, as the sandbox claims it."""
        return self._kind

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._request("method", self, "__call__", [*args], kwargs)

    def _request(self, op: str, *args: Any) -> Any:
        assert self._session is not None
        return self._session.request(op, *args)

    def __getattr__(self, name: str) -> _Method:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Method(self, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and other._number == self._number

    def __hash__(self) -> int:
        return hash(self._number)

    def get(self, path: str) -> Any:
        """An attribute by dotted path, such as `layers.0.weight`."""
        return self._request("get", self, path)

    def set(self, path: str, value: Any) -> None:
        """Sets an attribute by dotted path."""
        self._request("set", self, path, value)

    def grads(self) -> dict[str, torch.Tensor | None]:
        """A module's gradients by parameter name; None where none has arrived."""
        return self._request("grads", self)


class _Method:
    def __init__(self, handle: Handle, name: str) -> None:
        self._handle, self._name = handle, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._handle._request("method", self._handle, self._name, [*args], kwargs)


class Student:
    """The `student` fixture: `student.fn(x)` calls the student's global `fn` in the sandbox.

    Arguments and results are data (numbers, strings, lists, tuples, dicts, tensors, arrays, dtypes); any other object
    stays in the sandbox and comes back as a Handle, which may be an argument again.
    """

    def __init__(self, session: Requests) -> None:
        self._session = session

    def __getattr__(self, name: str) -> _Global:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Global(self._session, name)

    def new(self, path: str, *args: Any, **kwargs: Any) -> Any:
        """Calls an importable `module:qualified.name` in the sandbox, such as `torch.nn:Linear`."""
        return self._session.request("new", path, [*args], kwargs)

    def vjp(
        self, target: str | Handle, args: Sequence[Any], cotangent: torch.Tensor | None = None,
        wrt: Sequence[int] = (0,), **kwargs: Any,
    ) -> tuple[Any, list[torch.Tensor | None]]:  # fmt: skip
        """Runs target(*args), back-propagates `cotangent` (None for a scalar) and returns (output, gradients).

        The gradients are those of the tensors args[i] for i in `wrt`; those of a module's parameters are then in
        `handle.grads()`.
        """
        output, gradients = self._session.request("vjp", target, [*args], cotangent, [*wrt], kwargs)
        return output, gradients


class _Global:
    def __init__(self, session: Requests, name: str) -> None:
        self._session, self._name = session, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.request("call", self._name, [*args], kwargs)


def shown(text: str) -> str:
    """Text of the student's as a report may show it: one bounded line, without the values of an input.

    A line of its own could pass for one of the report's.
    """
    cut = " ".join(text[: 4 * MAX_MESSAGE].split())
    printable = "".join(character if character.isprintable() else "?" for character in cut)
    return _DECIMALS.sub("…", printable)[:MAX_MESSAGE]
