"""Jobs that run in several processes at once, each with a Grader that it keeps open, and what they find as it comes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from autograder.errors import GraderError, UserError
from autograder.sandbox import choose

if TYPE_CHECKING:
    from autograder.grading.grader import Grader

MOST_PROCESSES = 8  # each holds the libraries twice: here and in its sandbox


class Bench:
    """What a process of the pool works with: a Grader of the lab that it has worked on last. A context manager."""

    def __init__(self, sandbox: str = choose.DEFAULT) -> None:
        self.sandbox = sandbox
        self._open: Grader | None = None
        self._under: dict[bytes, Grader] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.__exit__()
        self._open, self._under = None, {}

    def grader(self, folder: Path, secret: bytes) -> Grader:
        """A Grader of the lab in `folder` under a secret. Raises UserError where grading cannot run."""
        from autograder.grading.grader import Grader  # imports torch, for which the pool itself has no use
        from autograder.lab import Lab

        if self._open is None or self._open.lab.folder != folder:
            self.__exit__()
            self._open = Grader(Lab.load(folder), secret, self.sandbox).__enter__()
        if secret not in self._under:
            self._under[secret] = self._open.under(secret)
        return self._under[secret]


class Job(NamedTuple):
    """A call of `work` on a process's Bench and on `arguments`, all of which can be pickled."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    folder: Path  # of the lab: a process stays with its own as long as there is work
    seconds: float  # that it will take, by estimate: the longest begin


class Pool:
    """Processes that work on jobs, as many as there are cores. A context manager, which ends them all."""

    def __init__(self, sandbox: str = choose.DEFAULT) -> None:
        self._sandbox = sandbox
        self._processes: dict[Connection, BaseProcess] = {}
        self._folders: dict[Connection, Path] = {}  # of the job that a process has had last

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for process in self._processes.values():
                process.terminate()
        self.close()

    def close(self) -> None:
        """Ends the processes, once they have no job left; the next run starts others, which read the labs anew."""
        for connection in self._processes:
            connection.close()
        for process in self._processes.values():
            process.join()
        self._processes = {}

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Any]]:
        """Each job with what it gave, as they end.

        Raises what a job raised: UserError as it was, GraderError for all else and for a process that died.
        """
        waiting = sorted(jobs, key=lambda job: -job.seconds)
        self._start(min(_cores(), MOST_PROCESSES, len(waiting)))
        working: dict[Connection, Job] = {}
        while waiting or working:
            for connection in self._processes.keys() - working.keys():
                if waiting:
                    working[connection] = self._send(connection, waiting)
            for ready in wait(list(working)):
                assert isinstance(ready, Connection)
                yield working.pop(ready), _received(ready)

    def _start(self, number: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a process that has torch's threads may hang
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what they inherit: Ctrl-C is for us to answer
        while len(self._processes) < number:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, self._sandbox), daemon=True)
            process.start()
            theirs.close()
            self._processes[ours] = process
        signal.signal(signal.SIGINT, interrupt)

    def _send(self, connection: Connection, waiting: list[Job]) -> Job:
        """Gives a process the longest job of the lab that it has open, or else of another."""
        folder = self._folders.get(connection)
        job = next((job for job in waiting if job.folder == folder), waiting[0])
        waiting.remove(job)
        self._folders[connection] = job.folder
        connection.send((job.work, job.arguments))
        return job


def _serve(connection: Connection, sandbox: str) -> None:
    """A process of the pool: answers with what a job gives, or with the exception that it ended by."""
    warnings.filterwarnings("ignore", category=FutureWarning)  # as the command does: a new process has its own filters
    with Bench(sandbox) as bench:
        while True:
            try:
                work, arguments = connection.recv()
            except EOFError:
                return
            try:
                connection.send(work(bench, *arguments))
            except Exception as error:
                connection.send(error if isinstance(error, UserError) else GraderError(f"grading broke off: {error!r}"))


def _received(connection: Connection) -> Any:
    try:
        found = connection.recv()
    except (EOFError, OSError):
        raise GraderError("grading broke off: a process died") from None
    if isinstance(found, Exception):
        raise found
    return found


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
