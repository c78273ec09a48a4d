"""What a killed grader leaves on the host ends with the next one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.sandbox import Limits, leftovers
from autograder.sandbox.bubblewrap import STAGES, Bubblewrap
from autograder.sandbox.cgroup import Cgroup

DIE = """
import os, signal
from autograder.sandbox import Limits
from autograder.sandbox.bubblewrap import Bubblewrap
sandbox = Bubblewrap(["torch"], Limits(memory_mb=256))
sandbox.spawn()
os.kill(os.getpid(), signal.SIGKILL)
"""


def left_by(pid: int) -> list[Path]:
    return [*STAGES.glob(f"llm101-{pid}-*"), *Path("/sys/fs/cgroup").glob(f"**/llm101-{pid}-*")]


def test_only_empty_folders_of_processes_that_have_ended_are_removed(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    names = [f"llm101-{gone.pid}-1", f"llm101-{gone.pid}-full", f"llm101-{os.getpid()}-1", "llm101-user-x", "other"]
    for name in names:
        (tmp_path / name).mkdir()
    (tmp_path / names[1] / "file").touch()
    leftovers.sweep([tmp_path])
    assert {folder.name for folder in tmp_path.iterdir()} == set(names[1:])


def test_the_next_sandbox_removes_what_a_killed_grader_left():
    if os.geteuid() and Cgroup.create(1 << 20, 1) is None:
        pytest.skip("an ordinary user without control groups leaves nothing")
    with subprocess.Popen([sys.executable, "-c", DIE]) as grader:
        grader.wait()
    assert left_by(grader.pid)
    Bubblewrap(["torch"], Limits(memory_mb=256)).close()
    assert not left_by(grader.pid)
