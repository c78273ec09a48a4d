"""The bench against peers: that what it compares is comparable."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench" / "grading.py"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(BENCH), *arguments], capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_we_give_the_scores_of_bare_function_calls_and_the_figures_are_written(tmp_path):
    done = bench("--repeat", "1", "--without", "nbgrader", "--without", "otter", "--json", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result == json.loads((tmp_path / "grading.json").read_text())
    assert len(result["scores"]) == 12
    assert result["scores"]["reference"] == 16
    assert result["scores"]["unwritten"] == 0
    assert set(result["graders"]) == {"lower bound", "ours"}
    assert (tmp_path / "grading.png").stat().st_size > 5_000


def test_an_unknown_peer_is_refused_in_one_line():
    done = bench("--without", "gradescope")
    assert done.returncode == 2
    assert "gradescope: leave out nbgrader or otter" in done.stderr
