"""The docker sandbox: what is its own. What it shares with bubblewrap: LLM101_SANDBOX=docker and tests/adversarial."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import msgspec
import nbformat
import pytest

from autograder import source
from autograder.errors import GraderError
from autograder.grading.grader import Grader
from autograder.grading.intake import SubmittedCell
from autograder.grading.report import Report
from autograder.grading.session import Session
from autograder.lab import Lab
from autograder.sandbox import Limits, choose
from autograder.sandbox import docker as docker_sandbox
from autograder.sandbox.docker import DEADLINE, OWNER, Docker, Pump
from tests.patience import eventually

MINI = Path(__file__).parent.parent / "labs" / "lab-90-mini"
SECRET = b"a secret of thirty-two bytes ..."


@pytest.fixture(scope="module")
def client(images: docker.DockerClient) -> docker.DockerClient:
    return images


@pytest.fixture(scope="module")
def image(images: docker.DockerClient) -> str:
    return choose.image(Lab.load(MINI))


@pytest.fixture
def start(image) -> Iterator[Callable[..., Docker]]:
    """start(spares=1): a sandbox that has to import little more than torch."""
    started = []

    def start(spares: int = 1) -> Docker:
        started.append(Docker(["torch"], Limits(memory_mb=256), image, "make image-05", spares=spares))
        return started[-1]

    yield start
    for sandbox in started:
        sandbox.close()


def containers(client: docker.DockerClient, pid: int | None = None, running: bool = False) -> set[str]:
    """The containers of a grader that runs, or ran, as `pid`: this process without. All of them, or those that run."""
    listed = client.containers.list(all=not running, sparse=True, filters={"label": OWNER})
    return {one.id for one in listed if one.attrs["Labels"][OWNER].split("/")[2] == str(pid or os.getpid())}


def test_every_child_has_a_container_of_its_own_and_none_outlives_it(client, start):
    sandbox = start()
    first = sandbox.spawn()
    first.kill()
    second = sandbox.spawn()
    assert first._container.id != second._container.id
    assert first._container.id not in containers(client)
    sandbox.close()
    assert containers(client) == set()


def test_spares_are_made_while_a_child_is_used(client, start):
    sandbox = start(spares=2)
    used = sandbox.spawn()._container.id
    assert eventually(lambda: len(containers(client) - {used}) == 2)


def test_closing_does_not_wait_for_a_container_that_is_being_made(client, start, monkeypatch):
    monkeypatch.setattr(docker_sandbox.interior, "python_options", lambda _: ["-c", "import time; time.sleep(1000)"])
    sandbox = start()
    assert eventually(lambda: client.containers.list(filters={"label": OWNER}))  # of those that run
    sandbox.close()
    assert containers(client) == set()
    assert "ended before it was ready" in str(sandbox._spares[0].exception())


def test_a_spare_that_has_waited_long_is_not_handed_out(start):
    sandbox = start()
    old = sandbox._spares[0].result()
    old.born -= docker_sandbox.MAX_AGE
    assert sandbox.spawn() is not old


def test_a_container_ends_at_its_deadline(client, start, monkeypatch):
    monkeypatch.setattr(docker_sandbox, "LIFETIME", 5.0)
    container = start().spawn()._container
    assert eventually(lambda: container.id not in containers(client))


def test_what_killed_graders_left_is_removed_and_what_others_use_is_not(client, image, start):
    here = docker_sandbox._owner(os.getpid())
    boot, namespace, pid, began = here.split("/")
    soon, past = str(time.time() + 600), str(time.time() - 600)
    labels = {
        "in use": (here, soon),
        "another namespace's, which we cannot see": (f"{boot}/1/{pid}/{began}", soon),
        "past its deadline": (f"{boot}/1/{pid}/{began}", past),
        "of a process that has ended": (f"{boot}/{namespace}/{2**22 + 1}/{began}", soon),
        "of a pid that is another process's by now": (f"{boot}/{namespace}/{pid}/1", soon),
    }
    made = {
        name: client.containers.create(image, ["true"], labels={OWNER: owner, DEADLINE: deadline})
        for name, (owner, deadline) in labels.items()
    }
    try:
        start()
        left = {one.id for one in client.containers.list(all=True, sparse=True)}
        assert {name for name, container in made.items() if container.id in left} == set(list(labels)[:2])
    finally:
        for container in made.values():
            docker_sandbox._remove(container)


KILLED = f"""
import sys
from pathlib import Path
from autograder.grading.grader import Grader
from autograder.grading.intake import SubmittedCell
from autograder.lab import Lab
from autograder.sandbox import choose
from autograder.grading.session import Session

