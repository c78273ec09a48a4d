"""Becomes an unprivileged user and then bubblewrap. Run as `python launch.py JSON`, as root only.

If root started bubblewrap, it would keep root's uid, which owns the files of the host and for which the kernel does not
count processes. So root first drops to a uid that nobody else has. That uid may not reach the interpreter (under a 0700
home, say), so each source is first bound to a folder that it can reach, in a mount namespace of this process's own.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from autograder.sandbox import interior
from autograder.worker import kernel


def main(plan: dict[str, Any]) -> None:
    """`plan`: `binds` ([source, target] pairs), bubblewrap's words `before` and `after` them, a folder `stage`."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    stage = Path(plan["stage"])
    kernel.mount("tmpfs", str(stage), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=0755")
    arguments = list(plan["before"])
    for number, (source, target) in enumerate(plan["binds"]):
        staged = stage / str(number)
        staged.mkdir() if Path(source).is_dir() else staged.touch()
        kernel.mount(source, str(staged), flags=kernel.MS_BIND | kernel.MS_REC)
        arguments += ["--ro-bind", str(staged), target]
    os.setgroups([])
    os.setresgid(interior.USER_ID, interior.USER_ID, interior.USER_ID)
    os.setresuid(interior.USER_ID, interior.USER_ID, interior.USER_ID)
    os.execvp(arguments[0], arguments + plan["after"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
