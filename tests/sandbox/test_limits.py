"""The guards of memory: the control group for root, the watchdog for everybody else."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from autograder.sandbox import Limits, memory, seccomp
from autograder.sandbox.bubblewrap import Bubblewrap
from autograder.sandbox.cgroup import Cgroup
from autograder.sandbox.memory import Watchdog
from tests.patience import PATIENCE, eventually

HOG = "import sys, time\nx = bytearray(b'x' * (int(sys.argv[1]) << 20))\nprint('held', flush=True)\ntime.sleep(30)"
FORKS = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        x = bytearray(b"x" * (40 << 20))
        time.sleep(30)
time.sleep(30)
"""
MANY = """
import os, sys, time
sys.stdin.readline()
try:
    for _ in range(9): os.fork() or time.sleep(60)
except OSError:
    sys.exit(42)
"""


@pytest.fixture
def start():
    started = []

    def run(source, *arguments):
        command = [sys.executable, "-c", source, *map(str, arguments)]
        process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def test_the_watchdog_ends_what_holds_too_much(start):
    hog = start(HOG, 200)
    watchdog = Watchdog(hog.pid, 100 << 20)
    assert hog.wait(PATIENCE) == -9
    assert watchdog.out_of_memory()
    watchdog.stop()


def test_the_watchdog_counts_children_together(start):
    parent = start(FORKS)
    watchdog = Watchdog(parent.pid, 100 << 20)
    assert parent.wait(PATIENCE) == -9
    assert watchdog.out_of_memory()
    watchdog.stop()


def test_the_watchdog_leaves_alone_what_holds_little(start, monkeypatch):
    look, seen = memory._held, []
    monkeypatch.setattr(memory, "_held", lambda pid: seen.append(held := look(pid)) or held)
    modest = start(HOG, 10)
    watchdog = Watchdog(modest.pid, 500 << 20)
    assert eventually(lambda: max(seen, default=0) > 10 << 20)
    watchdog.stop()
    assert modest.poll() is None
    assert not watchdog.out_of_memory()


@pytest.fixture
def group():
    group = Cgroup.create(64 << 20, 5)
    if group is None:
        pytest.skip("no control group can be written here")
    yield group
    group.remove()
    assert not any(folder.exists() for folder in group.folders.values())


def test_the_group_ends_what_holds_too_much(group, start):
    hog = start(f"import sys\nsys.stdin.readline()\n{HOG}", 200)
    group.add(hog.pid)
    hog.stdin.write("go\n")
    hog.stdin.flush()
    assert hog.wait(PATIENCE) == -9
    assert group.out_of_memory()


def test_the_group_bounds_processes(group, start):
    forks = start(MANY)
    group.add(forks.pid)
    forks.communicate("go\n", PATIENCE)
    assert forks.returncode == 42
    assert not group.out_of_memory()


def test_the_filter_is_a_program_for_the_kernel():
    program = seccomp.compiled_filter()
    assert len(program) % 8 == 0
    assert 8 <= len(program) <= 4096 * 8


def test_closing_the_sandbox_leaves_no_process_no_group_and_no_folder():
    def groups():
        return set(Path("/sys/fs/cgroup").glob(f"**/llm101-{os.getpid()}-*"))

    before = set(psutil.Process().children(recursive=True))
    groups_before = groups()
    with Bubblewrap(["torch"], Limits(memory_mb=256)) as sandbox:
        children = [sandbox.spawn() for _ in range(3)]
        for child in children:
            child.kill()
        assert len({child._pid for child in children}) == 3
    _, alive = psutil.wait_procs(set(psutil.Process().children(recursive=True)) - before, timeout=PATIENCE)
    assert not alive
    assert sandbox._stage is None or not Path(sandbox._stage).exists()
    assert groups() <= groups_before
