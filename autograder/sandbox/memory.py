"""The memory limit where no cgroup can be written: an ordinary user's machine, mostly."""

import contextlib
import os
import signal
import threading
from pathlib import Path

import psutil

INTERVAL = 0.1  # seconds


class Watchdog:
    """Kills a submission whose processes together hold more memory than the limit.

    RLIMIT_AS bounds each process at once; this bounds their sum, shared memory included, with a delay of INTERVAL.
    """

    def __init__(self, pid: int, limit: int) -> None:
        self._pid, self._limit = pid, limit
        self._exceeded = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory watchdog", daemon=True)
        self._thread.start()

    def out_of_memory(self) -> bool:
        """Whether the watchdog has killed the submission."""
        return self._exceeded

    def stop(self) -> None:
        """Stops watching; to be called before the process's number can be given to another."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(INTERVAL):
            if _held(self._pid) > self._limit:
                self._exceeded = True
                with contextlib.suppress(OSError):
                    os.kill(self._pid, signal.SIGKILL)
                return


def _held(pid: int) -> int:
    """Bytes that a process and its descendants hold for themselves: private pages and their share of shared memory."""
    total = 0
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            with contextlib.suppress(OSError, ValueError):
                for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith(("Private_Dirty:", "Pss_Shmem:")):
                        total += int(line.split()[1]) << 10
    return total
