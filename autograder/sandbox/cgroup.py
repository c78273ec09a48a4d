"""Memory and process limits by control group, version 1 or 2, where this process may write one."""

import contextlib
import itertools
import time
from pathlib import Path

from autograder.sandbox import leftovers

ROOT = Path("/sys/fs/cgroup")
_numbers = itertools.count(1)


class Cgroup:
    """One submission's group: a folder per hierarchy (one in version 2, memory and pids in version 1)."""

    def __init__(self, folders: dict[str, Path], version: int) -> None:
        self.folders = folders
        self.version = version

    @classmethod
    def create(cls, memory: int, processes: int) -> "Cgroup | None":
        """A fresh group with these limits (bytes, tasks), or None where groups cannot be written here."""
        name = f"{leftovers.prefix()}{next(_numbers)}"
        with contextlib.suppress(OSError):
            folders = {kind: parent / name for kind, parent in _parents().items()}
            make = cls._version_2 if len(folders) == 1 else cls._version_1
            return make(folders, memory, processes)
        return None

    @staticmethod
    def sweep() -> None:
        """Removes the groups that killed processes have left beside ours."""
        with contextlib.suppress(OSError):
            leftovers.sweep(_parents().values())

    @classmethod
    def _version_1(cls, folders: dict[str, Path], memory: int, processes: int) -> "Cgroup":
        group = cls(folders, 1)
        try:
            for folder in group.folders.values():
                folder.mkdir()
            (group.folders["memory"] / "memory.limit_in_bytes").write_text(str(memory))
            (group.folders["pids"] / "pids.max").write_text(str(processes))
        except OSError:
            group.remove()
            raise
        return group

    @classmethod
    def _version_2(cls, folders: dict[str, Path], memory: int, processes: int) -> "Cgroup":
        folder = folders["memory"]
        group = cls(folders, 2)
        try:
            folder.mkdir()
            (folder / "memory.max").write_text(str(memory))
            (folder / "memory.swap.max").write_text("0")
            (folder / "pids.max").write_text(str(processes))
        except OSError:
            group.remove()
            raise
        return group

    def add(self, pid: int) -> None:
        """Moves a process, and so all that it will fork, into the group."""
        for folder in self.folders.values():
            (folder / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed a process of the group for its memory."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        with contextlib.suppress(OSError):
            for line in (self.folders["memory"] / name).read_text().splitlines():
                key, _, count = line.partition(" ")
                if key == "oom_kill":
                    return int(count) > 0
        return False

    def remove(self) -> None:
        """Removes the group; its processes are gone already, but the kernel may need a moment to notice."""
        for folder in self.folders.values():
            for _ in range(50):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.002)


def _parents() -> dict[str, Path]:
    """Where the folders of groups are made. Raises OSError where this process is in no group with limits."""
    if (ROOT / "cgroup.controllers").exists():
        # Beside our own group: a group that holds processes cannot hand controllers to groups below it.
        return {"memory": (ROOT / _own_group("")).parent}
    return {kind: ROOT / kind / _own_group(kind) for kind in ("memory", "pids")}


def _own_group(controller: str) -> str:
    """The path of this process's group in the hierarchy of a controller ("" for version 2), without the slash."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path.lstrip("/")
    raise FileNotFoundError(f"no {controller} cgroup")
