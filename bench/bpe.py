"""How fast lab 04's BPE trainer is: against Hugging Face's tokenizers, and against a rescan for each merge.

    python bench/bpe.py            three rounds on 0.1, 1 and 10 MB of English (some minutes, most for the rescan)
    python bench/bpe.py --size 1   on one size only; may be given more than once

Ours is the reference solution, taken from the export cells of the lab's notebook. All trainers must make the same
merges: a comparison of trainers that do different work would say nothing. Writes bpe.json and bpe.png. See
bench/README.md.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import tokenizers
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from tokenizers import models, pre_tokenizers, trainers

from autograder import source
from autograder.errors import UserError
from autograder.lab import Lab
from labkit import corpora

END = "<|endoftext|>"
NAIVE_UP_TO = 0.1  # MB; minutes there already
LABELS = {"ours": "lab 04's reference", "tokenizers": "Hugging Face tokenizers", "naive": "a rescan per merge"}
COLORS = {"ours": "#d1495b", "tokenizers": "#495057", "naive": "#9aa3ab"}
RESULTS = Path(__file__).resolve().parent / "results"

console = Console(stderr=True)
Merges = list[tuple[bytes, bytes]]
Runs = Mapping[str, Sequence[float]]  # trainer -> seconds of each round


def main(
    size: Annotated[list[float], typer.Option(min=0.001, help="Megabytes of text.")] = [0.1, 1.0, 10.0],  # noqa: B006
    vocab_size: Annotated[int, typer.Option(min=258, help="Bytes, merges and one special token.")] = 4096,
    repeat: Annotated[int, typer.Option(min=1, help="Rounds; the rescan takes part in the first only.")] = 3,
    output: Annotated[Path, typer.Option(help="Where bpe.json and bpe.png go.")] = RESULTS,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON, no table.")] = False,
) -> None:
    """Measures BPE training against peers, on the same text, in the same run."""
    load = os.getloadavg()[0]
    try:
        notebook = export_cells()
    except UserError as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(1) from None
    available = sum(len(document.encode()) for document in corpora.load("en"))
    sizes = {}
    for megabytes in sorted(size):
        documents = corpora.load("en", int(megabytes * 1e6))
        n_bytes = sum(len(document.encode()) for document in documents)
        if not documents or available < 0.9e6 * megabytes:
            console.print(f"[yellow]{megabytes:g} MB: this machine's {available:,} bytes are too few, not run[/]")
            continue
        try:
            runs = measure(notebook, documents, vocab_size, repeat, megabytes)
        except ValueError as error:
            console.print(f"[red]{megabytes:g} MB: {error}[/]")
            raise typer.Exit(1) from None
        sizes[f"{megabytes:g}"] = {"bytes": n_bytes} | figures(runs)
    if not sizes:
        raise typer.Exit(1)
    result = {
        "vocab_size": vocab_size, "repeat": repeat, "text": corpora.sources("en"), "sizes": sizes,
        "growth": growth(sizes), "machine": machine(load),
    }  # fmt: skip
    output.mkdir(parents=True, exist_ok=True)
    (output / "bpe.json").write_text(json.dumps(result, indent=2) + "\n")
    draw(result, output / "bpe.png")
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        Console().print(table(result))
        console.print(f"Written: {output / 'bpe.json'}, {output / 'bpe.png'}", highlight=False)


# ---- trainers ------------------------------------------------------------------------------------------


def export_cells() -> dict[str, Any]:
    """The names that the reference's export cells define: what grading would run of a perfect submission."""
    lab = Lab.find("04")
    names: dict[str, Any] = {}
    for cell in source.reference(lab, "tokenizer").cells:
        if cell.cell_type == "code" and "export" in cell.metadata.get("tags", []):
            exec(compile(cell.source, f"<{lab.id}, tokenizer>", "exec"), names)
    return names


def huggingface(documents: Sequence[str], vocab_size: int) -> None:
    """Hugging Face's trainer as it is commonly used, with GPT-2's pre-tokens; it counts words on all cores."""
    library = tokenizers.Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    library.train_from_iterator(documents, trainer)


def huggingface_merges(words: Sequence[bytes], n_merges: int) -> Merges:
    """What Hugging Face's trainer merges with an alphabet in the order of the bytes: its tie rule depends on it."""
    alphabet = [chr(256 + byte) for byte in range(256)]
    library = tokenizers.Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=256 + n_merges, initial_alphabet=alphabet, show_progress=False)
    library.train_from_iterator(("".join(alphabet[byte] for byte in word) for word in words), trainer)
    pairs = json.loads(library.to_str())["model"]["merges"]
    return [(bytes(ord(c) - 256 for c in left), bytes(ord(c) - 256 for c in right)) for left, right in pairs]


def naive(words: Sequence[bytes], n_merges: int, merge_pair: Callable[..., list[int]]) -> Merges:
    """All pairs of all different words counted anew for each merge."""
    weights = Counter(words)
    tokens, vocab, merges = {word: list(word) for word in weights}, [bytes([byte]) for byte in range(256)], []
    for new_id in range(256, 256 + n_merges):
        counts: Counter[tuple[int, int]] = Counter()
        for word, ids in tokens.items():
            for pair in itertools.pairwise(ids):
                counts[pair] += weights[word]
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append((vocab[best[0]], vocab[best[1]]))
        vocab.append(vocab[best[0]] + vocab[best[1]])
        tokens = {word: merge_pair(ids, best, new_id) for word, ids in tokens.items()}
    return merges


