"""Several ranks that run one program together: real processes with gloo or NCCL, or threads of this process.

    def program(group, x):
        return group.all_reduce(group.rank * x)

    ranks.processes(2, program, torch.ones(3))  # two Python processes: a list of two results
    ranks.threads(2, program, torch.ones(3))  # the same with two threads, where there is no network or no time

A program gets a group, which knows its rank and the number of ranks, and lets it talk to the others. All ranks must
call the same operations in the same order, with tensors of the same shape: each waits for the others.

A notebook's own functions live in its `__main__`, which another process does not have. So the program is sent along,
with all that it uses of the notebook (dill writes functions and classes out, not only their names).
"""

import multiprocessing
import os
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from labkit.i18n import Bilingual, BilingualError, WrongArgument, of_folder

PATIENCE = 180  # seconds that a rank waits for the others


class Group(Protocol):
    """The ranks as one of them sees them. Every operation is called by all of them, and returns a new tensor."""

    rank: int
    size: int
    device: torch.device

    def all_reduce(self, x: Tensor) -> Tensor:
        """The sum of all ranks' x, on every rank."""
        ...

    def broadcast(self, x: Tensor, source: int = 0) -> Tensor:
        """The x of the rank `source`, on every rank."""
        ...

    def all_gather(self, x: Tensor) -> Tensor:
        """(n, ...) -> (size * n, ...): the x of rank 0, then that of rank 1, and so on, on every rank."""
        ...

    def reduce_scatter(self, x: Tensor) -> Tensor:
        """(size * n, ...) -> (n, ...): rank r gets the r-th n rows of the sum of all ranks' x.

        Raises ValueError when the ranks do not divide the first axis.
        """
        ...


RankProgram = Callable[..., Any]  # (group, *args) -> any result


# ---- threads --------------------------------------------------------------------------------------------


class NoMeeting(BilingualError, RuntimeError):
    """The ranks do not call the same operation, or one ends while others wait for it."""


class _Meeting:
    """The place where the threads exchange tensors. No thread leaves before all have come."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.changed = threading.Condition()
        self.round = 0
        self.offers: dict[int, tuple[Bilingual, Tensor]] = {}
        self.outcome: list[Tensor] | NoMeeting = []
        self.ended: set[int] = set()

    def exchange(self, rank: int, operation: str, x: Tensor, source: int | None = None) -> list[Tensor]:
        """Everybody's x, in the order of the ranks. Raises NoMeeting."""
        call = _call(operation, tuple(x.shape), source)
        with self.changed:
            mine = self.round
            self.offers[rank] = call, x.detach().clone()
            if len(self.offers) == self.size:
                self._conclude()
            self.changed.wait_for(lambda: self.round > mine or self.ended)
            if self.round == mine:
                alone = Bilingual(
                    f"rank {rank} waits in {call.en}, but another rank has ended without it",
                    f"rank {rank} 在 {call.zh}中等待，但另一个 rank 没有调用它就结束了",
                )
                raise NoMeeting(alone)
            if isinstance(self.outcome, NoMeeting):
                raise self.outcome
            return self.outcome

    def _conclude(self) -> None:
        calls = [self.offers[rank][0] for rank in range(self.size)]
        if len(set(calls)) == 1:
            self.outcome = [self.offers[rank][1] for rank in range(self.size)]
        else:
            en = ", ".join(f"rank {rank} calls {call.en}" for rank, call in enumerate(calls))
            zh = "，".join(f"rank {rank} 调用 {call.zh}" for rank, call in enumerate(calls))
            self.outcome = NoMeeting(Bilingual(f"the ranks do not meet: {en}", f"各个 rank 的调用不一致：{zh}"))
        self.offers, self.round = {}, self.round + 1
        self.changed.notify_all()

    def end(self, rank: int) -> None:
        """From now on nobody waits for this rank."""
        with self.changed:
            self.ended.add(rank)
            self.changed.notify_all()


def _call(operation: str, shape: tuple[int, ...], source: int | None) -> Bilingual:
    """An operation as one rank calls it."""
    en, zh = ("", "") if source is None else (f" from rank {source}", f"来源 rank {source}，")
    return Bilingual(f"{operation}{en} of {shape}", f"{operation}（{zh}形状 {shape}）")


