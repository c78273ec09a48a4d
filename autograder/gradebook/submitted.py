"""Reads the files that a student handed in. Only regular files are opened, and reading has a bound."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.utils import parse_utc

SECRET = "submission_secret.txt"  # nbgrader's names
TIMESTAMP = "timestamp.txt"
MAX_NOTE = 1000  # bytes of either
OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a link is refused, a FIFO does not block


def read_file(path: Path, limit: int) -> bytes | None:
    """The content of a regular file of at most `limit` bytes; None for anything else."""
    try:
        descriptor = os.open(path, OPEN_FLAGS)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = file.read(limit + 1)
    return content if len(content) <= limit else None


def submission_secret(folder: Path) -> str | None:
    """The secret that names the student's feedback in the exchange; None when nbgrader did not bring it here."""
    content = read_file(folder / SECRET, MAX_NOTE)
    return content.decode("ascii", "replace") if content else None


def submitted_at(folder: Path) -> datetime | None:
    """When it was submitted, UTC and naive as nbgrader keeps it; None without a time stamp.

    Where the time stamp is not a time, the last change of the file counts.
    """
    content = read_file(folder / TIMESTAMP, MAX_NOTE)
    if content is None:
        return None
    return parse_time(content.decode("ascii", "replace").strip(), folder / TIMESTAMP)


def parse_time(text: str, path: Path) -> datetime:
    """nbgrader's time stamp as naive UTC; the last change of `path` where `text` is not a time."""
    try:
        time: datetime = parse_utc(text)
    except Exception:  # dateutil raises what it likes on text that a student wrote
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC).replace(tzinfo=None)
    return time


def digest(folder: Path, notebooks: Sequence[str], limit: int) -> str:
    """A digest that changes when a notebook or the time stamp does. Files over `limit` bytes count by their size."""
    state = hashlib.sha256()
    for name in [*(f"{notebook}.ipynb" for notebook in notebooks), TIMESTAMP]:
        content = read_file(folder / name, limit)
        if content is None:
            content = repr(_kind(folder / name)).encode()
        state.update(f"{name} {len(content)}\n".encode())
        state.update(content)
    return state.hexdigest()


def _kind(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return stat.S_IFMT(status.st_mode), status.st_size
