"""Jobs in several processes: what comes back, what an error becomes, and Ctrl-C."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.authoring.pool import Bench, Job, Pool
from autograder.errors import GraderError, UserError
from autograder.lab import Lab

HERE = Path()


def double(bench: Bench, number: int) -> int:
    return 2 * number


def load(bench: Bench, folder: Path) -> Lab:
    return Lab.load(folder)


def stumble(bench: Bench) -> int:
    return int("x")


def die(bench: Bench) -> None:
    os._exit(3)


def interrupt(bench: Bench) -> bool:
    signal.raise_signal(signal.SIGINT)
    return True


def wait(bench: Bench) -> None:
    time.sleep(60)


def where(bench: Bench, folder: Path) -> tuple[Path, int]:
    return folder, os.getpid()


def test_every_job_gives_what_it_finds():
    with Pool() as pool:
        found = [(job.arguments[0], value) for job, value in pool.run(Job(double, (n,), HERE, n) for n in range(5))]
        again = [value for _, value in pool.run([Job(double, (9,), HERE, 0)])]
    assert sorted(found) == [(n, 2 * n) for n in range(5)]
    assert again == [18]
    assert multiprocessing.active_children() == []


def test_the_longest_jobs_begin(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("autograder.authoring.pool.MOST_PROCESSES", 1)
    with Pool() as pool:
        found = [value for _, value in pool.run(Job(double, (n,), HERE, n) for n in (1, 3, 2))]
    assert found == [6, 4, 2]


def test_a_process_stays_with_the_lab_that_it_has_open(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("autograder.authoring.pool.MOST_PROCESSES", 1)
    labs = [Path("a"), Path("b")] * 3
    with Pool() as pool:
        found = [value[0] for _, value in pool.run(Job(where, (folder,), folder, 1.0) for folder in labs)]
    assert found == [Path("a")] * 3 + [Path("b")] * 3


@pytest.mark.parametrize(
    ("work", "arguments", "kind", "message"),
    [
        (load, (Path("nowhere"),), UserError, "^nowhere/lab.toml is missing$"),
        (stumble, (), GraderError, "grading broke off: ValueError"),
        (die, (), GraderError, "a process died"),
    ],
)
def test_an_error_in_a_process_ends_the_work(work, arguments, kind: type[Exception], message: str):
    with pytest.raises(UserError, match=message) as caught, Pool() as pool:
        list(pool.run([Job(work, arguments, HERE, 1.0), Job(wait, (), HERE, 0.0)]))
    assert caught.type is kind
    assert multiprocessing.active_children() == []


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is not ignored here, as it is where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_work_and_every_process(interruptible: None):
    with pytest.raises(KeyboardInterrupt), Pool() as pool:
        for _ in pool.run([Job(double, (1,), HERE, 1.0), Job(wait, (), HERE, 0.0)]):
            signal.raise_signal(signal.SIGINT)
    assert multiprocessing.active_children() == []


def test_a_process_leaves_ctrl_c_to_the_one_that_started_it(interruptible: None):
    """A terminal sends it to all of them, and each would print a traceback."""
    with Pool() as pool:
        assert [value for _, value in pool.run([Job(interrupt, (), HERE, 1.0)])] == [True]
