"""How fast we grade: the same twelve submissions by us, by nbgrader, by otter-grader, and by bare function calls.

    python bench/grading.py                   everything, three rounds (about eight minutes)
    python bench/grading.py --without otter   without a peer

In each round every grader grades all twelve, one grader after the other, so that a busy moment of the machine does
not fall on one of them only. All must give the same points for the same tests: a comparison of graders that do
different work would say nothing. Writes grading.json and grading.png. See bench/README.md for what is measured.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import graders
import submissions
import typer
from graders import Run, Unavailable
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

PEERS = ("nbgrader", "otter")
LABELS = {
    "lower bound": "bare function calls",
    "ours": "LLM101 Labs",
    "nbgrader": "nbgrader autograde",
    "otter": "otter run",
}
GOALS = {"overhead_seconds": 0.1, "nbgrader": 40.0, "otter": 80.0}  # at most, at least, at least
RESULTS = Path(__file__).resolve().parent / "results"

console = Console(stderr=True)
Runs = Mapping[str, Sequence[Run]]


def main(
    repeat: Annotated[int, typer.Option(min=1, help="Rounds; each grades all twelve with every grader.")] = 3,
    without: Annotated[list[str], typer.Option(help=f"A peer to leave out: {' or '.join(PEERS)}.")] = [],  # noqa: B006
    output: Annotated[Path, typer.Option(help="Where grading.json and grading.png go.")] = RESULTS,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON, no table.")] = False,
) -> None:
    """Measures grading against peers, on the same submissions, in the same run."""
    if unknown := set(without) - set(PEERS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: leave out {' or '.join(PEERS)}")
    load = os.getloadavg()[0]
    runs, absent = measure([name for name in graders.GRADERS if name not in without], repeat)
    try:
        check_agreement(runs)
    except ValueError as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(1) from None
    result = summarize(runs) | {"repeat": repeat, "absent": absent, "machine": machine(load)}
    output.mkdir(parents=True, exist_ok=True)
    (output / "grading.json").write_text(json.dumps(result, indent=2) + "\n")
    draw(result, output / "grading.png")
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        Console().print(table(result))
        console.print(f"Written: {output / 'grading.json'}, {output / 'grading.png'}", highlight=False)


# ---- measuring -----------------------------------------------------------------------------------------


def measure(names: Sequence[str], repeat: int) -> tuple[dict[str, list[Run]], dict[str, str]]:
    """The runs of each grader, round by round; and why a peer could not take part."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    absent: dict[str, str] = {}
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, tempfile.TemporaryDirectory(prefix="llm101-bench-") as folder:
        if "otter" in runs:
            prepare_otter(progress, runs, absent)
        for number in range(1, repeat + 1):
            for name in [name for name in runs if name not in absent]:
                passes = 1 if name in PEERS else 2
                title = f"round {number}/{repeat}: {LABELS[name]}"
                task = progress.add_task(title, total=passes * len(submissions.NAMES))
                run = graders.GRADERS[name](Path(folder, str(number)), lambda _, task=task: progress.advance(task))
                runs[name].append(run)
    return {name: known for name, known in runs.items() if known}, absent


def prepare_otter(progress: Progress, runs: Runs, absent: dict[str, str]) -> None:
    """Installs otter where it is not installed yet; without it the others are measured."""
    task = progress.add_task("preparing otter-grader", total=1)
    try:
        graders.install_otter()
    except Unavailable as reason:
        absent["otter"] = str(reason)
        progress.console.print(f"[yellow]{reason}: measuring without it[/]")
    progress.advance(task)


def check_agreement(runs: Runs) -> None:
    """Raises ValueError unless every run gave each submission the same points on each test."""
    expected = runs["lower bound"][0].scores
    for grader, known in runs.items():
        for run in known:
            for name in submissions.NAMES:
                if run.scores[name] != expected[name]:
                    differing = [test for test in expected[name] if run.scores[name].get(test) != expected[name][test]]
                    raise ValueError(f"{grader} and bare calls disagree on {name}: {', '.join(differing)}")


def machine(load: float) -> dict[str, Any]:
    """What the figures depend on."""
    packages = {name: metadata.version(name) for name in ("torch", "nbgrader", "pytest")}
    pins = [line for line in graders.OTTER_LOCK.read_text().splitlines() if line.startswith("otter-grader==")]
    packages["otter-grader"] = pins[0].partition("==")[2]
    return {
        "cores": os.cpu_count(), "load_at_start": round(load, 2), "system": platform.system(),
        "architecture": platform.machine(), "python": platform.python_version(), "packages": packages,
    }  # fmt: skip


# ---- figures -------------------------------------------------------------------------------------------


