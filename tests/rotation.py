"""Which labs, and which notebooks, the slow tests take in this run: what changed last, and one more in its turn.

CI stays as short with any number of labs, and all of them have been tested after a few runs. LLM101_TEST_ALL asks for
all at once (`make prove`), and so does a tree without history.

    .venv/bin/python -m tests.rotation      says what it is today
"""

import os
import subprocess
from functools import cache
from pathlib import Path

from autograder.lab import REPOSITORY, Lab, solutions_folder

ALL = "LLM101_TEST_ALL"
RECENT = 24 * 3600  # seconds before the last commit in which a change counts as this run's


def labs() -> list[Lab]:
    """At most two labs."""
    changed = [path.parts[1] for path in _changed() if len(path.parts) > 2]
    wanted = _chosen([lab.id for lab in _built()], changed)
    return [lab for lab in _built() if lab.id in wanted]


def notebooks() -> list[tuple[Lab, str]]:
    """At most two notebooks, each with its lab."""
    every = {f"{lab.id}/{name}": (lab, name) for lab in _built() for name in lab.notebooks}
    changed = ["/".join(path.with_suffix("").parts[1:]) for path in _changed() if path.suffix == ".py"]
    return [every[key] for key in _chosen(list(every), changed)]


def summary() -> str:
    """One line for the head of a run."""
    running = ", ".join(f"{lab.lesson} {name}" for lab, name in notebooks())
    return f"slow tests take labs {', '.join(lab.lesson for lab in labs())} and notebooks {running} ({ALL}=1: all)"


def _built() -> list[Lab]:
    return Lab.all() if solutions_folder().is_dir() else []  # none in the grader's image, where tests run, too


def _chosen(names: list[str], changed: list[str]) -> list[str]:
    """Of `names`, in their order: the first of `changed`, and another in its turn. All, where there is no turn."""
    turn = _turn()
    if turn is None:
        return names
    first = [name for name in changed if name in names][:1]
    others = [name for name in names if name not in first]
    second = [others[turn % len(others)]] if others else []
    return [name for name in names if name in [*first, *second]]


def _turn() -> int | None:
    """A number that the next commit raises; None where all are wanted, or nobody can tell."""
    count = "" if os.environ.get(ALL) else _git("rev-list", "--count", "--first-parent", "HEAD")
    return int(count) if count else None


def _changed() -> list[Path]:
    """Files of the labs that the last day's commits changed, the last changed first."""
    if not (committed := _git("log", "-1", "--format=%ct")):
        return []
    since = f"--since=@{int(committed) - RECENT}"
    lines = _git("log", since, "--format=", "--name-only", "--relative", "--", "solutions").splitlines()
    return [Path(line) for line in lines if line]


@cache
def _git(*arguments: str) -> str:
    """What git says; nothing where it cannot, for want of git, of a history, or of the right to read it."""
    command = ["git", "-C", str(REPOSITORY), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


if __name__ == "__main__":
    print(summary())
