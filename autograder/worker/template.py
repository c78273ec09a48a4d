"""The template: a process that has imported the heavy libraries. Every submission gets a fork of it.

It runs inside the outer bubblewrap sandbox and never sees student code, tests or secrets. It takes orders on file
descriptor 3, a SOCK_SEQPACKET socket of the grader's:

    {"op": "spawn", "limits": {...}} + one descriptor (the child's channel)  ->  {"pid": 17}
    {"op": "kill", "pid": 17}                                                ->  {"status": 9}

`{"error": "..."}` answers an order that failed. The template ends when the grader goes away. It is the first process
of the sandbox, so that everything in the sandbox ends with it.
"""

import array
import contextlib
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

import msgspec

from . import child, kernel, libraries

CONTROL_FD = 3
STUDENT_ID = 1000  # uid and gid of student code, inside its own user namespace


def main(*preload: str) -> None:
    """Imports what `preload` names (libraries.py), says so, and serves orders until the control socket closes."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    control = socket.socket(fileno=CONTROL_FD)
    libraries.preload(preload)
    control.send(msgspec.json.encode({"ready": True}))
    while order := _receive(control):
        message, descriptors = order
        try:
            answer = _obey(control, message, descriptors)
        except OSError as error:
            answer = {"error": str(error)}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        control.send(msgspec.json.encode(answer))


def _receive(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    data, ancillary, _, _ = control.recvmsg(65536, socket.CMSG_SPACE(4))
    if not data:
        return None
    descriptors = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload)
    return msgspec.json.decode(data), list(descriptors)


def _obey(control: socket.socket, message: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
    match message["op"]:
        case "spawn":
            return _spawn(control, descriptors[0], msgspec.convert(message["limits"], child.ProcessLimits))
        case "kill":
            with contextlib.suppress(ProcessLookupError):
                os.kill(message["pid"], signal.SIGKILL)
            return {"status": os.waitpid(message["pid"], 0)[1]}
        case op:
            return {"error": f"unknown order {op!r}"}


def _spawn(control: socket.socket, channel: int, limits: child.ProcessLimits) -> dict[str, Any]:
    """Forks twice: the first fork enters the new namespaces, the second is pid 1 of the new PID namespace."""
    read_end, write_end = os.pipe()
    outer = os.fork()
    if outer == 0:
        try:
            os.close(read_end)
            control.close()
            _enter_namespaces()
            inner = os.fork()
            if inner:
                os.write(write_end, str(inner).encode())
                os._exit(0)
            os.close(write_end)
            child.main(channel, limits, _isolate)
        except BaseException:
            # Once the pid is known the pipe is closed, and the end of the channel tells the grader.
            with contextlib.suppress(OSError):
                os.write(write_end, traceback.format_exc().encode()[-4096:])
            sys.stderr.write(traceback.format_exc())
        finally:
            os._exit(1)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(outer, 0)  # before anything may kill the inner one
    return {"pid": int(answer)} if answer.isdigit() else {"error": answer.decode(errors="replace") or "fork failed"}


def _enter_namespaces() -> None:
    kernel.unshare(
        kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID
        | kernel.CLONE_NEWIPC | kernel.CLONE_NEWNET | kernel.CLONE_NEWUTS
    )  # fmt: skip
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{STUDENT_ID} {STUDENT_ID} 1"),
        ("gid_map", f"{STUDENT_ID} {STUDENT_ID} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)


def _isolate(limits: child.ProcessLimits) -> None:
    """Gives a child, in its new namespaces, files, devices and a /proc of its own, and takes its capabilities."""
    kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    options = f"size={limits.scratch},nr_inodes={limits.scratch // child.INODE},mode=0700"
    for folder in child.SCRATCH:
        kernel.mount("tmpfs", str(folder), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    kernel.mount("/dev/null", "/dev/zero", flags=kernel.MS_BIND)  # a shared mapping of it is memory that nobody counts
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    kernel.drop_capabilities()
