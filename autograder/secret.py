"""The secret of grading outside a cohort. Standard library only: `lab submit` reads it before a grader is installed."""

import os
import secrets
from pathlib import Path


def local_secret(solutions: Path) -> bytes:
    """The secret beside the labs' sources: made once per checkout, readable by its owner only."""
    path = solutions / ".secret"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with open(descriptor, "wb") as file:
        file.write(secret := secrets.token_bytes(32))
    return secret
