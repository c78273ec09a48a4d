"""Runs pytest as an ordinary user: `sudo .venv/bin/python tests/adversarial/run_as_user.py [PYTEST ARGUMENTS]`.

For root only, CI mostly. What the tests need (this repository, the virtual environment, its interpreter) often stands
in folders that only root may enter, /root say. So they are shown to the user at their own places, in a mount namespace
of this process's own; nothing on disk changes. The user has no name, no group and no writable folder but a new one.
"""

import os
import sys
import tempfile
from pathlib import Path

from autograder.worker import kernel

USER_ID = 64102  # no account has it
REPOSITORY = Path(__file__).resolve().parent.parent.parent


def main(arguments: list[str]) -> None:
    """Becomes pytest. Does not return."""
    home = Path(tempfile.mkdtemp(prefix="llm101-user-"))
    os.chown(home, USER_ID, USER_ID)
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    show([REPOSITORY, Path(sys.prefix), Path(sys.base_prefix)])
    os.setgroups([])
    os.setresgid(USER_ID, USER_ID, USER_ID)
    os.setresuid(USER_ID, USER_ID, USER_ID)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    os.chdir(REPOSITORY)
    chosen = arguments or ["tests/adversarial", "tests/sandbox"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *chosen]
    os.execve(command[0], command, environment)


def show(folders: list[Path]) -> None:
    """Covers the folders that others may not enter with empty ones that they may, with only `folders` in them."""
    closed = {top for folder in folders if (top := _closed(folder))}
    stage = Path(tempfile.mkdtemp(prefix="llm101-stage-"))
    kernel.mount("tmpfs", str(stage), "tmpfs", options="size=1m,mode=0755")
    hidden = [folder for folder in folders if _closed(folder)]
    for number, folder in enumerate(hidden):
        (stage / str(number)).mkdir()
        kernel.mount(str(folder), str(stage / str(number)), flags=kernel.MS_BIND | kernel.MS_REC)
    for top in closed:
        kernel.mount("tmpfs", str(top), "tmpfs", options="size=1m,mode=0755")
    for number, folder in enumerate(hidden):
        folder.mkdir(parents=True, exist_ok=True)
        kernel.mount(str(stage / str(number)), str(folder), flags=kernel.MS_BIND | kernel.MS_REC)


def _closed(folder: Path) -> Path | None:
    """The topmost folder on the way to `folder` that others may not enter."""
    way = [*reversed(folder.parents), folder]
    return next((step for step in way if not step.stat().st_mode & 0o001), None)


if __name__ == "__main__":
    main(sys.argv[1:])
