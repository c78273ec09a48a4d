"""One submission in the sandbox: from the cells to the replies, within its time."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

import msgspec

from autograder.grading.patience import Patience
from autograder.grading.student import Handle, StudentError, shown
from autograder.sandbox import Child, Sandbox
from autograder.worker import wire
from autograder.worker.told import called, joined
from labkit.i18n import Bilingual

MAX_RECEIVED = 1 << 30  # bytes of all replies of one submission
LOAD_ATTEMPTS = 4  # a cell that ends the process while loading is left out in the next attempt
GONE = Bilingual("the process had ended before", "进程此前已经结束")
MEMORY = Bilingual("the memory limit was reached", "达到了内存上限")


class Ended(Exception):
    """The sandbox had to be ended in the middle of a test."""

    def __init__(self, outcome: Literal["timeout", "memory", "crashed", "output_limit"], message: Bilingual) -> None:
        super().__init__(message.en)
        self.outcome = outcome
        self.message = message


class Event(msgspec.Struct, frozen=True):
    """One reply: what diagnosis compares. `error` is (type, message) of an exception, None where there was a value."""

    op: str
    value: Any = None
    error: tuple[str, str] | None = None


class Program(msgspec.Struct, frozen=True):
    """One notebook of a submission, as it crosses to the sandbox."""

    cells: Sequence[Mapping[str, Any]]
    wanted: Mapping[str, str]  # name -> the solution cell that should define it
    uses: Sequence[str] = ()  # the notebooks that are loaded before it


class Session:
    """One submission in the sandbox: spawns, loads, restarts after a death, and keeps the time.

    Time is only counted while the sandbox works: `budget` seconds for a test, `total` for the submission.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        programs: Mapping[str, Program],
        load_seconds: float,
        total: float,
        patience: Patience | None = None,
    ) -> None:
        self.sandbox = sandbox
        self.programs = programs
        self.load_seconds = load_seconds
        self.total = total
        self.budget = 0.0  # seconds that are left for the test
        self.used = 0.0  # seconds that the last test has used, without loading
        self.seed = 0
        self.trace: list[Event] = []
        self.load_times: dict[str, float] = {}
        self.notes: dict[str, list[Bilingual]] = {}  # by notebook: what loading did not run
        self._received = 0
        self._child: Child | None = None
        self._loaded: set[str] = set()  # notebooks in the child
        self._open: tuple[str, str] | None = None  # (notebook, problem) of the running worker
        self._loading = -1  # index of the cell that is being loaded
        self._left_out: dict[str, dict[str, Bilingual]] = {}  # notebook -> cell index -> why it is not loaded
        self._unloadable: dict[str, Ended] = {}  # notebook -> why it never loads
        self._patience = patience or Patience()
        self._problem = ""  # of the running test

    def start_test(self, notebook: str, problem: str, seed: int, budget: float) -> None:
        """Makes the problem's worker ready. A new problem gets a new worker, and so does one whose worker has died."""
        self.trace = []
        self.seed = seed
        self._problem = problem
        if (why := self._patience.ended(problem)) is not None:
            raise Ended("timeout", why)
        self.budget, self.used = self._patience.granted(budget), 0.0
        if self._open != (notebook, problem):
            self._end_worker()
            self._ensure_loaded(notebook)
            self._exchange("begin", *wire.pack(notebook, _refer))
            self._open = (notebook, problem)
        self.request("seed", seed)
        self.trace = []

    def request(self, op: str, *args: Any, **kwargs: Any) -> Any:
        """Asks the worker for one operation of `objects.Objects`; the reply as data and handles.

        Raises StudentError for an exception of the student's code, Ended when the sandbox had to be ended.
        """
        if self._open is None:
            raise Ended("crashed", GONE)
        tree, blob = wire.pack(([*args], kwargs), _refer)
        reply, answer = self._exchange(op, tree, blob)
        if reply.error is not None:
            error = StudentError(reply.error)
            self.trace.append(Event(op, error=(error.type, error.message)))
            raise error
        started = time.monotonic()
        try:
            value = wire.unpack(reply.value, answer, self._handle)
        except wire.ProtocolError as error:
            en, zh = error.text.en, error.text.zh
            garbled = Bilingual(
                f"the sandbox sent a reply that cannot be read ({en})", f"沙箱发来的应答无法读取（{zh}）"
            )
            self._fail("crashed", garbled)
        finally:
            self._spend(time.monotonic() - started)
        self.trace.append(Event(op, value=value))
        return value

    def close(self) -> None:
        """Ends the submission's processes."""
        if self._child is not None:
            self._child.kill()
        self._child, self._open, self._loaded = None, None, set()

    def _handle(self, content: Any) -> Handle:
        match content:
            case [int(number), str(kind)] if 0 <= number < 2**31:
                return Handle(self, number, shown(kind)[:100])
        raise wire.ProtocolError(Bilingual("a malformed handle", "句柄的格式不对"))

    def _ensure_loaded(self, notebook: str) -> None:
        """Loads the notebooks that `notebook` uses, then itself; all of them again where one ended the process."""
        order = (*self.programs[notebook].uses, notebook)
        attempts: Counter[str] = Counter()
        while self._child is None or notebook not in self._loaded:
            if known := next((self._unloadable[name] for name in order if name in self._unloadable), None):
                raise Ended(known.outcome, known.message)
            if self._child is None:
                self._child, self._loaded = self.sandbox.spawn(), set()
            following = next(name for name in order if name not in self._loaded)
            attempts[following] += 1
            self._load(following, last=attempts[following] == LOAD_ATTEMPTS)

    def _load(self, notebook: str, last: bool) -> None:
        """Loads a notebook's cells; a cell that ends the process is left out from the next attempt on."""
        program = self.programs[notebook]
        left_out = self._left_out.setdefault(notebook, {})
        arguments = {
            "notebook": notebook, "cells": program.cells, "wanted": program.wanted, "seed": self.seed,
            "skip": {index: [why.en, why.zh] for index, why in left_out.items()},
        }  # fmt: skip
        started = time.monotonic()
        test = self.budget, self.used
        self.budget = self._patience.granted(self.load_seconds)
        self._loading = -1
        try:
            reply, _ = self._exchange("load", *wire.pack(arguments, _refer))
        except Ended as ended:
            if last or str(self._loading) in left_out or not 0 <= self._loading < len(program.cells):
                self._unloadable[notebook] = ended
                raise
            left_out[str(self._loading)] = ended.message
            return
        finally:
            self.budget, self.used = test
        self.load_times[notebook] = time.monotonic() - started
        self.notes[notebook] = _notes(reply.value) + [
            _not_loaded(program.cells[int(index)]["name"], why) for index, why in left_out.items()
        ]
        self._loaded.add(notebook)

    def _end_worker(self) -> None:
        """Ends the worker of the previous problem, if one runs, with everything that it started."""
        if self._open is None or self._child is None:
            self._open = None
            return
        self._open = None
        try:
            self._exchange("end", *wire.pack(None, _refer))
        except Ended:
            self.close()

    def _exchange(self, op: str, args: Any, blob: bytes = b"") -> tuple[wire.Reply, bytearray]:
        """Sends one request and waits for its reply, within the test's and the submission's time."""
        if self._child is None:
            raise Ended("crashed", GONE)
        channel = self._child.channel
        request = wire.Request(id=secrets.randbits(63) | 1, op=op, args=args)
        started = time.monotonic()
        deadline = started + max(0.0, min(self.budget, self.total))
        try:
            channel.send(request, blob, deadline)
            while True:
                reply, answer = channel.receive(wire.Reply, deadline)
                self._count(reply, answer)
                if self._accept(op, request.id, reply):
                    return reply, answer
        except TimeoutError:
            spent_all = self.total <= self.budget
            used_up = Bilingual("the submission's time is used up", "整份提交的时间已经用完")
            late = Bilingual(f"no result after {self.budget:.0f} s", f"{self.budget:.0f} 秒之内没有结果")
            self._patience.silent(time.monotonic() - started, "" if op == "load" else self._problem)
            self._fail("timeout", used_up if spent_all else late)
        except wire.FrameTooLarge as error:
            self._fail(
                "output_limit",
                Bilingual(
                    f"the result is too large to grade ({error.text.en})", f"结果太大，无法评分（{error.text.zh}）"
                ),
            )
        except wire.ProtocolError as error:
            self._fail(
                "crashed",
                Bilingual(
                    f"the sandbox sent something that is not a reply ({error.text.en})",
                    f"沙箱发来的不是应答（{error.text.zh}）",
                ),
            )
        except (wire.Closed, OSError):
            self._fail("crashed", Bilingual("the process ended", "进程结束了"))
        finally:
            self._spend(time.monotonic() - started)

    def _spend(self, seconds: float) -> None:
        self.budget -= seconds
        self.used += seconds
        self.total -= seconds

    def _count(self, reply: wire.Reply, blob: bytearray) -> None:
        """Bounds the memory of all replies, which the diagnosis needs. A value takes more than its bytes."""
        self._received += len(blob) + 16 * len(memoryview(reply.value))
        if self._received > MAX_RECEIVED:
            raise wire.FrameTooLarge(Bilingual(f"{MAX_RECEIVED >> 20:,} MiB in all", f"共 {MAX_RECEIVED >> 20:,} MiB"))

    def _accept(self, op: str, request_id: int, reply: wire.Reply) -> bool:
        """Whether this is the expected reply. A forged one gains nothing: replies are claims anyway."""
        if reply.exited is not None and reply.id == 0:
            if op == "end":
                return True
            self._worker_died(reply.exited)
        if reply.id != request_id or op == "end":
            unasked = Bilingual("the sandbox sent a reply to a question that was not asked", "沙箱回答了没有提出的问题")
            self._fail("crashed", unasked)
        if reply.progress is not None and op == "load":
            self._loading = reply.progress
            return False
        return True

    def _worker_died(self, status: int) -> NoReturn:
        """The worker has ended, or somebody in the sandbox says so: the next test starts from a new process tree."""
        signal = status & 0x7F
        if signal == 25:  # SIGXFSZ
            self._fail("output_limit", Bilingual("a file grew beyond the limit", "有文件超过了大小上限"))
        code = status >> 8 & 0xFF
        how = (
            Bilingual(f"signal {signal}", f"信号 {signal}")
            if signal
            else Bilingual(f"exit code {code}", f"退出码 {code}")
        )
        self._fail("crashed", Bilingual(f"the process ended ({how.en})", f"进程结束了（{how.zh}）"))

    def _fail(self, outcome: Literal["timeout", "memory", "crashed", "output_limit"], message: Bilingual) -> NoReturn:
        if self._child is not None and outcome == "crashed" and self._child.out_of_memory():
            outcome, message = "memory", MEMORY
        self.close()
        raise Ended(outcome, message)


def _refer(value: Any) -> dict[str, Any]:
    if isinstance(value, Handle):
        return {"$handle": value._number}
    raise TypeError(f"a test cannot send a {type(value).__name__} to the sandbox")


def _notes(summary: msgspec.Raw) -> list[Bilingual]:
    """The notes of `load`'s summary, in both languages: a claim of hostile code, so checked and bounded."""
    try:
        notes = msgspec.msgpack.decode(summary, type=list[tuple[str, str]])
    except (msgspec.DecodeError, ValueError):
        return []
    return [Bilingual(shown(en), shown(zh)) for en, zh in notes[:20]]


def _not_loaded(cell: str, why: Bilingual) -> Bilingual:
    name = called(cell)
    return joined(Bilingual(f"{name.en} was left out", f"{name.zh}已跳过"), why)