choose.IMAGE = sys.argv[1]
with Grader(Lab.load(Path({str(MINI)!r})), b"x" * 32, "docker") as grader:
    cell = SubmittedCell(sys.argv[2], "softmax-solution", True, 1)
    session = Session(grader.sandbox, {{"mini": grader.program("mini", [cell])}}, 60, 60)
    print("started", flush=True)
    session.start_test("mini", "softmax", 1, 60)
"""
STUBBORN = """
import os, signal
for number in (1, 2, 15):
    signal.signal(number, signal.SIG_IGN)
os.fork()
while True: pass
"""


def busy(client: docker.DockerClient, container: str) -> bool:
    """Whether the student's code has forked: pid 1 and the keeper are in every container, and now one more."""
    try:
        return len(client.containers.get(container).top()["Processes"]) >= 3
    except docker.errors.APIError:  # it does not run yet
        return False


def test_when_the_grader_is_killed_its_containers_end_whatever_student_code_does(client, image, start):
    command = [sys.executable, "-c", KILLED, image, STUBBORN]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as grader:
        assert grader.stdout is not None
        assert grader.stdout.readline() == b"started\n"
        assert eventually(lambda: len(containers(client, grader.pid)) > 1)  # the submission's, and the spares
        assert eventually(lambda: any(busy(client, one) for one in containers(client, grader.pid)))
        grader.send_signal(signal.SIGKILL)
    assert eventually(lambda: containers(client, grader.pid, running=True) == set())
    start()  # a spare that was only being made has run nothing: the next grader removes it
    assert eventually(lambda: containers(client, grader.pid) == set())


def test_an_unknown_runtime_is_refused_with_those_that_there_are(image):
    with pytest.raises(GraderError, match=r"no runtime 'nonsense', it has: .*runc"):
        Docker(["torch"], Limits(), image, "make image-05", runtime="nonsense")


def test_a_missing_image_is_refused_with_the_command_that_makes_it(client):
    with pytest.raises(GraderError, match="no image llm101/none:cpu: `make image-05` brings it"):
        Docker(["torch"], Limits(), "llm101/none:cpu", "make image-05")


