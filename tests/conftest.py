"""What holds for every test: two may run at once, but for those that need the machine to themselves."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import rotation

SIDE_BY_SIDE = "PYTEST_XDIST_WORKER" in os.environ
# Beside another worker of pytest-xdist a second thread of torch has no core to run on.
# Set before anything imports torch; programs that tests start inherit it.
if SIDE_BY_SIDE:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOM = Path(__file__).parent  # locked in common by tests that run side by side
DOOR = Path(__file__)  # where one waits for the room, so that nobody slips in before


def pytest_report_header(config: pytest.Config) -> str | None:
    """Which labs it is this time."""
    return None if config.option.markexpr == "not slow" else rotation.summary()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A test marked `alone` waits until the other workers have ended theirs, and then keeps them waiting.

    Without workers there is nobody to wait for. A test that runs this suite in a container would wait for itself: the
    folder that is locked is the same one inside.
    """
    if not SIDE_BY_SIDE:
        return (yield)
    door, room = os.open(DOOR, os.O_RDONLY), os.open(ROOM, os.O_RDONLY)
    try:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        return (yield)
    finally:
        os.close(door)
        os.close(room)
