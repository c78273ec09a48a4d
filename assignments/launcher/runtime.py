"""What labs run in: containers, or this virtual environment."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

from labkit.i18n import Bilingual
from launcher.workspace import LabError


def asked() -> Literal["container", "venv"] | None:
    """What LAB_RUNTIME asks for. None: labs run in containers where there is an engine for them."""
    match os.environ.get("LAB_RUNTIME", ""):
        case "":
            return None
        case "container":
            return "container"
        case "venv":
            return "venv"
        case other:
            raise LabError(
                Bilingual(
                    f"LAB_RUNTIME takes container or venv, not {other!r}.",
                    f"LAB_RUNTIME 只能是 container 或 venv，不能是 {other!r}。",
                )
            )


def set_up_venv(root: Path, *layers: str) -> None:
    """Install what is missing for running without containers. A Python outside this checkout's .venv is left alone.

    Set-up reports its own errors, and its exit code becomes ours.
    """
    script = root / "requirements" / "setup_env.py"
    if Path(sys.prefix).resolve() != (root / ".venv").resolve() or not script.is_file():
        return
    done = subprocess.run([sys.executable, "-I", "-S", str(script), *layers])
    if done.returncode:
        raise SystemExit(done.returncode)
