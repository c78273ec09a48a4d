"""The docker sandbox: each submission gets a container of its own, which has imported the libraries already.

grader ── channel ──> pump ── attach stream of the engine ──> pid 1 of a container (worker/init.py)

It is for a machine that has a Docker engine but no user namespaces, or that has a runtime with a kernel of its own
(gVisor, Kata). A container is made in the background while another one is graded; it is used once.
"""

import contextlib
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import msgspec
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import Mount

from autograder.errors import GraderError
from autograder.sandbox import Limits, interior
from autograder.worker import wire
from autograder.worker.child import INODE, SCRATCH

PYTHON = "/opt/llm101/bin/python"  # of the images' virtual environment
BOOT_SECONDS = 180.0
LIFETIME = 3600.0  # seconds; then pid 1 ends its container, even if the grader was killed
MAX_AGE = LIFETIME / 2  # of a container that a submission gets
REAP_SECONDS = 60.0  # so long after its deadline a container belongs to nobody
OOM_SECONDS = 0.3  # that the engine's news of a death by memory may take
LIBRARIES_MB = 512  # what the imported libraries hold, which is not the submission's
ERRORS = 4096  # bytes of a container's standard error that are kept
PIECE = 1 << 16
OWNER, DEADLINE = "org.llm101.sandbox", "org.llm101.deadline"  # labels: the grader's process; unix seconds


class Docker:
    """Warm containers of one lab's image. Use as a context manager, or call `close`.

    `runtime` is one of the engine's (`runc`, `runsc`, ...), its default when empty; `spares` containers are ready, or
    being made, at any time. Raises GraderError when no engine answers, or it lacks the image, the runtime, or the
    means to limit memory and processes. `made_by` is the command that makes the image; the error names it.
    """

    name = "docker"

    def __init__(
        self, preload: Sequence[str], limits: Limits, image: str, made_by: str, runtime: str = "", spares: int = 2
    ) -> None:
        self._image, self._runtime = image, runtime
        self._limits = limits
        self._arguments = msgspec.json.encode(
            # The engine counts the processes: the kernel would count those of this user in all containers together.
            {"preload": preload, "limits": interior.process_limits(limits, 0, 0), "seconds": LIFETIME}
        ).decode()
        with _engine_errors():
            self._client = docker.from_env()
            # Else the SDK keeps a connection for each of the last 25 paths, and each container has paths of its own.
            self._client.api.headers["Connection"] = "close"
            _check(self._client, image, made_by, runtime)
            _reap(self._client)
        self._running: dict[str, Container] = {}
        self._closed = False
        self._threads = ThreadPoolExecutor(2 * spares + 2, thread_name_prefix="docker sandbox")
        self._spares: deque[Future[DockerChild]] = deque(self._threads.submit(self._boot) for _ in range(spares))
        self._dying: list[Future[None]] = []

    def __enter__(self) -> "Docker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Removes every container, also those that are still being made."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for container in list(self._running.values()):
            with contextlib.suppress(GraderError):  # without the engine it ends by itself
                self._remove(container)
        self._threads.shutdown(wait=True)
        self._client.close()

    def spawn(self) -> "DockerChild":
        """A child in a container of its own. The next one is already being made in the background."""
        while self._dying:
            self._dying.pop().result()
        while True:
            try:
                child = self._spares.popleft().result()
            finally:
                self._spares.append(self._threads.submit(self._boot))
            if time.monotonic() - child.born < MAX_AGE:
                return child
            child.kill()

    def _boot(self) -> "DockerChild":
        """Starts a container and waits for its child's hello."""
        born = time.monotonic()
        with _engine_errors():
            container = self._create()
        self._running[container.id] = container
        try:
            if self._closed:
                raise GraderError("the sandbox has been closed")
            return DockerChild(self, container, self._open(container), born)
        except BaseException:
            self._remove(container)
            raise

    def _open(self, container: Container) -> wire.Channel:
        channel, ours = socket.socketpair()
        with _engine_errors():
            # Attached before it starts, so that not a byte of it is missed.
            stream = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            pump = Pump(_socket_of(stream), ours)
            container.start()
        channel.settimeout(BOOT_SECONDS)
        try:
            hello = channel.recv(1)
        except TimeoutError:
            late = f"a container was not ready within {BOOT_SECONDS:.0f} s: is this machine overloaded?"
            raise GraderError(late) from None
        if not hello:
            raise GraderError(f"a container of {self._image} ended before it was ready: {pump.last_error()}")
        return wire.Channel(channel)

    def _create(self) -> Container:
        limits = self._limits
        scratch = (
            f"rw,exec,nosuid,nodev,size={limits.scratch_mb * interior.MEBIBYTE},"
            f"nr_inodes={limits.scratch_mb * interior.MEBIBYTE // INODE},"
            f"mode=0700,uid={interior.USER_ID},gid={interior.USER_ID}"
        )
        memory = (limits.memory_mb + LIBRARIES_MB) * interior.MEBIBYTE
        return self._client.containers.create(
            self._image, [self._arguments], entrypoint=[PYTHON, *interior.python_options("init")],
            environment=interior.ENVIRONMENT, user=f"{interior.USER_ID}:{interior.USER_ID}", hostname="sandbox",
            working_dir="/", labels={OWNER: _owner(os.getpid()), DEADLINE: str(int(time.time() + LIFETIME))},
            mounts=[Mount(inside, folder, "bind", read_only=True) for folder, inside in interior.packages().items()],
            read_only=True, tmpfs={str(folder): scratch for folder in SCRATCH},
            network_mode="none", ipc_mode="none", cap_drop=["ALL"], security_opt=["no-new-privileges"],
            mem_limit=memory, memswap_limit=memory, pids_limit=limits.processes + 1,  # pid 1 is ours
            runtime=self._runtime or None, init=False, healthcheck={"test": ["NONE"]},
            stdin_open=True, auto_remove=True, log_config={"Type": "none"},  # a log would have no bound
        )  # fmt: skip

    def _end(self, container: Container) -> None:
        """Orders a container's removal without waiting for it. It is over before the next child is handed out."""
        self._dying.append(self._threads.submit(self._remove, container))

    def _remove(self, container: Container) -> None:
        with _engine_errors():
            _remove(container)
        self._running.pop(container.id, None)


