"""The secret that seeds grading. The module needs no package: `lab submit` runs it before a grader is installed.

python -m autograder.grading.secret SOLUTIONS     makes SOLUTIONS/.secret where there is none
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import sys
import tempfile
from pathlib import Path

from autograder.errors import UserError

BYTES = 32


def local_secret(solutions: Path) -> bytes:
    """The secret beside the labs' sources: made once per checkout, readable by its owner only."""
    return kept_secret(solutions / ".secret")


def kept_secret(path: Path) -> bytes:
    """The secret in a file, made where there is none: whole, the same for all who ask at once, and the owner's only.

    Raises UserError where it cannot be made, and as `read_secret` does.
    """
    if not path.exists():
        try:
            _make(path)
        except OSError as error:
            raise UserError(f"{path}: the secret cannot be written: {error.strerror}") from None
    return read_secret(path)


def read_secret(path: Path) -> bytes:
    """The secret in a file.

    Raises UserError where there is none or only a part: anybody could compute the inputs that follow from an empty one.
    """
    try:
        found = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: the secret cannot be read: {error.strerror}; bring it back from a backup") from None
    if len(found) == 2 * BYTES:  # earlier cohorts keep it in hexadecimal
        with contextlib.suppress(ValueError):
            found = bytes.fromhex(found.decode("ascii", "replace"))
    if len(found) != BYTES:
        raise UserError(
            f"{path} is no whole secret: bring it back from a backup, or remove it and grade everything anew"
        )
    return found


def seed(secret: bytes, lab_id: str, test: str, purpose: str) -> int:
    """A seed of 63 bits that nobody can tell without the secret."""
    return int.from_bytes(hmac.digest(secret, f"{lab_id}/{test}/{purpose}".encode(), hashlib.sha256)[:8], "little") >> 1


def _make(path: Path) -> None:
    """Writes a secret beside `path` and links it there when it is on disk; where another was first, that one stays."""
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(BYTES))
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)


if __name__ == "__main__":
    try:
        local_secret(Path(sys.argv[1]))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
