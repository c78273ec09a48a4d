"""What all sandboxes have in common inside: paths, the environment, how Python starts, and the bounds of a process."""

from pathlib import Path
from typing import Any

import autograder.worker
import labkit
from autograder.sandbox import Limits, seccomp

LIBRARY = "/llm101"  # where the worker and labkit appear
USER_ID = 64101  # uid and gid on the host for processes of neither root nor a person: no account has it
CPU_SECONDS = 600  # a backstop per process; the deadlines of calls are the limit that students meet
FILE_SIZE = 64 << 20
MEBIBYTE = 1 << 20

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin", "HOME": "/home/student", "LANG": "C.UTF-8", "TMPDIR": "/tmp", "PYTHONHASHSEED": "0",
    # A child of a template that has run threads hangs, and one thread gives the same bits on every machine.
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}  # fmt: skip


def packages() -> dict[str, str]:
    """What a sandbox shows of this installation, read-only: folder -> where it appears. Nothing else of ours."""
    folders = [Path(package.__path__[0]).resolve() for package in (autograder.worker, labkit)]
    return {str(folder): f"{LIBRARY}/{folder.name}" for folder in folders}


def python_options(module: str) -> list[str]:
    """The interpreter's options that run `main(*arguments)` of a module of the worker's."""
    # Not -I: it would ignore PYTHONHASHSEED, and a student's sets would change their order from run to run.
    start = f"import sys; sys.path.insert(0, {LIBRARY!r}); from worker.{module} import main; main(*sys.argv[1:])"
    return ["-s", "-P", "-B", "-c", start]


def process_limits(limits: Limits, address_space: int, processes: int) -> dict[str, Any]:
    """`worker.child.ProcessLimits` for a submission. Raises GraderError where libseccomp is absent."""
    return {
        "address_space": address_space,
        "processes": processes,
        "cpu_seconds": CPU_SECONDS,
        "scratch": limits.scratch_mb * MEBIBYTE,
        "file_size": FILE_SIZE,
        "filter": seccomp.compiled_filter(),
    }
