"""The worker of one problem: runs what the grader asks on the student's names and objects.

Objects stay here; the grader holds numbers for them (handles). Nothing here knows an expected value.
"""

import importlib
import itertools
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from labkit.i18n import Bilingual

from . import cells, wire
from .told import joined

TOO_LARGE = Bilingual("the result is too large to grade", "结果太大，无法评分")


class Objects:
    """The table of handles, and the operations on them."""

    def __init__(self, program: cells.Loaded, channel: wire.Channel) -> None:
        self.program = program
        self.channel = channel
        self.objects: list[Any] = []
        self.numbers: dict[int, int] = {}  # id(object) -> number; the list keeps the object alive
        self.operations: dict[str, Callable[..., Any]] = {
            "seed": reseed, "call": self.call, "new": self.new, "method": self.method,
            "get": self.get, "set": self.set, "grads": self.grads, "vjp": self.vjp,
        }  # fmt: skip

    def serve(self, begin: wire.Request) -> None:
        """Answers `begin`, then requests until `end`. Raises wire.Closed when the grader has gone."""
        sys.modules[self.program.module.__name__] = self.program.module  # pickle and typing find the names by it
        self.channel.send(wire.Reply(id=begin.id))
        while True:
            request, blob = self.channel.receive(wire.Request)
            if request.op == "end":
                return
            self._answer(request, blob)

    def _answer(self, request: wire.Request, blob: bytearray) -> None:
        try:
            args, kwargs = wire.unpack(request.args, blob, self._resolve)
            value = self.operations[request.op](*args, **kwargs)
            tree, answer = wire.pack(_data(value), self._refer)
            self.channel.send(wire.Reply(id=request.id, value=tree), answer)
        except wire.FrameTooLarge as error:
            told = joined(TOO_LARGE, cells.raised(error).message)
            self._fail(request, wire.Failure("OutputLimit", told.en, told.zh))
        except BaseException as error:  # SystemExit and KeyboardInterrupt of the student's end the call, not us
            failure = describe(error)
            if isinstance(error, NameError) and error.name:
                explained = self.program.explain(str(error.name))
                failure.message, failure.chinese = explained.en, explained.zh
            self._fail(request, failure)

    def _fail(self, request: wire.Request, failure: wire.Failure) -> None:
        self.channel.send(wire.Reply(id=request.id, error=failure))

    def _resolve(self, number: Any) -> Any:
        return self.objects[number]

    def _refer(self, value: Any) -> dict[str, Any]:
        number = self.numbers.get(id(value))
        if number is None:
            number = self.numbers[id(value)] = len(self.objects)
            self.objects.append(value)
        return {"$handle": [number, type(value).__name__[:100]]}

    def call(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Calls the student's global `name`."""
        return self._named(name)(*args, **kwargs)

    def new(self, path: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Calls an importable `module:qualified.name`, such as `torch.nn:Linear`."""
        module, _, name = path.partition(":")
        return _walk(importlib.import_module(module), name)(*args, **kwargs)

    def method(self, target: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Calls a method of an object; the name may be `__call__`."""
        return getattr(target, name)(*args, **kwargs)

    def get(self, target: Any, path: str) -> Any:
        """An attribute by dotted path; a part that is a number indexes."""
        return _walk(target, path)

    def set(self, target: Any, path: str, value: Any) -> None:
        """Sets an attribute by dotted path."""
        head, _, last = path.rpartition(".")
        setattr(_walk(target, head) if head else target, last, value)

    def grads(self, target: torch.nn.Module) -> dict[str, torch.Tensor | None]:
        """The gradients of a module's parameters by name; None where none has arrived."""
        return {name: parameter.grad for name, parameter in target.named_parameters()}

    def vjp(
        self, target: Any, args: list[Any], cotangent: torch.Tensor | None, wrt: list[int], kwargs: dict[str, Any]
    ) -> tuple[Any, list[torch.Tensor | None]]:
        """Vector-Jacobian product: the output of target(*args) and the gradients of the arguments numbered `wrt`."""
        function = self._named(target) if isinstance(target, str) else target
        for index in wrt:
            args[index] = args[index].detach().clone().requires_grad_(True)
        output = function(*args, **kwargs)
        output.backward(cotangent)
        return output, [args[index].grad for index in wrt]

    def _named(self, name: str) -> Callable[..., Any]:
        try:
            return self.program.namespace[name]
        except KeyError:
            raise cells.NotWritten(self.program.explain(name)) from None


def reseed(seed: int) -> None:
    """Seeds random, numpy and torch: a fork would otherwise repeat the state of the process it came from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)


def _walk(target: Any, path: str) -> Any:
    for part in path.split("."):
        target = target[int(part)] if part.isdigit() else getattr(target, part)
    return target


def _data(value: Any) -> Any:
    """Iterators as lists of at most MAX_ITEMS items: a generator of parameters, say."""
    if isinstance(value, (Iterator, type({}.keys()), type({}.values()), type({}.items()))):
        return list(itertools.islice(value, wire.MAX_ITEMS))
    return value


def describe(error: BaseException) -> wire.Failure:
    """An exception as text, with the last line of the student's own code that it passed through."""
    raised = cells.raised(error)
    message = raised.message
    return wire.Failure(raised.type, message.en, message.zh, raised.line or None, raised.text, raised.cell)
