"""Memory and process limits by control group, version 1 or 2, where this process may write one."""

import contextlib
import itertools
import os
import time
from pathlib import Path

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
        name = f"llm101-{os.getpid()}-{next(_numbers)}"
        with contextlib.suppress(OSError):
            if (ROOT / "cgroup.controllers").exists():
                return cls._version_2(name, memory, processes)
            return cls._version_1(name, memory, processes)
        return None

    @classmethod
    def _version_1(cls, name: str, memory: int, processes: int) -> "Cgroup":
        group = cls({kind: ROOT / kind / _own_group(kind) / name for kind in ("memory", "pids")}, 1)
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
    def _version_2(cls, name: str, memory: int, processes: int) -> "Cgroup":
        # Beside our own group: a group that holds processes cannot hand controllers to groups below it.
        folder = (ROOT / _own_group("")).parent / name
        group = cls({"memory": folder}, 2)
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


def _own_group(controller: str) -> str:
    """The path of this process's group in the hierarchy of a controller ("" for version 2), without the slash."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path.lstrip("/")
    raise FileNotFoundError(f"no {controller} cgroup")
