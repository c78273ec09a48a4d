"""Work that goes on in several processes at once, with what they find as it comes."""

from __future__ import annotations

import multiprocessing
import signal
import warnings
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.process import BaseProcess
from queue import Empty
from typing import Any, TypeVar

from autograder.errors import GraderError, UserError

T = TypeVar("T")
Message = Any  # what a process found; an Exception that ended it; None when it has done all


def gather(work: Callable[..., Iterable[T]], calls: Sequence[tuple[Any, ...]], done: Callable[[T], None]) -> list[T]:
    """What `work(*call)` yields, for each call in a process of its own; `done` is told each as it comes.

    Raises what a process raised: UserError as it was, GraderError for all else and for a process that died.
    """
    context = multiprocessing.get_context("spawn")  # a fork of a process that has torch's threads may hang
    queue: multiprocessing.Queue[Message] = context.Queue()
    processes = [context.Process(target=_run, args=(queue, work, call)) for call in calls]
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what they inherit: Ctrl-C is for us to answer
    for process in processes:
        process.start()
    signal.signal(signal.SIGINT, interrupt)
    everything: list[T] = []
    running = len(processes)
    try:
        while running:
            match _next(queue, processes):
                case None:
                    running -= 1
                case Exception() as error:
                    raise error
                case found:
                    everything.append(found)
                    done(found)
    finally:
        for process in processes:
            process.terminate()
            process.join()
    return everything


def _run(queue: multiprocessing.Queue[Message], work: Callable[..., Iterable[Any]], call: tuple[Any, ...]) -> None:
    warnings.filterwarnings("ignore", category=FutureWarning)  # as the command does: a new process has its own filters
    try:
        for found in work(*call):
            queue.put(found)
        queue.put(None)
    except Exception as error:
        queue.put(error if isinstance(error, UserError) else GraderError(f"grading broke off: {error!r}"))


def _next(queue: multiprocessing.Queue[Message], processes: Sequence[BaseProcess]) -> Message:
    """The next message; an error when a process has died without its last one."""
    while True:
        try:
            return queue.get(timeout=1)
        except Empty:
            if any(process.exitcode for process in processes):
                return GraderError("grading broke off: a process died")
