"""The bench of BPE trainers: that what it compares is the same, and that it says what it did not run."""

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "bench" / "bpe.py"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(BENCH), *arguments], capture_output=True, text=True, timeout=300)


def test_all_trainers_make_the_same_merges_and_the_figures_are_written(tmp_path):
    small = ("--size", "0.02", "--size", "0.12", "--vocab-size", "400", "--repeat", "1")
    done = bench(*small, "--json", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result == json.loads((tmp_path / "bpe.json").read_text())
    assert set(result["sizes"]["0.02"]["seconds"]) == {"ours", "tokenizers", "naive"}
    assert set(result["sizes"]["0.12"]["seconds"]) == {"ours", "tokenizers"}
    assert result["sizes"]["0.02"]["ratios"]["naive"] > 2
    assert (tmp_path / "bpe.png").stat().st_size > 5_000


def test_a_size_that_this_machine_has_no_text_for_is_not_run():
    done = bench("--size", "900")
    assert done.returncode == 1
    assert "900 MB" in done.stderr
    assert "not run" in done.stderr