# ---- measuring -----------------------------------------------------------------------------------------


def measure(
    notebook: Mapping[str, Any], documents: Sequence[str], vocab_size: int, repeat: int, megabytes: float
) -> dict[str, list[float]]:
    """Seconds of each trainer, round by round. Raises ValueError when they do not make the same merges."""
    runs: dict[str, list[float]] = {"ours": [], "tokenizers": []}
    text = END.join(documents)
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"{megabytes:g} MB of English", total=2 * repeat + 1 + (megabytes <= NAIVE_UP_TO))
        for _ in range(repeat):
            (_, merges), seconds = timed(lambda: notebook["train_bpe"](text, vocab_size, [END]))
            runs["ours"].append(seconds)
            progress.advance(task)
            runs["tokenizers"].append(timed(lambda: huggingface(documents, vocab_size))[1])
            progress.advance(task)
        words = [word for document in documents for word in notebook["pretokenize"](document)]
        n_merges = vocab_size - 257
        if huggingface_merges(words, n_merges) != merges:
            raise ValueError("Hugging Face's trainer and ours do not make the same merges")
        progress.advance(task)
        if megabytes <= NAIVE_UP_TO:
            slow, seconds = timed(lambda: naive(words, n_merges, notebook["merge_pair"]))
            if slow != merges:
                raise ValueError("the rescan and ours do not make the same merges")
            runs["naive"] = [seconds]
            progress.advance(task)
    return runs


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def machine(load: float) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cores": os.cpu_count(), "load_at_start": round(load, 2), "system": platform.system(),
        "architecture": platform.machine(), "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in ("tokenizers", "regex")},
    }  # fmt: skip


# ---- figures -------------------------------------------------------------------------------------------


def figures(runs: Runs) -> dict[str, Any]:
    """The median, fastest and slowest seconds of each trainer, and how many times ours each takes."""
    seconds = {
        name: {"median": statistics.median(known), "min": min(known), "max": max(known), "rounds": len(known)}
        for name, known in runs.items()
    }
    ours = seconds["ours"]["median"]
    return {"seconds": seconds, "ratios": {name: seconds[name]["median"] / ours for name in runs if name != "ours"}}


def growth(sizes: Mapping[str, Any]) -> dict[str, list[float]]:
    """How many times longer each trainer takes from one size to the next, where it ran on both."""
    return {
        name: [
            after["seconds"][name]["median"] / before["seconds"][name]["median"]
            for before, after in itertools.pairwise(sizes.values())
            if name in before["seconds"] and name in after["seconds"]
        ]
        for name in ("ours", "tokenizers")
    }


# ---- showing -------------------------------------------------------------------------------------------


def table(result: Mapping[str, Any]) -> Table:
    """The figures for a terminal."""
    shown = Table(title=f"Training {result['vocab_size']:,} tokens, {result['repeat']} rounds")
    shown.add_column("text", justify="right")
    for name in LABELS:
        shown.add_column(LABELS[name], justify="right")
    for megabytes, known in result["sizes"].items():
        cells = []
        for name in LABELS:
            if name not in known["seconds"]:
                cells.append("not run")
                continue
            ratio = f" ({known['ratios'][name]:.2g}x)" if name in known["ratios"] else ""
            cells.append(f"{known['seconds'][name]['median']:.2f} s{ratio}")
        shown.add_row(f"{megabytes} MB", *cells)
    return shown


def draw(result: Mapping[str, Any], path: Path) -> None:
    """The medians over the size of the text, both logarithmic, with whiskers from the fastest to the slowest round."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for name, label in LABELS.items():
        known = [(float(mb), row["seconds"][name]) for mb, row in result["sizes"].items() if name in row["seconds"]]
        if not known:
            continue
        x, y = [mb for mb, _ in known], [seconds["median"] for _, seconds in known]
        spread = [
            [s["median"] - s["min"] for _, s in known],
            [s["max"] - s["median"] for _, s in known],
        ]
        axes.errorbar(x, y, yerr=spread, fmt="o-", color=COLORS[name], label=label, elinewidth=1, capsize=3)
        end, offset = ("min", -16) if name == "tokenizers" else ("max", 6)  # theirs is the lower line
        for mb, seconds in known:
            text, place = f"{seconds['median']:.3g} s", (mb, seconds[end])
            axes.annotate(text, place, (0, offset), textcoords="offset points", ha="center", color=COLORS[name])
    axes.set(xscale="log", yscale="log", xlabel="megabytes of English", ylabel="seconds")
    sizes = [float(megabytes) for megabytes in result["sizes"]]
    axes.set_xticks(sizes, [f"{megabytes:g}" for megabytes in sizes])
    axes.minorticks_off()
    axes.margins(x=0.1, y=0.15)
    axes.legend(frameon=False, loc="upper center")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Training a vocabulary of {result['vocab_size']:,} tokens", loc="left", fontsize=12)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    try:
        typer.run(main)
    except KeyboardInterrupt:
        sys.exit(130)
