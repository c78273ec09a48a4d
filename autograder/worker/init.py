"""The first process of a submission's container (the docker sandbox): it passes bytes on, and ends in time.

    grader ── attach stream ──> pid 1, here ── socket pair ──> keeper (child.py) ── fork ──> workers

It imports the libraries, forks the keeper and never reads a line of student code. The kernel gives student code no way
to kill, stop or inspect it. So the container ends when the grader has gone, when nobody is left on the other end of
the channel, and when its time is up, whatever student code does.
"""

import os
import select
import signal
import socket
import time
import traceback

import msgspec

from . import child, kernel, libraries

STDIN, STDOUT = 0, 1
PIECE = 1 << 16  # bytes in flight in each direction, at most
GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Arguments(msgspec.Struct, frozen=True):
    """What the grader wants of this process: the one argument on its command line, as JSON."""

    preload: list[str]
    limits: child.ProcessLimits
    seconds: float  # how long the container may live


def main(argument: str) -> None:
    """The life of a container. Does not return."""
    arguments = msgspec.json.decode(argument, type=Arguments)
    end = time.monotonic() + arguments.seconds
    libraries.preload(arguments.preload)
    ours, theirs = socket.socketpair()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # closes /proc/1 to the student's processes, which run as the same user
    if os.fork() == 0:
        _become_keeper(theirs, arguments.limits)
    theirs.close()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # signals without a handler do not reach pid 1 from inside
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for orphans of a keeper that was killed
    relay(ours, end)
    os._exit(0)


def _become_keeper(channel: socket.socket, limits: child.ProcessLimits) -> None:
    try:
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)  # the keeper ends orphans, as if it were pid 1
        # Nothing to isolate here: the engine has done that.
        child.main(channel.fileno(), limits, isolate=lambda limits: None)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def relay(sock: socket.socket, end: float) -> None:
    """Passes bytes between stdin, stdout and the keeper's socket until one of them has gone, or `end` (monotonic)."""
    sock.setblocking(False)
    os.set_blocking(STDOUT, False)
    inward = outward = b""
    while (left := end - time.monotonic()) > 0:
        poll = select.poll()
        poll.register(STDIN, 0 if inward else select.POLLIN)
        poll.register(STDOUT, select.POLLOUT if outward else 0)
        if wanted := (select.POLLOUT if inward else 0) | (0 if outward else select.POLLIN):
            poll.register(sock, wanted)
        ready = dict(poll.poll(left * 1000))
        if (ready.get(STDIN, 0) | ready.get(STDOUT, 0)) & GONE:
            return
        try:
            if STDIN in ready and not (inward := os.read(STDIN, PIECE)):
                return
            if STDOUT in ready:
                outward = outward[os.write(STDOUT, outward) :]
            if ready.get(sock.fileno(), 0) & select.POLLOUT:
                inward = inward[sock.send(inward) :]
            elif sock.fileno() in ready and not (outward := sock.recv(PIECE)):
                return
        except ConnectionError:
            return
