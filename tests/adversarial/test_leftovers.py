"""One submission leaves nothing for the next, nor one problem for the next: what the first plants the second misses."""

import os

import pytest

from tests.patience import eventually

# Traces that a submission may try to leave, each with how to look for it (an expression).
TRACES = {
    "a file in /tmp": ("Path('/tmp/trace').write_text('x')", "os.listdir('/tmp')"),
    "a file at home": ("Path('trace').write_text('x')", "os.listdir()"),
    "a file in /dev/shm": ("Path('/dev/shm/trace').write_text('x')", "os.listdir('/dev/shm')"),
    "a module": ("sys.modules['trace_'] = sys", "'trace_' in sys.modules"),
    "a patched library": (
        "torch.trace_ = True; wire.trace_ = True",
        "hasattr(torch, 'trace_') or hasattr(wire, 'trace_')",
    ),
    "a variable of the environment": ("os.environ['TRACE'] = 'x'", "'TRACE' in os.environ"),
    "a default of torch": (
        "torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False)",
        "torch.get_default_dtype() != torch.float32 or not torch.is_grad_enabled()",
    ),
    "a process": (
        "os.fork() or (os.setsid(), os.fork() or time.sleep(60))",
        "strangers()",
    ),
    "an abstract socket": (
        "keep = socket.socket(socket.AF_UNIX); keep.bind('\\0trace'); keep.listen(); os.fork() or time.sleep(60)",
        "'trace' in Path('/proc/net/unix').read_text()",
    ),
    "a listening port": (
        "keep = socket.socket(); keep.bind(('0.0.0.0', 4242)); keep.listen(); os.fork() or time.sleep(60)",
        "'1092' in Path('/proc/net/tcp').read_text()",
    ),
    "a pseudo terminal": (
        "keep = os.open('/dev/ptmx', os.O_RDWR); os.fork() or time.sleep(60)",
        "os.listdir('/dev/pts') not in ([], ['ptmx'])",
    ),
    "a lock on a shared file": (
        "import fcntl\n    fcntl.flock(os.open(wire.__file__, 0), fcntl.LOCK_SH)\n    os.fork() or time.sleep(60)",
        "locked()",
    ),
    "a POSIX semaphore": ("ctypes.CDLL(None).sem_open(b'/trace', 64, 0o600, 1)", "os.listdir('/dev/shm')"),
    "a POSIX message queue": (
        "ctypes.CDLL(None).mq_open(b'/trace', 66, 0o600, None)",
        "ctypes.CDLL(None).mq_open(b'/trace', 0) != -1",
    ),
    "System V objects": (
        "libc = ctypes.CDLL(None); libc.shmget(1, 9, 0o1600); libc.semget(1, 1, 0o1600); libc.msgget(1, 0o1600)",
        "[k for k in ('shm', 'sem', 'msg') if len(Path('/proc/sysvipc/' + k).read_text().splitlines()) > 1]",
    ),
    "a changed limit": (
        "resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))",
        "resource.getrlimit(resource.RLIMIT_NOFILE) == (9, 9)",
    ),
    "a host name": ("ctypes.CDLL(None).sethostname(b'trace', 5)", "'trace' in socket.gethostname()"),
    "a changed time": ("os.utime(wire.__file__, (1, 1))", "os.stat(wire.__file__).st_mtime == 1"),
    "a key": (
        "ctypes.CDLL(None).syscall(248, b'user', b'trace', b'x', 1, -4)",
        "ctypes.CDLL(None).syscall(249, b'user', b'trace', None, 0) != -1",
    ),
}  # fmt: skip
HELPERS = """
def locked():
    import fcntl
    with open(wire.__file__) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except OSError:
            return True
"""


@pytest.mark.parametrize("trace", TRACES)
def test_the_next_submission_finds_no_trace(probe, trace):
    plant, look = TRACES[trace]
    probe(f"try:\n    {plant}\nexcept OSError:\n    pass\nreturn True")
    assert not probe(f"{HELPERS}\nreturn {look}")


@pytest.mark.parametrize("trace", [name for name in TRACES if name != "a host name"])
def test_the_next_problem_finds_no_trace(arena, trace):
    plant, look = TRACES[trace]
    plant = plant.replace("\n    ", "\n")
    attention = f"{HELPERS}\ndef attention(q, k, v):\n    found = {look}\n    assert not found, found\n" + (
        "    return torch.einsum('ts,sd->td', torch.einsum('td,sd->ts', q, k).mul(q.shape[-1] ** -0.5).softmax(-1), v)"
    )
    body = "\n".join(f"        {line}" for line in plant.splitlines())
    attack = f"    try:\n{body}\n    except OSError:\n        pass"
    softmax = f"{arena.tools}\ndef softmax(x, dim):\n{attack}\n    return torch.softmax(x, dim)"
    report = arena.grade(arena.notebook(True, {"softmax-solution": softmax, "attention-solution": attention}))
    assert {problem.id: problem.score for problem in report.problems}["attention"] == 6, report


@pytest.mark.isolation
def test_random_numbers_are_not_those_of_the_submission_before(probe):
    numbers = "import random\nreturn random.random(), numpy.random.rand(), torch.rand(1).item(), os.urandom(8)"
    first, second = probe(numbers), probe(numbers)
    assert first[:3] == second[:3]  # seeded, so that a regrade is equal
    assert first[3] != second[3]


@pytest.mark.isolation
def test_a_submission_does_not_see_another_s_channel(probe):
    assert probe("return sorted(int(name) for name in os.listdir('/proc/self/fd'))[:4]") == [0, 1, 2, 3]
    links = probe("return [os.readlink(f'/proc/self/fd/{n}') for n in range(4)]")
    assert links[:3] == ["/dev/null"] * 3
    assert links[3].startswith("socket:")


def test_the_grader_s_descriptors_and_files_do_not_pile_up(arena, settle):
    def held():
        settle()
        return len(os.listdir("/proc/self/fd"))

    arena.disrupt("os._exit(0)")
    before = held()
    for _ in range(3):
        arena.disrupt("os._exit(0)")
    assert eventually(lambda: held() <= before)
