"""The error a user reads."""


class UserError(Exception):
    """Something the caller can put right. The message is one clear line; the commands print it and exit with 2."""


class GraderError(UserError):
    """Grading itself cannot run here (no sandbox, a broken one); the commands exit with 3."""
