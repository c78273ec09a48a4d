"""One submission's process: it isolates itself, loads the student's cells, and forks a worker per problem.

    template.py or init.py ── fork ──> keeper (loads the cells once)
                                               └── fork ──> worker of problem 1 (objects.py), then of problem 2, ...

Every step of the isolation happens before the first byte of the submission is read.
"""

import contextlib
import os
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec

from labkit.i18n import Bilingual

from . import cells, kernel, wire
from .objects import Objects, reseed

CHANNEL_FD = 3
HOME = Path("/home/student")
SCRATCH = (Path("/tmp"), HOME, Path("/dev/shm"))
INODE = 4096  # bytes of a scratch folder for each file in it


class ProcessLimits(msgspec.Struct, frozen=True):
    """What one submission may use."""

    address_space: int  # bytes that a process may map beyond what the template has; 0: no limit, a cgroup counts
    processes: int  # of this user's, wherever they run; 0: no limit, a cgroup counts
    cpu_seconds: int  # per process: the keeper (loading) and each problem's worker
    scratch: int  # bytes, and one inode per INODE of them, on each of /tmp, the home and /dev/shm
    file_size: int  # bytes
    filter: bytes  # compiled seccomp program


def main(channel: int, limits: ProcessLimits, isolate: Callable[[ProcessLimits], None]) -> None:
    """The life of one submission's process. Does not return.

    `isolate` is the step that differs between sandboxes: it takes away what is still visible of the host.
    """
    os.dup2(channel, CHANNEL_FD)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    os.closerange(CHANNEL_FD + 1, 1 << 16)
    os.setsid()
    isolate(limits)
    os.chdir(HOME)
    _set_limits(limits)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.install_filter(limits.filter)
    sock = socket.socket(fileno=CHANNEL_FD)
    sock.sendall(b"!")  # hello: its credentials tell the grader our pid on the host
    with contextlib.suppress(wire.Closed):
        Keeper(wire.Channel(sock)).serve()
    os._exit(0)


def _set_limits(limits: ProcessLimits) -> None:
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_CPU: limits.cpu_seconds,
    }
    if limits.processes:
        bounds[resource.RLIMIT_NPROC] = limits.processes
    if limits.address_space:
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        bounds[resource.RLIMIT_AS] = mapped + limits.address_space
    for kind, bound in bounds.items():
        resource.setrlimit(kind, (bound, bound))


class Keeper:
    """The first process of a submission. It loads the cells, then lends the channel to one worker after another."""

    def __init__(self, channel: wire.Channel) -> None:
        self.channel = channel
        self.programs: dict[str, cells.Loaded] = {}  # by notebook

    def serve(self) -> None:
        """Answers `load` and `begin` until the grader closes the channel (wire.Closed).

        Any other request was for a worker that ended before it read the request; the grader hears of that end anyway.
        """
        while True:
            request, _ = self.channel.receive(wire.Request)
            match request.op:
                case "load":
                    self._load(request)
                case "begin":
                    self._run_worker(request)

    def _load(self, request: wire.Request) -> None:
        order = wire.unpack(request.args, b"", _nothing)
        reseed(order["seed"])

        def tell(index: int) -> None:
            self.channel.send(wire.Reply(id=request.id, progress=index))

        skip = {index: Bilingual(*why) for index, why in order["skip"].items()}
        program = cells.load(order["cells"], order["wanted"], skip, tell)
        self.programs[order["notebook"]] = program
        sys.modules["notebook:" + order["notebook"]] = program.module  # where labkit.notebook looks for it
        summary = [[note.en, note.zh] for note in program.summary()]
        self.channel.send(wire.Reply(id=request.id, value=wire.pack(summary, _nothing)[0]))

    def _run_worker(self, request: wire.Request) -> None:
        worker = os.fork()
        if worker == 0:
            try:
                notebook = wire.unpack(request.args, b"", _nothing)
                Objects(self.programs[notebook], self.channel).serve(request)
                os._exit(0)
            finally:
                os._exit(1)
        pid, status = 0, 0
        while pid != worker:  # the worker's orphans are our children, too
            pid, status = os.wait()
        self._clean_up()
        self.channel.send(wire.Reply(id=0, exited=status))

    def _clean_up(self) -> None:
        """Leaves nothing of the worker behind: no process, no file."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # all in this PID namespace but ourselves and pid 1
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()
        for folder in SCRATCH:
            for entry in folder.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink(missing_ok=True)


def _nothing(value: object) -> NoReturn:
    raise wire.ProtocolError(Bilingual("the keeper has no objects", "这里没有对象"))
