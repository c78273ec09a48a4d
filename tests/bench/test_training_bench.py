"""The bench of training steps: that what it compares is the same, and that the figures are written."""

import json
import os
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "bench" / "training.py"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCH), *arguments],
        capture_output=True, text=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_all_programs_have_the_same_losses_and_the_figures_are_written(tmp_path):
    done = bench("--size", "tiny", "--steps", "3", "--json", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result == json.loads((tmp_path / "training.json").read_text())
    tiny = result["sizes"]["tiny"]
    assert set(tiny["tokens_per_second"]) == {"ours", "transformers", "fused"}
    assert set(tiny["ratios"]) == {"transformers", "fused"}
    assert all(rate["min"] <= rate["median"] <= rate["max"] for rate in tiny["tokens_per_second"].values())
    # Counted by hand: embeddings 61 * 32 and 16 * 32; a layer has 12 d^2 + 13 d; the last norm 2 d.
    assert tiny["parameters"] == (61 + 16) * 32 + 2 * (12 * 32**2 + 13 * 32) + 2 * 32
    assert (tmp_path / "training.png").stat().st_size > 5_000


def test_an_unknown_size_is_a_bad_call():
    done = bench("--size", "huge")
    assert done.returncode == 2
    assert "no such size: huge" in done.stderr