def summarize(runs: Runs) -> dict[str, Any]:
    """Medians, 95th percentiles, ratios to ours, and our overhead over the bare calls, submission by submission."""
    result: dict[str, Any] = {
        "scores": {name: sum(runs["ours"][0].scores[name].values()) for name in submissions.NAMES},
        "graders": {name: figures(known) for name, known in runs.items()},
    }
    ours, bound = result["graders"]["ours"], result["graders"]["lower bound"]
    overheads = [ours["seconds"][name] - bound["seconds"][name] for name in submissions.NAMES]
    result["overhead_seconds"] = {"median": statistics.median(overheads), "max": max(overheads)}
    result["ratios"] = {
        peer: {measure: result["graders"][peer][measure] / ours[measure] for measure in ("median", "p95", "batch")}
        for peer in PEERS
        if peer in runs
    }
    result["goals"] = {"overhead_seconds": result["overhead_seconds"]["median"] <= GOALS["overhead_seconds"]} | {
        peer: ratio["median"] >= GOALS[peer] for peer, ratio in result["ratios"].items()
    }
    return result


def figures(runs: Sequence[Run]) -> dict[str, Any]:
    """Of all submissions in all rounds: median, p95, fastest and slowest; each submission's median; the batch's."""
    pooled = [seconds for run in runs for seconds in run.seconds.values()]
    return {
        "median": statistics.median(pooled),
        "p95": statistics.quantiles(pooled, n=20, method="inclusive")[-1],
        "min": min(pooled),
        "max": max(pooled),
        "batch": statistics.median(run.batch for run in runs),
        "seconds": {name: statistics.median(run.seconds[name] for run in runs) for name in submissions.NAMES},
    }


# ---- showing -------------------------------------------------------------------------------------------


def table(result: Mapping[str, Any]) -> Table:
    """The figures for a terminal."""
    shown = Table(title=f"Twelve submissions, {result['repeat']} rounds", caption=caption(result))
    shown.add_column("grader", no_wrap=True)
    for heading in ("median", "p95", "all twelve", "median / ours", "twelve / ours"):
        shown.add_column(heading, justify="right")
    for name, known in result["graders"].items():
        ratios = result["ratios"].get(name)
        shown.add_row(
            LABELS[name], *(f"{known[measure]:.3f} s" for measure in ("median", "p95")), f"{known['batch']:.1f} s",
            *((f"{ratios[measure]:.0f}x" for measure in ("median", "batch")) if ratios else ("", "")),
            style="bold" if name == "ours" else None,
        )  # fmt: skip
    return shown


def caption(result: Mapping[str, Any]) -> str:
    """Our overhead, and the goals."""
    overhead = result["overhead_seconds"]
    goals = [f"overhead at most {GOALS['overhead_seconds']} s"]
    goals += [f"{LABELS[peer]} at least {GOALS[peer]:.0f}x" for peer in result["ratios"]]
    missed = [name.replace("_seconds", "") for name, met in result["goals"].items() if not met]
    verdict = f"missed: {', '.join(missed)}" if missed else "all met"
    return (
        f"Our overhead over bare calls: {overhead['median']:.3f} s per submission (at most {overhead['max']:.3f}).\n"
        f"Goals: {', '.join(goals)}: {verdict}."
    )


def draw(result: Mapping[str, Any], path: Path) -> None:
    """The medians as bars on a logarithmic scale, with a whisker up to the 95th percentile."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(result["graders"])[::-1]
    medians = [result["graders"][name]["median"] for name in names]
    whiskers = [max(0.0, result["graders"][name]["p95"] - result["graders"][name]["median"]) for name in names]
    figure, axes = plt.subplots(figsize=(8, 1.1 + 0.55 * len(names)), layout="constrained")
    colors = ["#d1495b" if name == "ours" else "#b8bfc6" for name in names]
    axes.barh([LABELS[name] for name in names], medians, color=colors, height=0.62, left=0)
    axes.errorbar(
        medians, range(len(names)), xerr=[[0.0] * len(names), whiskers],
        fmt="none", ecolor="#495057", elinewidth=1.2, capsize=4,
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(min(medians) / 3, max(medians) * 8)
    for row, name in enumerate(names):
        known = result["graders"][name]
        ratio = result["ratios"].get(name)
        text = f"{known['median']:.3g} s" + (f"  ({ratio['median']:.0f} times ours)" if ratio else "")
        axes.text(max(known["p95"], known["median"]) * 1.18, row, text, va="center", fontsize=10)
    axes.set_xlabel("seconds per submission (median; whisker: 95th percentile), logarithmic")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title("Grading the same twelve submissions", loc="left", fontsize=12)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    try:
        typer.run(main)
    except KeyboardInterrupt:
        sys.exit(130)
