"""The warm bubblewrap sandbox: one outer sandbox with a template process, one fork of it per submission.

grader ── control socket ──> template (in bubblewrap: read-only system, no network, libraries imported)
   └───── channel ─────────> child (fork of the template in namespaces of its own; see worker/child.py)
"""

import array
import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from autograder.errors import GraderError
from autograder.sandbox import Limits, interior, launch, leftovers
from autograder.sandbox.cgroup import Cgroup
from autograder.sandbox.memory import Watchdog
from autograder.worker import wire

SYSTEM_LINKS = ("/bin", "/sbin", "/lib", "/lib64")  # links into /usr on most systems, folders on some
BOOT_SECONDS = 180.0
SPAWN_SECONDS = 30.0
STAGES = Path("/tmp")  # not TMPDIR, which may be root's own
ELSE = "or, with Docker on this machine, grade with `--sandbox docker`"


class Bubblewrap:
    """A running sandbox. Use as a context manager, or call `close`.

    Raises GraderError when bubblewrap or libseccomp is absent, or the host forbids user namespaces.
    """

    name = "bubblewrap"

    def __init__(self, preload: Sequence[str], limits: Limits) -> None:
        self.limits = limits
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._answers: deque[_Answer] = deque()  # orders in flight; the template answers in their order
        self._stage: str | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the sandbox
        self._process = self._start(theirs, preload)
        theirs.close()
        self._ready = self._expect()
        self._spare: _Spawning | None = None
        self._dying: list[tuple[_Answer, Cgroup | None]] = []

    def _start(self, control: socket.socket, preload: Sequence[str]) -> "subprocess.Popen[bytes]":
        if shutil.which("bwrap") is None:
            raise GraderError(f"bubblewrap is missing: install it, e.g. with `apt-get install bubblewrap`; {ELSE}")
        leftovers.sweep([STAGES])
        Cgroup.sweep()
        before, binds, after = _command(preload)
        if os.geteuid() == 0:
            self._stage = tempfile.mkdtemp(prefix=leftovers.prefix(), dir=STAGES)
            plan = {"before": before, "binds": binds, "after": after, "stage": self._stage}
            command = [sys.executable, "-m", launch.__name__, json.dumps(plan)]
        else:
            command = [*before, *(word for source, target in binds for word in ("--ro-bind", source, target)), *after]
        # The template finds the control socket as descriptor 3.
        script = 'exec 3<&"$0" "$@"'
        descriptor = control.fileno()
        return subprocess.Popen(
            ["bash", "-c", script, str(descriptor), *command],
            pass_fds=[descriptor], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._errors,
        )  # fmt: skip

    def __enter__(self) -> "Bubblewrap":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the template and so every child, and the helper folders."""
        with contextlib.suppress(GraderError):
            self._bury()
        if self._spare is not None:
            self._spare.channel.close()
        self._control.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._spare is not None:
            self._spare.forget()
        if self._stage is not None:
            shutil.rmtree(self._stage, ignore_errors=True)

    def wait_until_ready(self) -> None:
        """Waits for the template's imports, so that the first submission is not billed for them."""
        self._receive(self._ready, BOOT_SECONDS)

    def spawn(self) -> "BubblewrapChild":
        """A fresh child. The next one is already being made in the background when this returns."""
        self.wait_until_ready()
        spare = self._spare or _Spawning(self)
        self._spare = None
        child = spare.finish()
        self._bury()
        self._spare = _Spawning(self)
        return child

    def _end(self, pid: int, cgroup: Cgroup | None) -> None:
        """Orders a child's death without waiting for it. It is over before the next child is handed out."""
        self._dying.append((self._order({"op": "kill", "pid": pid}), cgroup))

    def _bury(self) -> None:
        """Waits for the children whose death was ordered, and removes their control groups."""
        while self._dying:
            answer, cgroup = self._dying.pop()
            self._receive(answer, SPAWN_SECONDS)
            if cgroup:
                cgroup.remove()

    def _order(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> "_Answer":
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        try:
            self._control.sendmsg([msgspec.json.encode(message)], ancillary)
        except OSError:
            raise self._dead() from None
        return self._expect()

    def _expect(self) -> "_Answer":
        answer = _Answer()
        self._answers.append(answer)
        return answer

    def _receive(self, wanted: "_Answer", seconds: float) -> dict[str, Any]:
        """Reads answers, in the order of their orders, until the wanted one is there."""
        self._control.settimeout(seconds)
        while wanted.content is None:
            try:
                data = self._control.recv(65536)
            except TimeoutError:
                late = f"the sandbox did not answer within {seconds:.0f} s: is this machine overloaded?"
                raise GraderError(late) from None
            if not data:
                raise self._dead()
            self._answers.popleft().content = msgspec.json.decode(data)
        if error := wanted.content.get("error"):
            raise GraderError(f"the sandbox could not start a child: {error.strip().splitlines()[-1]}")
        return wanted.content

    def _dead(self) -> GraderError:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        why = lines[-1] if lines else f"exit code {self._process.poll()}"
        hint = ""
        if "namespace" in why or "uid map" in why or "Operation not permitted" in why:
            where = "docs/architecture.md, 'Where the sandbox does not start'"
            hint = f"; this host forbids user namespaces: see {where}; {ELSE}"
        return GraderError(f"the bubblewrap sandbox does not run: {why}{hint}")


class _Answer:
    """The place for the template's answer to one order."""

    content: dict[str, Any] | None = None


class _Spawning:
    """A child that has been ordered and may not be there yet."""

    def __init__(self, sandbox: Bubblewrap) -> None:
        self.sandbox = sandbox
        limits = sandbox.limits
        self.cgroup = Cgroup.create(limits.memory_mb * interior.MEBIBYTE, limits.processes)
        self.channel, theirs = socket.socketpair()
        self.channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        address_space = 0 if self.cgroup else limits.memory_mb * interior.MEBIBYTE
        order = {"op": "spawn", "limits": interior.process_limits(limits, address_space, limits.processes)}
        self.answer = sandbox._order(order, [theirs.fileno()])
        theirs.close()
        self.pid: int | None = None
        self._settling = threading.Thread(target=self._settle, name="sandbox spare", daemon=True)
        self._settling.start()

    def _settle(self) -> None:
        """Waits for the child's hello, whose credentials tell its pid on the host, and puts it under its limits."""
        self.channel.settimeout(SPAWN_SECONDS)
        try:
            hello, ancillary, _, _ = self.channel.recvmsg(1, socket.CMSG_SPACE(12))
        except OSError:
            return
        if hello:
            (pid, _, _) = struct.unpack("3i", ancillary[0][2])
            if self.cgroup:
                self.cgroup.add(pid)
            self.pid = pid

    def finish(self) -> "BubblewrapChild":
        """The child, once the template has made it and it has said hello."""
        sandbox = self.sandbox
        pid_inside = sandbox._receive(self.answer, SPAWN_SECONDS)["pid"]
        self._settling.join()
        if self.pid is None:
            raise sandbox._dead()
        pid = self.pid
        self.channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        watchdog = None if self.cgroup else Watchdog(pid, sandbox.limits.memory_mb * interior.MEBIBYTE)
        return BubblewrapChild(sandbox, wire.Channel(self.channel), pid_inside, self.cgroup, watchdog)

    def forget(self) -> None:
        """Removes the group of a child that nobody needed, once the template is gone, and with it the child."""
        self._settling.join()
        if self.cgroup:
            self.cgroup.remove()


class BubblewrapChild:
    """One submission's process tree; `Child` of `autograder.sandbox`."""

    def __init__(
        self, sandbox: Bubblewrap, channel: wire.Channel, pid: int, cgroup: Cgroup | None, watchdog: Watchdog | None
    ) -> None:
        self.channel = channel
        self._sandbox, self._pid, self._cgroup, self._watchdog = sandbox, pid, cgroup, watchdog

    def out_of_memory(self) -> bool:
        """Whether the memory limit has ended a process of this submission."""
        guard = self._cgroup or self._watchdog
        return guard is not None and guard.out_of_memory()

    def kill(self) -> None:
        """Kills pid 1 of the child's namespace, and with it everything in it."""
        self.channel.sock.close()
        if self._watchdog:
            self._watchdog.stop()
        self._sandbox._end(self._pid, self._cgroup)


def _command(preload: Sequence[str]) -> tuple[list[str], list[list[str]], list[str]]:
    """bubblewrap's command line: what comes before the binds, the binds (source, target), what comes after."""
    before = [
        "bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net",
        # The template is pid 1, so that everything ends with it: bubblewrap's own pid 1 would wait for its orphans.
        "--unshare-cgroup-try", "--as-pid-1", "--new-session", "--clearenv",
        "--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--cap-drop", "ALL",
        "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/home/student",
    ]  # fmt: skip
    after = [word for name, value in interior.ENVIRONMENT.items() for word in ("--setenv", name, value)]
    for link in SYSTEM_LINKS:
        if os.path.islink(link):
            after += ["--symlink", os.readlink(link), link]
    # bubblewrap's own root and /dev are tmpfs. If they stayed writable, one child would see another's files.
    after += ["--chdir", "/home/student", "--remount-ro", "/dev", "--remount-ro", "/"]
    after += ["--", f"{_venv()}/bin/{Path(sys.executable).name}", *interior.python_options("template"), *preload]
    return before, _binds(), after


def _venv() -> str:
    """Where this process's Python environment appears inside: not under /tmp, which the child's own /tmp would hide."""
    return sys.prefix if sys.prefix == sys.base_prefix else f"{interior.LIBRARY}/.venv"


def _binds() -> list[list[str]]:
    """What the sandbox sees of the host, read-only, in an order in which no bind hides an earlier one."""
    system = [path for path in SYSTEM_LINKS if not os.path.islink(path)]
    wanted = {"/usr", *system, sys.base_prefix, "/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives"}
    shown = sorted(filter(os.path.exists, wanted), key=len)
    outermost = [path for path in shown if not any(Path(other) in Path(path).parents for other in shown)]
    binds = [[path, path] for path in outermost]
    if sys.prefix != _venv():
        binds.append([sys.prefix, _venv()])
    binds += [[folder, inside] for folder, inside in interior.packages().items()]
    return binds
