"""What holds for every test."""

import os

# Beside another worker of pytest-xdist a second thread of torch has no core to run on.
# Set before anything imports torch; programs that tests start inherit it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
