"""What the reference and the misconceptions answer to the hidden tests under one secret, recorded once and kept.

The records hold expected values. They stay with the sources that students never get: `solutions/<lab>/.traces/`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import torch

from autograder.errors import GraderError
from autograder.grading.misconception import Misconception
from autograder.grading.session import Event
from autograder.grading.student import Handle
from autograder.grading.suite import TestResult
from autograder.lab import Lab
from autograder.worker import wire

Record = dict[str, list[Event]]  # test -> replies
Run = Callable[[str | None, Sequence[str] | None], list[TestResult]]  # (misconception or None, tests) -> results


class _StoredEvent(msgspec.Struct, array_like=True):
    op: str
    tree: msgspec.Raw
    blob: bytes
    error: tuple[str, str] | None


class _Stored(msgspec.Struct):
    seconds: dict[str, float]
    records: dict[str, dict[str, list[_StoredEvent]]]


class Traces:
    """The traces of one lab under one secret. `run` grades the reference (None) or a misconception."""

    def __init__(self, lab: Lab, secret: bytes, misconceptions: dict[str, Misconception], run: Run) -> None:
        self._misconceptions = misconceptions
        self._run = run
        self._path = lab.folder / ".traces" / f"{_fingerprint(lab, secret)}.msgpack"
        self.seconds: dict[str, float] = {}  # of the reference, by test
        self._records: dict[str, Record] = {}
        self._load()
        if "" not in self._records:
            results = run(None, None)
            _check(results)
            self.seconds = {result.name: result.used for result in results}
            self._records[""] = {result.name: result.trace for result in results}
            self._save()

    def reference(self, test: str) -> list[Event]:
        """The reference's replies in a test."""
        return self._records[""].get(test, [])

    def misconceptions(self, test: str) -> dict[str, list[Event]]:
        """The replies, in a test, of each misconception that is declared to fail it."""
        wanted = {name: known for name, known in self._misconceptions.items() if test in known.fails}
        missing = [name for name in wanted if name not in self._records]
        for name in missing:
            results = self._run(name, wanted[name].fails)
            self._records[name] = {result.name: result.trace for result in results}
        if missing:
            self._save()
        return {name: self._records[name].get(test, []) for name in wanted}

    def record(self, name: str, results: Sequence[TestResult]) -> None:
        """Takes down what a misconception replied where it was run for another reason."""
        wanted = self._misconceptions[name].fails
        self._records[name] = {result.name: result.trace for result in results if result.name in wanted}

    def _load(self) -> None:
        with contextlib.suppress(OSError, msgspec.MsgspecError, wire.ProtocolError):
            stored = msgspec.msgpack.decode(self._path.read_bytes(), type=_Stored)
            self._records = {
                target: {test: [_revive(event) for event in events] for test, events in record.items()}
                for target, record in stored.records.items()
            }
            self.seconds = stored.seconds

    def _save(self) -> None:
        """Keeps the records for the next process; where the folder cannot be written they are made again."""
        records = {
            target: {test: [_store(event) for event in events] for test, events in record.items()}
            for target, record in self._records.items()
        }
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._path.parent, delete=False) as file:
                file.write(msgspec.msgpack.encode(_Stored(self.seconds, records)))
            os.replace(file.name, self._path)


def _check(results: list[TestResult]) -> None:
    """Raises GraderError unless the reference passes: where it fails, every student would be graded wrong."""
    if failed := [result for result in results if result.outcome != "passed"]:
        first = f"{failed[0].name} ({failed[0].outcome}: {failed[0].message.en})"
        more = f" and {len(failed) - 1} more tests" if len(failed) > 1 else ""
        raise GraderError(f"nothing was graded: the reference solution itself fails {first}{more}")


def _store(event: Event) -> _StoredEvent:
    tree, blob = wire.pack(event.value, lambda value: {"$handle": [0, value.type]})
    return _StoredEvent(event.op, tree, blob, event.error)


def _revive(stored: _StoredEvent) -> Event:
    value = wire.unpack(stored.tree, stored.blob, lambda content: Handle(None, 0, content[1]))
    return Event(stored.op, value, stored.error)


def _fingerprint(lab: Lab, secret: bytes) -> str:
    """Changes with anything that changes a reply: secret, sources, suite, worker, versions."""
    digest = hashlib.sha256(b"\0".join([secret, sys.version.encode(), torch.__version__.encode()]))
    sources = [path for path in lab.folder.rglob("*") if path.is_file() and path.suffix in (".py", ".toml")]
    for path in sorted(sources) + sorted(Path(wire.__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:32]
