"""Time in tests: none is judged by the clock on the wall, which a busy machine slows down."""

import contextlib
import time
from collections.abc import Callable, Iterator

PATIENCE = 60.0  # seconds for what is bound to happen


def eventually(condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Whether `condition` holds, now or after a while."""
    end = time.monotonic() + seconds
    while not (met := bool(condition())) and time.monotonic() < end:
        time.sleep(0.02)
    return met


@contextlib.contextmanager
def cheap(seconds: float) -> Iterator[None]:
    """What is inside takes this thread no more CPU seconds than these."""
    started = time.thread_time()
    yield
    used = time.thread_time() - started
    assert used <= seconds, f"used {used:.2f} s of CPU time"
