"""The template: a process with the heavy libraries imported, of which every submission gets a fork.

It runs inside the outer bubblewrap sandbox and never sees student code, tests or secrets. It takes orders on file
descriptor 3, a SOCK_SEQPACKET socket of the grader's:

    {"op": "spawn", "limits": {...}} + one descriptor (the child's channel)  ->  {"pid": 17}
    {"op": "kill", "pid": 17}                                                ->  {"status": 9}

`{"error": "..."}` answers an order that failed. When the grader goes away the template ends, and with it, as the first
process of the sandbox, everything in it.
"""

import array
import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import msgspec
import torch

from . import cells, child, kernel, objects, wire

CONTROL_FD = 3
STUDENT_ID = 1000  # uid and gid of student code, inside its own user namespace


def main(preload: Sequence[str]) -> None:
    """Imports what `preload` names, says so, and serves orders until the control socket closes.

    An entry is a module, or `module:function` for something worth doing once (loading a tokenizer, say).
    """
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    control = socket.socket(fileno=CONTROL_FD)
    for name in preload:
        module, _, function = name.partition(":")
        loaded = importlib.import_module(module)
        if function:
            getattr(loaded, function)()
    _rehearse()
    gc.collect()
    gc.freeze()  # the collector would otherwise touch, and so copy, every page in every child
    kernel.collapse_heap()
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


def _rehearse() -> None:
    """Does once what every child does: what torch, numpy and Python import or build on first use is then shared."""
    torch.set_num_threads(1)
    objects.reseed(0)
    x = torch.ones(2, 2, requires_grad=True)
    (torch.nn.Linear(2, 2)(x) @ x).backward(torch.ones(2, 2))
    wire.unpack(*wire.pack([x, {"a": 1.0}], lambda value: {}), str)
    main = sys.modules["__main__"]
    cell = {"source": "def f(x):\n    return [y for y in x]", "role": "solution", "name": "f"}
    cells.load([cell, {"source": "f([1])", "role": "added", "name": "cell 2"}], {"f": "f"}, {}, lambda index: None)
    sys.modules["__main__"] = main
    cells._cell_names.clear()


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
            return _spawn(control, descriptors[0], msgspec.convert(message["limits"], child.Limits))
        case "kill":
            with contextlib.suppress(ProcessLookupError):
                os.kill(message["pid"], signal.SIGKILL)
            return {"status": os.waitpid(message["pid"], 0)[1]}
        case op:
            return {"error": f"unknown order {op!r}"}


def _spawn(control: socket.socket, channel: int, limits: child.Limits) -> dict[str, Any]:
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
            child.main(channel, limits)
        except BaseException:
            with contextlib.suppress(OSError):  # once the pid is known the pipe is closed: the channel's end tells
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
