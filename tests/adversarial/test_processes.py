"""Processes, signals, system calls and the network: nothing reaches out of a submission, nothing survives it."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import psutil
import pytest

from tests.patience import PATIENCE, eventually

MINI = Path(__file__).parent.parent / "labs" / "lab-90-mini"


@pytest.mark.isolation
def test_a_submission_sees_no_process_but_its_own(probe):
    assert probe("return sorted(os.listdir('/proc'), key=len)[:3], os.getppid()") is not None
    assert probe("return strangers()") == set()


@pytest.mark.isolation
def test_it_has_no_capabilities_and_cannot_get_any(probe):
    status = probe("return dict(line.split(':\\t', 1) for line in Path('/proc/self/status').read_text().splitlines())")
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert set(status["Uid"].split()) <= {"1000", "64101"}


SYSTEM_CALLS = {
    "ptrace": "libc.ptrace(16, 1, 0, 0)",
    "process_vm_readv": "libc.process_vm_readv(1, None, 0, None, 0, 0)",
    "bpf": "libc.syscall(321, 0, None, 0)",
    "perf_event_open": "libc.syscall(298, None, 0, -1, -1, 0)",
    "io_uring_setup": "libc.syscall(425, 8, ctypes.create_string_buffer(120))",
    "userfaultfd": "libc.syscall(323, 1)",
    "memfd_create": "libc.memfd_create(b'x', 0)",
    "keyctl": "libc.syscall(250, 0, -3, 1)",
    "add_key": "libc.syscall(248, b'user', b'x', b'y', 1, -3)",
    "a user namespace": "libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)",
    "clone3": "libc.syscall(435, None, 0)",
    "System V shared memory": "libc.shmget(0, 4096, 0o1600)",
    "System V messages": "libc.msgget(0, 0o1600)",
    "System V semaphores": "libc.semget(0, 1, 0o1600)",
    "reboot": "libc.reboot(0)",
    "sethostname": "libc.sethostname(b'x', 1)",
    "setuid": "libc.setuid(0)",
    "a raw socket": "socket_number(2, 3, 1)",
    "a packet socket": "socket_number(17, 3, 768)",
    "a netlink socket": "socket_number(16, 3, 0)",
    "a vsock": "socket_number(40, 1, 0)",
    "a vsock with high bits": "libc.syscall(41, ctypes.c_ulong(40 | 1 << 32), 1, 0)",
    "an AF_ALG socket": "socket_number(38, 5, 0)",
}


@pytest.fixture(scope="module")
def answers(probe) -> dict[str, int]:
    """What the system calls return, all in one submission."""
    each = "\n".join(f"answers[{call!r}] = {code}" for call, code in SYSTEM_CALLS.items())
    return probe(
        f"libc, answers = ctypes.CDLL(None, use_errno=True), {{}}\nsocket_number = libc.socket\n{each}\nreturn answers"
    )


@pytest.mark.isolation
@pytest.mark.parametrize("call", SYSTEM_CALLS)
def test_a_system_call_that_reaches_the_kernel_without_need_is_refused(answers, call):
    assert answers[call] == -1


def test_the_32_bit_system_calls_are_no_way_around(arena):
    # mov eax, 20 (getpid of i386); int 0x80; ret
    body = """
import mmap
code = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
code.write(bytes.fromhex("b814000000cd80c3"))
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
"""
    assert arena.outcomes(arena.disrupt(body)) == {"crashed"}


@pytest.mark.isolation
def test_no_network_not_even_the_host_s_loopback(probe):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        body = """
reached = []
for family, address in ((2, ("127.0.0.1", args[0])), (2, ("8.8.8.8", 53)), (10, ("::1", args[0]))):
    sock = socket.socket(family)
    sock.settimeout(1)
    try:
        sock.connect(address)
        reached.append(address)
    except OSError:
        pass