class DockerChild:
    """One submission's container; `Child` of `autograder.sandbox`."""

    def __init__(self, sandbox: Docker, container: Container, channel: wire.Channel, born: float) -> None:
        self.channel = channel
        self.born = born  # monotonic
        self._sandbox, self._container = sandbox, container
        self._since = time.time()

    def out_of_memory(self) -> bool:
        """Whether the memory limit has ended a process of this submission."""
        # The engine's inspection tells only of pid 1, and nothing once the container has been removed.
        wanted = {"container": self._container.id, "event": "oom"}
        until = f"{time.time() + OOM_SECONDS:.3f}"
        with _engine_errors():
            events = self._container.client.events(since=f"{self._since:.3f}", until=until, filters=wanted)
            with contextlib.closing(events):
                return any(events)

    def kill(self) -> None:
        """Removes the container, and with it everything in it."""
        self.channel.sock.close()
        self._sandbox._end(self._container)


class Pump:
    """Carries bytes between an attach stream and a socket of ours, in threads that end with either of the two.

    It holds a piece of each direction and the end of standard error, however much the container sends.
    """

    def __init__(self, stream: socket.socket, ours: socket.socket) -> None:
        self._stream, self._ours = stream, ours
        self._errors = b""
        self._outward = threading.Thread(target=self._carry_out, name="docker stdout", daemon=True)
        self._inward = threading.Thread(target=self._carry_in, name="docker stdin", daemon=True)
        self._inward.start()
        self._outward.start()

    def last_error(self) -> str:
        """The last line that the container wrote on its standard error; waits until that has ended."""
        self._outward.join(5)
        lines = self._errors.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it gave no reason"

    def _carry_in(self) -> None:
        with contextlib.suppress(OSError):
            while piece := self._ours.recv(PIECE):
                self._stream.sendall(piece)
        self._part()

    def _carry_out(self) -> None:
        """The stream comes in frames: 1 for stdout or 2 for stderr, three zeros, a length, the bytes."""
        with contextlib.suppress(OSError), self._stream.makefile("rb") as frames:
            while len(head := frames.read(8)) == 8:
                left = int.from_bytes(head[4:], "big")
                while left and (piece := frames.read1(min(left, PIECE))):
                    left -= len(piece)
                    if head[0] == 1:
                        self._ours.sendall(piece)
                    else:
                        self._errors = (self._errors + piece)[-ERRORS:]
        self._part()
        self._inward.join()
        self._stream.close()
        self._ours.close()

    def _part(self) -> None:
        """Shuts both sockets down, so that both threads and both sides end."""
        for sock in (self._stream, self._ours):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _engine_errors() -> Iterator[None]:
    """Turns an error of the engine, or of the connection to it, into a GraderError of one line."""
    try:
        yield
    except APIError as error:
        raise GraderError(f"the Docker engine refuses: {error.explanation or error}") from None
    except (DockerException, requests.RequestException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise GraderError(
            f"no Docker engine answers ({reason}): start it, or name it in DOCKER_HOST; see `docker info`"
        ) from None


def _check(client: docker.DockerClient, image: str, made_by: str, runtime: str) -> None:
    """Raises GraderError when this engine cannot run the sandbox."""
    info: dict[str, Any] = client.info()
    if runtime and runtime not in info["Runtimes"]:
        known = ", ".join(sorted(info["Runtimes"]))
        raise GraderError(f"the Docker engine has no runtime {runtime!r}, it has: {known}")
    if not (info["MemoryLimit"] and info["PidsLimit"]):
        raise GraderError("the Docker engine cannot limit memory and processes: run it where it has the cgroups for it")
    try:
        client.images.get(image)
    except ImageNotFound:
        raise GraderError(f"the Docker engine has no image {image}: `{made_by}` brings it") from None


def _reap(client: docker.DockerClient) -> None:
    """Removes what killed graders have left: containers past their deadline, or whose grader has ended."""
    for container in client.containers.list(all=True, sparse=True, filters={"label": OWNER}):
        labels = container.attrs["Labels"]
        late = time.time() > float(labels.get(DEADLINE, 0)) + REAP_SECONDS
        if late or _is_gone(labels[OWNER]):
            _remove(container)


def _remove(container: Container) -> None:
    """Kills and removes a container; when this returns it is gone."""
    try:
        container.remove(force=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != 409:  # 409: the engine is about to remove it, because it has ended
            raise
        with contextlib.suppress(NotFound):
            container.wait(condition="removed")


def _owner(pid: int) -> str:
    """A name that only this process has: boot, PID namespace, pid and start (proc(5), stat, field 22)."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    namespace = os.stat("/proc/self/ns/pid").st_ino
    started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return f"{boot}/{namespace}/{pid}/{started}"


def _is_gone(owner: str) -> bool:
    """Whether the grader that a label names has ended, as far as this process can see."""
    boot, namespace, pid, _ = owner.split("/")
    if [boot, namespace] != _owner(os.getpid()).split("/")[:2]:
        return False
    try:
        return _owner(int(pid)) != owner
    except FileNotFoundError:
        return True


def _socket_of(stream: Any) -> socket.socket:
    """A socket of our own for the attach stream that the SDK has opened. The SDK's socket and its response refer to
    each other, and so would stay open until the next garbage collection."""
    sock = socket.socket(fileno=os.dup(stream.fileno()))
    sock.setblocking(True)  # the SDK's timeout is for answers
    stream._response.close()
    return sock