class ThreadGroup:
    """A Group whose ranks are threads. Sums are taken in the order of the ranks, so that all get the same bits."""

    device = torch.device("cpu")

    def __init__(self, meeting: _Meeting, rank: int) -> None:
        self._meeting, self.rank, self.size = meeting, rank, meeting.size

    def all_reduce(self, x: Tensor) -> Tensor:
        return torch.stack(self._meeting.exchange(self.rank, "all_reduce", x)).sum(0)

    def broadcast(self, x: Tensor, source: int = 0) -> Tensor:
        return self._meeting.exchange(self.rank, "broadcast", x, source)[source].clone()

    def all_gather(self, x: Tensor) -> Tensor:
        return torch.cat(self._meeting.exchange(self.rank, "all_gather", x))

    def reduce_scatter(self, x: Tensor) -> Tensor:
        _check_rows(x, self.size)
        everybody = self._meeting.exchange(self.rank, "reduce_scatter", x)
        return torch.stack([other.chunk(self.size)[self.rank] for other in everybody]).sum(0)


def threads(size: int, program: RankProgram, *args: Any) -> list[Any]:
    """The results of program(group, *args) on `size` ranks, each a thread of this process.

    The arguments are shared, not copied. Raises what the first rank that failed has raised.
    """
    meeting = _Meeting(size)
    # After a fork, PyTorch makes its thread pool anew at first use, which two threads must not do at once.
    torch.set_num_threads(torch.get_num_threads())

    def run(rank: int) -> Any:
        try:
            return program(ThreadGroup(meeting, rank), *args)
        finally:
            meeting.end(rank)

    with ThreadPoolExecutor(size) as pool:
        futures = [pool.submit(run, rank) for rank in range(size)]
    errors = [error for future in futures if (error := future.exception())]
    own = [error for error in errors if not isinstance(error, NoMeeting)]
    for error in own or errors:  # a rank that breaks off makes the others wait in vain
        raise error
    return [future.result() for future in futures]


# ---- processes ------------------------------------------------------------------------------------------


class ProcessGroup:
    """A Group whose ranks are processes, over torch.distributed's default group."""

    def __init__(self, device: torch.device) -> None:
        self.rank, self.size = torch.distributed.get_rank(), torch.distributed.get_world_size()
        self.device = device

    def all_reduce(self, x: Tensor) -> Tensor:
        result = x.detach().clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(result)
        return result

    def broadcast(self, x: Tensor, source: int = 0) -> Tensor:
        result = x.detach().clone(memory_format=torch.contiguous_format)
        torch.distributed.broadcast(result, source)
        return result

    def all_gather(self, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(self.size)]
        torch.distributed.all_gather(parts, x.detach().contiguous())
        return torch.cat(parts)

    def reduce_scatter(self, x: Tensor) -> Tensor:
        _check_rows(x, self.size)
        parts = [part.contiguous() for part in x.detach().chunk(self.size)]
        result = torch.empty_like(parts[0])
        torch.distributed.reduce_scatter(result, parts)
        return result


def processes(size: int, program: RankProgram, *args: Any, device: str = "cpu") -> list[Any]:
    """The results of program(group, *args) on `size` ranks, each a Python process of its own.

    Each gets a copy of the program and of the arguments; what they return is copied back.

    Args:
        device: "cpu" for gloo, or "cuda" for NCCL with one card for each rank.

    Raises:
        what the first rank that failed has raised (the others are ended); RuntimeError when a process dies.
    """
    context = multiprocessing.get_context("spawn")  # a fork of a process that has torch's threads may hang
    payload = _dump((program, args))
    with tempfile.TemporaryDirectory() as folder:
        pipes, workers = [], []
        for rank in range(size):
            pipe, far = context.Pipe(duplex=False)
            order = (far, rank, size, device, str(Path(folder, "meeting")), payload)
            workers.append(context.Process(target=_run_rank, args=order, daemon=True))
            workers[-1].start()
            far.close()
            pipes.append(pipe)
        try:
            return _collect(pipes)
        finally:
            for worker in workers:
                worker.terminate()
                worker.join()


class RankDied(BilingualError, RuntimeError):
    """The process of a rank has ended before its program."""


class _Answer(NamedTuple):
    """What a rank sends back."""

    result: Any = None
    error: Exception | None = None
    frames: Sequence[tuple[str, int, str]] = ()  # where it was raised: file, line, function
    moment: float = 0.0  # of the error, in seconds, on a clock that all processes share

    @classmethod
    def of(cls, error: Exception) -> "_Answer":
        frames = [(f.filename, f.lineno or 0, f.name) for f in traceback.extract_tb(error.__traceback__)]
        return cls(None, error.with_traceback(None), frames, time.monotonic())


