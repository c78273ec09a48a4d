"""Where the Python environment appears inside the sandbox."""

import sys

from autograder.sandbox import bubblewrap
from autograder.worker.child import SCRATCH


def test_an_environment_under_tmp_is_not_hidden_by_the_sandboxs_own_tmp(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "/tmp/course/.venv")
    targets = dict(bubblewrap._binds())
    assert not any(targets["/tmp/course/.venv"].startswith(str(folder)) for folder in SCRATCH)
