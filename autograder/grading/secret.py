"""The secret that seeds grading. The module needs no package: `lab submit` runs it before a grader is installed.

python -m autograder.grading.secret SOLUTIONS     makes SOLUTIONS/.secret where there is none
"""

import hashlib
import hmac
import os
import secrets
import sys
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


def seed(secret: bytes, lab_id: str, test: str, purpose: str) -> int:
    """A seed of 63 bits that nobody can tell without the secret."""
    return int.from_bytes(hmac.digest(secret, f"{lab_id}/{test}/{purpose}".encode(), hashlib.sha256)[:8], "little") >> 1


if __name__ == "__main__":
    local_secret(Path(sys.argv[1]))
