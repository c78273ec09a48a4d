"""The small lab as the only one there is, to be changed and proved."""

import pickle
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from autograder.authoring import mutate, sample, validate
from autograder.authoring.pool import Bench, Job
from autograder.sandbox import choose

MINI = Path(__file__).parent.parent / "labs" / "lab-90-mini"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a copy of `tests/labs/lab-90-mini`."""
    monkeypatch.setenv("LLM101_SOLUTIONS", str(tmp_path))
    return shutil.copytree(MINI, tmp_path / MINI.name, ignore=shutil.ignore_patterns(".traces", "proof.json"))


class InThisProcess:
    """A pool that works here, one job after the other: without the seconds that a process takes to start."""

    def __init__(self, sandbox: str = choose.DEFAULT) -> None:
        self._bench = Bench(sandbox)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._bench.__exit__()

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Any]]:
        for job in sorted(jobs, key=lambda job: -job.seconds):
            work, arguments = pickle.loads(pickle.dumps((job.work, job.arguments)))
            yield job, work(self._bench, *arguments)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried is tried in this process."""
    for module in (validate, sample, mutate):
        monkeypatch.setattr(module, "Pool", InThisProcess)