def test_an_engine_that_does_not_answer_is_one_clear_line(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(GraderError, match="no Docker engine answers") as raised:
        Docker(["torch"], Limits(), "llm101/none:cpu", "make image-05")
    assert "\n" not in str(raised.value)


def test_a_container_that_cannot_start_says_why(image):
    with (
        Docker(["no_such_module"], Limits(), image, "make image-05") as sandbox,
        pytest.raises(GraderError, match="No module named 'no_such_module'"),
    ):
        sandbox.spawn()


@pytest.fixture
def stream() -> Iterator[tuple[socket.socket, socket.socket, Pump]]:
    """The engine's end of an attach stream, the grader's channel, and the pump between them."""
    engine, theirs = socket.socketpair()
    channel, ours = socket.socketpair()
    with engine, channel:
        yield engine, channel, Pump(theirs, ours)


def frame(kind: int, content: bytes) -> bytes:
    return bytes([kind, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


def test_the_pump_carries_both_ways_and_keeps_the_end_of_standard_error(stream):
    engine, channel, pump = stream
    channel.sendall(b"question")
    assert engine.recv(100) == b"question"
    noise = b"x" * 100_000 + b"\nthe last line\n"
    engine.sendall(frame(1, b"ans") + frame(2, noise) + frame(1, b"wer"))
    assert channel.recv(6, socket.MSG_WAITALL) == b"answer"
    engine.close()
    assert channel.recv(1) == b""
    assert pump.last_error() == "the last line"
    assert len(pump._errors) <= docker_sandbox.ERRORS


def test_the_pump_takes_no_more_than_is_read(stream):
    engine, channel, _ = stream
    engine.sendall(b"\1\0\0\0\xff\xff\xff\xff")  # announces 4 GiB
    engine.settimeout(1)
    sent = 0
    with pytest.raises(TimeoutError):
        while True:
            sent += engine.send(bytes(1 << 16))
    assert sent < 4 << 20
    assert channel.recv(1 << 16)


def test_the_pump_s_threads_end_when_the_grader_lets_go(stream):
    engine, channel, pump = stream
    channel.close()
    assert engine.recv(1) == b""
    pump._outward.join(5)
    assert not {pump._outward, pump._inward} & set(threading.enumerate())


def test_student_code_can_neither_end_nor_open_pid_1(graders):
    body = """
import os, signal
from pathlib import Path
def softmax(x, dim):
    for number in range(1, 65):
        os.kill(1, number)
    opened = []
    for name in ("mem", "environ", "maps", "fd/0", "fd/1", "root", "cwd"):
        try:
            os.close(os.open(f"/proc/1/{name}", os.O_RDONLY))
            opened.append(name)
        except OSError:
            pass
    return opened
"""
    grader = graders[0]
    cell = SubmittedCell(body, "softmax-solution", True, 1)
    session = Session(grader.sandbox, {"mini": grader.program("mini", [cell])}, 60.0, 60.0)
    session.start_test("mini", "softmax", 1, 20.0)
    try:
        assert session.request("call", "softmax", [0, 0], {}) == []
    finally:
        session.close()


def grade(grader: Grader, folder: Path, softmax: str) -> Report:
    node = source.reference(grader.lab, "mini")
    for cell in node.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "softmax-solution":
            cell.source = softmax
    nbformat.write(node, folder / "mini.ipynb")
    return grader.grade(folder / "mini.ipynb")


SUBMISSIONS = {
    "right": "def softmax(x, dim):\n    return torch.softmax(x, dim)",
    "wrong": "def softmax(x, dim):\n    return x.exp() / x.exp().sum(0)",
    "raises": "def softmax(x, dim):\n    raise ValueError('no')",
    "exits": "import os\ndef softmax(x, dim):\n    os._exit(3)",
    "hoards": "def softmax(x, dim):\n    hoard = []\n    while True: hoard.append(bytearray(1 << 24))",
}


@pytest.fixture(scope="module")
def graders(image) -> Iterator[list[Grader]]:
    lab = Lab.load(MINI)
    lab.limits = msgspec.structs.replace(lab.limits, seconds_floor=20, seconds_total=120)  # a bomb takes its time
    with Grader(lab, SECRET, "docker") as contained, Grader(lab, SECRET, "bubblewrap") as bubblewrapped:
        yield [contained, bubblewrapped]


@pytest.mark.parametrize("submission", SUBMISSIONS)
def test_a_report_is_bubblewrap_s_to_the_bit(graders, tmp_path, submission):
    reports = [grade(grader, tmp_path, SUBMISSIONS[submission]) for grader in graders]
    for report, name in zip(reports, ("docker", "bubblewrap"), strict=True):
        assert report.sandbox == name
        report.seconds, report.sandbox = 0.0, ""
        for test in (test for problem in report.problems for test in problem.tests):
            test.seconds = 0.0
    assert msgspec.to_builtins(reports[0]) == msgspec.to_builtins(reports[1])


def test_a_process_that_hoards_is_ended_for_its_memory(graders, tmp_path):
    report = grade(graders[0], tmp_path, SUBMISSIONS["hoards"])
    outcomes = {test.outcome for problem in report.problems for test in problem.tests if problem.id == "softmax"}
    assert outcomes == {"memory"}


def test_the_core_of_the_attacks_is_held_in_it(image):
    """What a sandbox must withhold; the whole of tests/adversarial runs by hand with LLM101_SANDBOX=docker."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "isolation", "tests/adversarial"]
    environment = {**os.environ, choose.VARIABLE: "docker"}
    done = subprocess.run(command, cwd=MINI.parents[2], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
