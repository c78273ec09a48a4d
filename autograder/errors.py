"""The errors a user reads."""

from collections.abc import Iterable


class UserError(Exception):
    """Something the caller can put right. The message is one clear line; the commands print it and exit with 2."""


class GraderError(UserError):
    """Grading itself cannot run here (no sandbox, a broken one); the commands exit with 3."""


def listed(names: Iterable[object]) -> str:
    """Names in a message: sorted, with commas."""
    return ", ".join(sorted(map(str, names)))
