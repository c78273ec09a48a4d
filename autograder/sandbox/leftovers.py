"""Folders on the host carry the number of the process that made them; those of a killed process are swept away."""

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

import psutil

_NAME = re.compile(r"llm101-(\d+)-")


def prefix() -> str:
    """How the names of this process's folders begin."""
    return f"llm101-{os.getpid()}-"


def sweep(places: Iterable[Path]) -> None:
    """Removes the folders in `places` whose process has ended. Only empty ones: control groups, mount points."""
    for place in places:
        for folder in place.glob("llm101-*"):
            if (match := _NAME.match(folder.name)) and not psutil.pid_exists(int(match[1])):
                with contextlib.suppress(OSError):
                    folder.rmdir()
