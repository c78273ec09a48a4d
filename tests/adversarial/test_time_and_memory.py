"""Time and memory: what a submission takes is bounded, and taking it costs its own problem only."""

import threading
import time

import psutil
import pytest

LOOPS = {
    "counts": "while True: pass",
    "swallows everything": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "sleeps": "time.sleep(10_000)",
    "waits for itself": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "computes in C": "pow(3, 10 ** 9)",
    "backtracks": "import re; re.match('(a+)+$', 'a' * 64 + 'b')",
    "waits for a pipe": "os.read(os.pipe()[0], 1)",
    "multiplies on": "m = torch.ones(2000, 2000)\nwhile True: m = m @ m",
}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_call_without_end_is_a_timeout(arena, loop):
    assert arena.outcomes(arena.disrupt(LOOPS[loop])) == {"timeout"}


def test_a_submission_that_is_slow_everywhere_has_a_total(arena):
    slow = """
answer = objects.Objects._answer
def late(*args):
    time.sleep(0.9)
    answer(*args)
objects.Objects._answer = late
time.sleep(2.5)
"""
    arena.cheat(slow)


def test_the_time_of_one_test_is_not_that_of_the_next(arena):
    # The first call is slow, but in time; what it used is not taken from the others.
    report = arena.disrupt("time.sleep(0.3)")
    assert report.score == 16


# Shared memory lives until the last page of it is unmapped, and only that page shows in the process.
MAPPED = """
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
for _ in range(40):
    size = 1 << 26
    start = libc.mmap(None, ctypes.c_size_t(size), 3, {flags}, {file}, ctypes.c_size_t(0))
    if start == ctypes.c_void_p(-1).value:
        raise MemoryError
    ctypes.memset(start, 1, size)
    libc.munmap(start + 4096, size - 4096)
time.sleep(60)
"""

BOMBS = {
    "of lists": "hoard = []\nwhile True: hoard.append(bytearray(1 << 24))",
    "of one tensor": "torch.ones(1 << 30)",
    "of tensors": "hoard = []\nwhile True: hoard.append(torch.ones(1 << 22))",
    "shared": """
import mmap
hoard = []
while True:
    hoard.append(mmap.mmap(-1, 1 << 26))
    hoard[-1].write(bytes(1 << 26))
""",
    "of files that are mapped": """
import mmap
f = open('/dev/shm/x', 'w+b')
f.truncate(60 << 20)
mmap.mmap(f.fileno(), 0).write(bytes(60 << 20))
""",
    "of many processes": """
for _ in range(12):
    if os.fork() == 0:
        hoard = bytearray(os.urandom(1 << 10)) * (100 << 10)
        time.sleep(60)
time.sleep(60)
""",
    "of many processes that cannot be looked at": """
for _ in range(12):
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(4, 0)
        hoard = bytearray(os.urandom(1 << 10)) * (100 << 10)
        time.sleep(60)
time.sleep(60)
""",
    "of shared memory that stays mapped by one page": MAPPED.format(file=-1, flags=0x21),
    "of a device that stays mapped by one page": MAPPED.format(file="os.open('/dev/zero', 2)", flags=0x01),
    "of text": "text = 'x'\nwhile True: text += text",
    "of numbers": "n = 3\nwhile True: n *= n",
    "of frames": "sys.setrecursionlimit(10 ** 9)\ndef f(): return f()\nf()",
    "of nested calls": "def f(): return f()\nf()",
    "of nested objects": "sys.setrecursionlimit(10 ** 9)\nv = []\nfor _ in range(10 ** 6): v = [v]\nrepr(v)",
    "of pipes": """
hoard = []
try:
    while True:
        hoard.append(os.pipe())
        os.set_blocking(hoard[-1][1], False)
        os.write(hoard[-1][1], bytes(1 << 16))
except OSError:
    time.sleep(60)
""",
}


@pytest.mark.limits
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_memory_bomb_ends_in_its_own_problem(arena, bomb):
    assert arena.outcomes(arena.disrupt(BOMBS[bomb])) <= {"memory", "crashed", "error", "timeout"}


@pytest.mark.alone
@pytest.mark.limits
@pytest.mark.parametrize("bomb", [name for name in BOMBS if "process" in name or "mapped" in name])
def test_what_is_held_stays_near_the_limit(arena, grader, bomb):
    """Sampled from outside, by what the machine has left: nothing that the bomb does changes how we count."""
    lowest = start = psutil.virtual_memory().available
    stop = False

    def sample():
        nonlocal lowest
        while not stop:
            lowest = min(lowest, psutil.virtual_memory().available)
            time.sleep(0.01)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        arena.disrupt(BOMBS[bomb])
    finally:
        stop = True
        thread.join()
    assert (start - lowest) >> 20 < grader.lab.limits.memory_mb + 512


@pytest.mark.limits
def test_a_memory_bomb_at_load_costs_what_needs_the_cell(arena):
    report = arena.disrupt(at_load=BOMBS["of lists"])
    assert arena.outcomes(report) <= {"memory", "error"}


@pytest.mark.isolation
def test_output_costs_nothing(arena):
    body = "for _ in range(200):\n    print('x' * (1 << 19))\n    os.write(2, b'x' * (1 << 19))"
    assert arena.disrupt(body).score == 16


@pytest.mark.parametrize("body", ["while True: yield 1", "yield bytes(1 << 24); yield bytes(1 << 24)"])
def test_an_iterator_is_bounded(arena, body):
    report = arena.disrupt(softmax=f"def softmax(x, dim):\n    {body}")
    assert "passed" not in arena.outcomes(report)
