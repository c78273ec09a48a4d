"""Work in several processes: what comes back, what an error becomes, and Ctrl-C."""

import multiprocessing
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.authoring.processes import gather
from autograder.errors import GraderError, UserError
from autograder.lab import Lab


def test_every_process_tells_what_it_finds():
    seen: list[int] = []
    assert gather(range, [(0, 3), (3, 5)], seen.append) == seen
    assert sorted(seen) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("work", "argument", "kind", "message"),
    [
        (Lab.load, Path("nowhere"), UserError, "^nowhere/lab.toml is missing$"),
        (int, "x", GraderError, "grading broke off: ValueError"),
        (os._exit, 3, GraderError, "a process died"),
    ],
)
def test_an_error_in_a_process_ends_the_work(work, argument, kind: type[Exception], message: str):
    with pytest.raises(UserError, match=message) as caught:
        gather(work, [(argument,), (argument,)], print)
    assert caught.type is kind


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is not ignored here, as it is where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_work_and_every_process(interruptible: None):
    nothing: list[list[int]] = [[], []]
    finds_something_then_waits = select.select, nothing, nothing, nothing, [0, 60]
    with pytest.raises(KeyboardInterrupt):
        gather(map, [finds_something_then_waits], lambda _: signal.raise_signal(signal.SIGINT))
    assert multiprocessing.active_children() == []


def test_a_process_leaves_ctrl_c_to_the_one_that_started_it(interruptible: None):
    """A terminal sends it to all of them, and each would print a traceback."""
    assert gather(filter, [(signal.raise_signal, [signal.SIGINT])], print) == []
