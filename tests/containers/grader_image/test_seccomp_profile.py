"""The grader's seccomp profile: nothing that student code is refused is open without need."""

import json
from pathlib import Path

from autograder.sandbox import seccomp

PROFILE = json.loads((Path(__file__).resolve().parents[3] / "images" / "grader" / "seccomp.json").read_text())
# Taken by bubblewrap and the template to make the sandbox ...
MAKES_A_SANDBOX = {"mount", "umount2", "pivot_root", "chroot", "setns", "unshare", "sethostname"}
# ... and what only lets student code hide memory from its limits.
HIDES_MEMORY = {"memfd_create", "shmget", "msgget", "semget", "vmsplice"}
HARMLESS = {"personality"}  # setarch and some allocators call it


def test_it_refuses_what_student_code_is_refused_but_what_the_sandbox_is_made_of():
    (rule,) = PROFILE["syscalls"]
    assert PROFILE["defaultAction"] == "SCMP_ACT_ALLOW"
    assert rule["action"] == "SCMP_ACT_ERRNO"
    assert set(seccomp._DENIED) - set(rule["names"]) == MAKES_A_SANDBOX | HIDES_MEMORY | HARMLESS