return reached, [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
"""
        reached, interfaces = probe(body, server.getsockname()[1])
        assert reached == []
        assert interfaces in ([], ["lo"])
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.isolation
def test_no_abstract_or_named_socket_of_the_host(probe, tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0llm101-adversarial")
        server.listen()
        body = "s = socket.socket(socket.AF_UNIX)\nreturn s.connect_ex('\\0llm101-adversarial')"
        assert probe(body) != 0


DISRUPTIONS = {
    "exits at once": ("os._exit(0)", {"crashed"}),
    "exits as if by a test": ("sys.exit(0)", {"error"}),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", {"crashed"}),
    "stops itself": ("os.kill(os.getpid(), signal.SIGSTOP)", {"timeout"}),
    "kills all it sees": ("os.kill(-1, signal.SIGKILL)", {"passed", "error"}),
    "kills and stops pid 1": ("for s in (9, 19, 15, 2, 1): os.kill(1, s)", {"passed", "crashed"}),
    "breaks a pointer": ("ctypes.string_at(0)", {"crashed"}),
    "aborts": ("os.abort()", {"crashed"}),
    "starts processes without end": (
        "try:\n    while True:\n        if os.fork() == 0: time.sleep(60)\nexcept OSError:\n    pass",
        {"passed", "crashed", "memory"},
    ),
    "starts processes that start processes": ("while True:\n    try: os.fork()\n    except OSError: pass", {"timeout"}),
    "starts threads without end": (
        "try:\n    while True: threading.Thread(target=time.sleep, args=[60], daemon=True).start()\n"
        "except RuntimeError:\n    pass",
        {"passed", "error", "memory"},
    ),
    "closes everything": ("os.closerange(0, 1 << 16)", {"crashed"}),
    "raises every limit": (
        "for kind in range(16):\n    try: resource.setrlimit(kind, (-1, -1))\n    except (OSError, ValueError): pass",
        {"passed"},
    ),
    "lowers every limit": (
        "for kind in range(16):\n    try: resource.setrlimit(kind, (0, 0))\n    except (OSError, ValueError): pass",
        {"crashed", "error", "memory", "passed"},
    ),
    "ignores every signal": (
        "for s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
        "while True:\n    pass",
        {"timeout"},
    ),
    "hides from the watchdog": ("ctypes.CDLL(None).prctl(4, 0)", {"passed"}),
}  # fmt: skip


@pytest.mark.limits
@pytest.mark.parametrize("disruption", DISRUPTIONS)
def test_what_a_process_does_to_itself_costs_its_own_problem_only(arena, disruption):
    body, expected = DISRUPTIONS[disruption]
    assert arena.outcomes(arena.disrupt(body)) <= expected


def test_a_daemon_that_answers_for_the_next_problem_gains_nothing(arena):
    daemon = """
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    while True:
        request, _ = wire.Channel(socket.socket(fileno=os.dup(3))).receive(wire.Request)
        forge(id=request.id, value=True)
"""
    indented = daemon.replace("\n", "\n    ")
    hostile = f"{arena.tools}\ndef softmax(x, dim):\n    {indented}\n    return torch.softmax(x, dim)"
    assert arena.grade(arena.notebook(solved=False, cells={"softmax-solution": hostile})).score <= 4


AT_LOAD = {
    "exits": "os._exit(0)",
    "raises SystemExit": "raise SystemExit(0)",
    "breaks a pointer": "ctypes.string_at(0)",
    "loops": "while True: pass",
    "sleeps": "time.sleep(1000)",
}


@pytest.mark.parametrize("attack", AT_LOAD)
def test_a_cell_that_ends_the_process_at_load_costs_what_needs_it(arena, attack):
    report = arena.disrupt(at_load=AT_LOAD[attack])
    assert "passed" not in arena.outcomes(report)


KEEPERS = {
    "that forbids to wait for children": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "with an alarm": "signal.alarm(1)",
    "that patches fork": "os.fork = lambda: 0",
    "that patches the worker": "objects.Objects._answer = lambda self, request, blob: reply(True)",
    "that patches packing": "wire.pack = lambda *a: (msgspec.Raw(msgspec.msgpack.encode(1.0)), b'')",
    "that patches the keeper": "child.Keeper._run_worker = lambda self, request: forge(id=request.id)",
    "with a bad pulse": "threading.Thread(target=lambda: (time.sleep(0.3), os._exit(0))).start()",
    "with threads that fork": """
threading.Thread(target=lambda: [os.fork() or time.sleep(9) for _ in range(99)]).start()
""",
}


@pytest.mark.parametrize("keeper", KEEPERS)
def test_a_changed_keeper_gains_nothing(arena, keeper):
    arena.cheat(KEEPERS[keeper])


@pytest.mark.limits
def test_no_process_and_no_group_outlives_its_submission(arena, bubblewrap):
    def processes():
        template = psutil.Process(bubblewrap._process.pid)
        return {process.pid for process in template.children(recursive=True)}

    def groups():
        """Of this process, but for the spare child's: this sandbox's that were left, and those of other graders."""
        spare = bubblewrap._spare.cgroup
        found = set(Path("/sys/fs/cgroup").glob(f"**/llm101-{os.getpid()}-*"))
        return found - set(spare.folders.values() if spare else ())

    others = groups()
    arena.disrupt("for _ in range(10):\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(1000)")
    bubblewrap._bury()
    assert eventually(lambda: len(processes()) <= 3)  # the template and the spare child, at most while it is being made
    assert groups() <= others


@pytest.mark.limits
def test_when_the_grader_is_killed_everything_ends(bubblewrap):
    script = f"""
        import nbformat, sys
        from pathlib import Path
        from autograder.grading.grader import Grader
        from autograder.grading.intake import SubmittedCell
        from autograder.lab import Lab
        from autograder.grading.session import Session
        with Grader(Lab.load(Path({str(MINI)!r})), b"x" * 32) as grader:
            text = "import os\\ndef loop():\\n    os.fork()\\n    while True: pass"
            cell = SubmittedCell(text, "softmax-solution", True, 1)
            session = Session(grader.sandbox, {{"mini": grader.program("mini", [cell])}}, 60, 60)
            session.start_test("mini", "softmax", 1, 60)
            print("started", flush=True)
            session.request("call", "loop", [], {{}})
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE) as grader:
        assert grader.stdout.readline() == b"started\n"
        assert eventually(lambda: len(psutil.Process(grader.pid).children(recursive=True)) >= 5)
        family = psutil.Process(grader.pid).children(recursive=True)
        grader.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert not alive


def test_the_grader_s_own_threads_do_not_pile_up(arena, settle):
    def running():
        settle()
        return sum(not thread.name.startswith("docker sandbox") for thread in threading.enumerate())  # a pool of six

    before = running()
    for _ in range(3):
        arena.disrupt("os._exit(0)")
    assert eventually(lambda: running() <= before + 1)
