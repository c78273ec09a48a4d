"""Where the images of the course come from: a registry of the teacher's, or this machine."""

import os


def prefix() -> str:
    """What stands before the names of our images: LLM101_REGISTRY with a slash at its end, or nothing."""
    name = os.environ.get("LLM101_REGISTRY", "").rstrip("/")
    return f"{name}/" if name else ""
