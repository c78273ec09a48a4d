"""Where student code runs. The grader talks to it over a channel (`autograder.worker.wire`) and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

import msgspec

if TYPE_CHECKING:
    from autograder.worker import wire  # imports torch, which launch.py does without


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one submission may use: the `[limits]` table of lab.toml."""

    memory_mb: int = 2048
    processes: int = 64
    scratch_mb: int = 64  # on each of /tmp, the home and /dev/shm
    seconds_floor: float = 10.0  # no call has less than this
    seconds_total: float = 300.0  # the whole submission


class Child(Protocol):
    """One submission's process tree."""

    channel: wire.Channel

    def out_of_memory(self) -> bool:
        """Whether the memory limit has ended a process of this submission."""
        ...

    def kill(self) -> None:
        """Ends every process of this submission and frees what it used."""
        ...


class Sandbox(Protocol):
    """Makes children that share nothing with each other. Use as a context manager, or call `close`."""

    name: str

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def spawn(self) -> Child:
        """A fresh child that has said hello and waits for `load`."""
        ...

    def close(self) -> None:
        """Ends the sandbox and everything in it."""
        ...
