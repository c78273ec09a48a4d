"""What the reference and the misconceptions answer to the hidden tests under one secret, recorded once and kept.

A record says of each test how it ended and, where it ended by itself, with which replies. The reference is run on all
tests; a misconception on those that it is declared to fail, and what it fails is what it failed here: under another
secret a declared test may pass.

The records hold expected values. They stay with the sources that students never get: `solutions/<lab>/.traces/`, a
file for each target, so that several graders share them and an edit of one misconception costs its own record only.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from autograder import fingerprint
from autograder.errors import GraderError
from autograder.grading.diagnosis import Known
from autograder.grading.misconception import Misconception
from autograder.grading.report import Outcome
from autograder.grading.session import Event
from autograder.grading.student import Handle
from autograder.grading.suite import TestResult
from autograder.lab import Lab
from autograder.worker import wire

REFERENCE = "reference"
ENDED_BY_ITSELF = "passed", "failed", "error"  # of any other outcome, the replies were cut short
KEPT = 30 * 24 * 3600  # seconds: what nobody has read for so long is removed
Run = Callable[[Misconception | None, Sequence[str] | None], list[TestResult]]  # None: the reference; all tests


class Record(msgspec.Struct, frozen=True):
    """How one test went for one target."""

    outcome: Outcome
    seconds: float  # of its budget
    replies: list[Event]  # none where they were cut short


class _StoredEvent(msgspec.Struct, array_like=True):
    op: str
    tree: msgspec.Raw
    blob: bytes
    error: tuple[str, str] | None


class _StoredRecord(msgspec.Struct, array_like=True):
    outcome: Outcome
    seconds: float
    replies: list[_StoredEvent]


class Traces:
    """The traces of one lab under one secret. `run` grades the reference or a misconception, with time to spare."""

    def __init__(self, lab: Lab, secret: bytes, misconceptions: Mapping[str, Misconception], run: Run) -> None:
        self._folder = lab.folder / ".traces"
        self._fingerprint = fingerprint.of_replies(lab, secret)
        self._misconceptions = misconceptions
        self._run = run
        self._records: dict[str, dict[str, Record]] = {}  # target -> test -> record

    def reference(self) -> dict[str, Record]:
        """The reference's records by test.

        Raises GraderError unless the reference passes: where it fails, every student would be graded wrong.
        """
        if REFERENCE not in self._records and not self._load(REFERENCE):
            results = self._run(None, None)
            _check(results)
            self.record(REFERENCE, results)
            self._remove_old()
        return self._records[REFERENCE]

    def of(self, name: str) -> dict[str, Record]:
        """The records of a misconception, by test: those that it is declared to fail."""
        if name not in self._records and not self._load(name):
            known = self._misconceptions[name]
            self.record(name, self._run(known, known.fails))
        return self._records[name]

    def failing(self, test: str) -> dict[str, Known]:
        """The misconceptions that fail a test under this secret, of those that are declared to."""
        found = {}
        for known in self._misconceptions.values():
            if test not in known.fails:
                continue
            records = self.of(known.id)
            failed = frozenset(name for name, record in records.items() if record.outcome != "passed")
            if test in failed:
                found[known.id] = Known(records[test].replies, failed)
        return found

    def record(self, target: str, results: Sequence[TestResult]) -> None:
        """Takes down how a target did, where it was run for another reason; and keeps it for other processes."""
        declared = self._misconceptions[target].fails if target != REFERENCE else None
        self._records[target] = {
            result.name: Record(result.outcome, result.used, result.trace if result.outcome in ENDED_BY_ITSELF else [])
            for result in results
            if declared is None or result.name in declared
        }
        self._save(target)

    def _path(self, target: str) -> Path:
        known = self._misconceptions.get(target)
        parts = [self._fingerprint, *([known.notebook, known.source, *known.fails] if known else [])]
        return self._folder / f"{target}-{fingerprint.digest(parts)}.msgpack"

    def _load(self, target: str) -> bool:
        """Whether an earlier process, or another one, has kept the record."""
        path = self._path(target)
        with contextlib.suppress(OSError, msgspec.MsgspecError, wire.ProtocolError):
            stored = msgspec.msgpack.decode(path.read_bytes(), type=dict[str, _StoredRecord])
            self._records[target] = {
                test: Record(record.outcome, record.seconds, [_revive(event) for event in record.replies])
                for test, record in stored.items()
            }
            with contextlib.suppress(OSError):
                os.utime(path)
            return True
        return False

    def _save(self, target: str) -> None:
        """Keeps a record for the next process; where the folder cannot be written it is made again."""
        stored = {
            test: _StoredRecord(record.outcome, record.seconds, [_store(event) for event in record.replies])
            for test, record in self._records[target].items()
        }
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".", delete=False) as file:
                file.write(msgspec.msgpack.encode(stored))
            os.replace(file.name, self._path(target))

    def _remove_old(self) -> None:
        oldest = time.time() - KEPT
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if path.stat().st_mtime < oldest:
                    path.unlink()


def _check(results: list[TestResult]) -> None:
    """Raises GraderError unless the reference passes."""
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
