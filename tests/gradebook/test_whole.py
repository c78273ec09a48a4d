"""The whole way, with the real grader in its sandbox and the real formgrader."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

from autograder import source
from autograder.gradebook import release as releasing
from autograder.gradebook import scoring

pytestmark = pytest.mark.slow


def test_two_students_are_graded_in_the_sandbox(released, lab, hand_in):
    from autograder.grading.grader import Grader

    half = source.release(lab, "double")
    half.cells[2].source = "def double(x):\n    return 2 * abs(x)"
    hand_in("ann", notebook=nbformat.writes(source.reference(lab, "double")).encode())
    hand_in("bob", notebook=nbformat.writes(half).encode())
    releasing.collect(released, lab)
    with Grader(lab, secret=released.secret) as grader:
        results = [scoring.grade_student(released, lab, student, grader) for student in ("ann", "bob")]
    assert [(result.status, result.score) for result in results] == [("graded", 100), ("graded", 20)]


@pytest.fixture
def formgrader(released, tmp_path):
    """A Jupyter server in the cohort's folder; returns a function that fetches a page of it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "server_config.py"
    config.write_text(f"c = get_config()\nc.ServerApp.port = {port}\nc.IdentityProvider.token = 'token'\n")
    environment = os.environ | {"HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter")}
    command = [sys.executable, "-m", "jupyter", "server", "--allow-root", "--no-browser", f"--config={config}"]
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    log = (tmp_path / "server.log").open("w")
    server = subprocess.Popen(command, cwd=released.folder, env=environment, stdout=log, stderr=log)

    def get(path):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", headers={"Authorization": "token token"})
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    return answer.read().decode()
            except urllib.error.HTTPError:
                raise
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    try:
        yield get
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def test_formgrader_shows_the_submission_with_its_report(released, lab, hand_in, grader, formgrader):
    hand_in("ann")
    releasing.collect(released, lab)
    scoring.grade_student(released, lab, "ann", grader)
    (assignment,) = json.loads(formgrader("formgrader/api/assignments"))
    assert (assignment["status"], assignment["average_score"]) == ("released", 60)
    (submission,) = [one for one in json.loads(formgrader(f"formgrader/api/submissions/{lab.id}")) if one["id"]]
    assert (submission["student"], submission["autograded"], submission["score"]) == ("ann", True, 60)
    with released.gradebook() as gradebook:
        key = gradebook.find_submission_notebook("double", lab.id, "ann").id
    page = formgrader(f"formgrader/submissions/{key}/")
    assert "double: 20 / 60" in page
    assert "<script>alert(1)</script>" not in page