def _collect(pipes: Sequence[Connection]) -> list[Any]:
    """What each rank sends back; raises what the first of them has raised."""
    results: dict[int, Any] = {}
    while len(results) < len(pipes):
        waiting = [rank for rank in range(len(pipes)) if rank not in results]
        answers = _answers(pipes, waiting)
        if any(answer.error for answer in answers.values()):
            # When a rank breaks off, the ranks that wait for it fail too, and their errors may have been read first.
            if others := [rank for rank in waiting if rank not in answers]:
                answers |= _answers(pipes, others, seconds=1)
            raise _first_error(answers)
        results |= {rank: answer.result for rank, answer in answers.items()}
    return [results[rank] for rank in range(len(pipes))]


def _answers(pipes: Sequence[Connection], ranks: Sequence[int], seconds: float | None = None) -> dict[int, _Answer]:
    """The answers that are there when the first of these ranks sends something. A rank that died is the first error."""
    answers: dict[int, _Answer] = {}
    for pipe in wait([pipes[rank] for rank in ranks], seconds):
        rank = next(rank for rank in ranks if pipes[rank] is pipe)
        try:
            answers[rank] = _load(pipes[rank].recv_bytes())
        except EOFError:
            died = Bilingual(f"the process of rank {rank} died", f"rank {rank} 的进程已终止")
            answers[rank] = _Answer(error=RankDied(died))
    return answers


def _first_error(answers: dict[int, _Answer]) -> Exception:
    rank, answer = min(
        ((rank, answer) for rank, answer in answers.items() if answer.error), key=lambda item: item[1].moment
    )
    assert answer.error is not None
    if answer.frames:
        summary = [traceback.FrameSummary(*frame) for frame in answer.frames]  # lines come from our own cells
        where = Bilingual(f"on rank {rank}:", f"在 rank {rank} 上：").text(of_folder(Path.cwd()))
        answer.error.add_note(f"{where}\n{''.join(traceback.format_list(summary))}")
    return answer.error


def _run_rank(pipe: Connection, rank: int, size: int, device: str, meeting: str, payload: bytes) -> None:
    """The life of one rank's process. It answers before it leaves the others, so that the first error is the cause."""
    warnings.simplefilter("ignore", FutureWarning)  # torch 2.13 renames collectives that older ones lack
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // size))
    try:
        with _meeting(rank, size, device, meeting) as group:
            pipe.send_bytes(_run(group, payload))
    except Exception as error:
        pipe.send_bytes(_dump(_Answer.of(error)))


def _run(group: Group, payload: bytes) -> bytes:
    try:
        program, args = _load(payload)
        return _dump(_Answer(program(group, *args)))
    except Exception as error:
        return _dump(_Answer.of(error))


@contextmanager
def _meeting(rank: int, size: int, device: str, meeting: str) -> Iterator[ProcessGroup]:
    """The processes find each other through a file, so that there is no port to choose and none can be taken."""
    where = torch.device(device, rank) if device == "cuda" else torch.device(device)
    if device == "cuda":
        torch.cuda.set_device(where)
    torch.distributed.init_process_group(
        "nccl" if device == "cuda" else "gloo", init_method=Path(meeting).as_uri(), rank=rank, world_size=size,
        timeout=timedelta(seconds=PATIENCE),
    )  # fmt: skip
    try:
        yield ProcessGroup(where)
    finally:
        torch.distributed.destroy_process_group()


def _check_rows(x: Tensor, size: int) -> None:
    if x.shape[0] % size:
        rows = x.shape[0]
        raise WrongArgument(Bilingual(f"{size} ranks do not divide {rows} rows", f"{size} 个 rank 不能均分 {rows} 行"))


# ---- what travels between the processes --------------------------------------------------------------------


@cache
def _dill() -> Any:
    """dill, extended to write out a notebook's torch.autograd.Function, which refers to itself in a circle."""
    import dill  # type: ignore[import-untyped]

    @dill.register(torch.autograd.function.FunctionMeta)
    def save(pickler: Any, cls: Any) -> None:
        body = {
            name: value for name, value in vars(cls).items() if name not in ("_backward_cls", "__dict__", "__weakref__")
        }
        if cls.__module__ == "__main__":
            pickler.save_reduce(type(cls), (cls.__name__, cls.__bases__, body), obj=cls)
        else:
            dill._dill.save_type(pickler, cls)

    return dill


def _dump(value: Any) -> bytes:
    data: bytes = _dill().dumps(value, recurse=True)  # recurse: only the names of the notebook that are used
    return data


def _load(data: bytes) -> Any:
    return _dill().loads(data)
