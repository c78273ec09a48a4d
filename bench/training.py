"""How fast lab 04's training step is: against transformers' GPT-2 in a plain PyTorch loop.

    python bench/training.py               both sizes, 20 steps each (six minutes on one core that others use, too)
    python bench/training.py --size small  one size only; may be given more than once

Ours is the reference solution, taken from the export cells of the lab's notebook. All begin with the same weights, read
the same batches, and must have the same losses: a comparison of programs that do different work would say nothing.
Writes training.json and training.png. See bench/README.md.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, logging

from autograder import source
from autograder.errors import UserError
from autograder.lab import Lab

SIZES = {  # of the models, and (rows, tokens) of a batch
    "tiny": {"vocab_size": 61, "n_positions": 16, "n_layers": 2, "n_heads": 2, "d_model": 32, "batch": (4, 16)},
    "small": {"vocab_size": 1024, "n_positions": 64, "n_layers": 4, "n_heads": 4, "d_model": 128, "batch": (8, 63)},
    "large": {"vocab_size": 4096, "n_positions": 256, "n_layers": 6, "n_heads": 5, "d_model": 320, "batch": (8, 256)},
}
LABELS = {"ours": "lab 04's reference", "transformers": "transformers' GPT-2", "fused": "the same with fused GELU"}
COLORS = {"ours": "#d1495b", "transformers": "#495057", "fused": "#9aa3ab"}
ACTIVATIONS = {"transformers": "gelu_new", "fused": "gelu_pytorch_tanh"}  # one function; the second is one kernel
LR, MAX_NORM, BETAS, WEIGHT_DECAY = 1e-3, 1.0, (0.9, 0.95), 0.1
WARM_UP = 2  # steps that are not timed: the first allocate
SAME = 1e-3  # nats; float32 sums in another order drift apart by less
RESULTS = Path(__file__).resolve().parent / "results"

console = Console(stderr=True)
Step = Callable[[Tensor, Tensor], float]  # inputs, targets -> the loss
Runs = Mapping[str, Sequence[float]]  # program -> seconds of each step


def main(
    size: Annotated[list[str], typer.Option(help=f"Of the model: {', '.join(SIZES)}.")] = ["small", "large"],  # noqa: B006
    steps: Annotated[int, typer.Option(min=1, help="Timed steps of each program.")] = 20,
    output: Annotated[Path, typer.Option(help="Where training.json and training.png go.")] = RESULTS,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON, no table.")] = False,
) -> None:
    """Measures a training step against peers, on the same batches, in the same run."""
    load = os.getloadavg()[0]
    logging.set_verbosity_error()  # transformers remarks on every model that its kind of loss is a guess
    if unknown := sorted(set(size) - set(SIZES)):
        console.print(f"[red]no such size: {', '.join(unknown)}[/]")
        raise typer.Exit(2)
    try:
        notebook = export_cells()
        sizes = {name: figures(SIZES[name], *measure(notebook, SIZES[name], steps, name)) for name in size}
    except (UserError, ValueError) as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(1) from None
    result = {"steps": steps, "sizes": sizes, "machine": machine(load)}
    output.mkdir(parents=True, exist_ok=True)
    (output / "training.json").write_text(json.dumps(result, indent=2) + "\n")
    draw(result, output / "training.png")
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        Console().print(table(result))
        console.print(f"Written: {output / 'training.json'}, {output / 'training.png'}", highlight=False)


# ---- programs ------------------------------------------------------------------------------------------


def export_cells() -> dict[str, Any]:
    """The names that the reference's export cells define: what grading would run of a perfect submission."""
    lab = Lab.find("04")
    names: dict[str, Any] = {}
    for cell in source.reference(lab, "pretrain_gpt").cells:
        if cell.cell_type == "code" and "export" in cell.metadata.get("tags", []):
            exec(compile(cell.source, f"<{lab.id}, pretrain_gpt>", "exec", dont_inherit=True), names)
    return names


def optimizer_of(notebook: Mapping[str, Any], model: torch.nn.Module) -> torch.optim.Optimizer:
    """The same AdamW for all, with the same parameters in each of its two groups."""
    return torch.optim.AdamW(notebook["parameter_groups"](model, WEIGHT_DECAY), lr=LR, betas=BETAS)


def ours(notebook: Mapping[str, Any], beginning: Mapping[str, Tensor], size: Mapping[str, Any]) -> Step:
    """The notebook's GPT, trained by its train_step."""
    model = notebook["GPT"](notebook["GPTConfig"](**{name: size[name] for name in size if name != "batch"}))
    model.load_state_dict({name: value.T if is_matrix_of_conv1d(name) else value for name, value in beginning.items()})
    optimizer = optimizer_of(notebook, model)
    return lambda inputs, targets: notebook["train_step"](model, optimizer, [(inputs, targets)], LR, MAX_NORM)[0]


def library(activation: str, size: Mapping[str, Any]) -> GPT2LMHeadModel:
    """transformers' GPT-2 as it comes (fused attention, tied head), without dropout."""
    config = GPT2Config(
        vocab_size=size["vocab_size"], n_positions=size["n_positions"], n_layer=size["n_layers"],
        n_head=size["n_heads"], n_embd=size["d_model"], activation_function=activation,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, use_cache=False, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    return GPT2LMHeadModel(config).train()


def plain_loop(
    notebook: Mapping[str, Any], beginning: Mapping[str, Tensor], size: Mapping[str, Any], activation: str
) -> Step:
    """The loop that one writes around transformers' model, with its own loss and PyTorch's clipping."""
    model = library(activation, size)
    model.transformer.load_state_dict(beginning)
    optimizer = optimizer_of(notebook, model)

    def step(inputs: Tensor, targets: Tensor) -> float:
        optimizer.zero_grad()
        loss = model(inputs, labels=targets, shift_labels=targets).loss  # shifted already: as many targets as ours
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        optimizer.step()
        return loss.item()

    return step


def is_matrix_of_conv1d(name: str) -> bool:
    """Whether transformers stores this weight as (in, out), the transpose of nn.Linear's."""
    return ".c_" in name and name.endswith("weight")


# ---- measuring -----------------------------------------------------------------------------------------


def measure(
    notebook: Mapping[str, Any], size: Mapping[str, Any], steps: int, name: str
) -> tuple[dict[str, list[float]], int]:
    """Seconds of each program, step by step, and the number of parameters.

    In a step the programs take turns, each time another one first, so that a busy moment of the machine does not hit
    one of them only. Raises ValueError when their losses are not the same.
    """
    torch.manual_seed(0)
    first = library(ACTIVATIONS["transformers"], size)
    beginning = {key: value.clone() for key, value in first.transformer.state_dict().items()}
    programs = {"ours": ours(notebook, beginning, size)} | {
        peer: plain_loop(notebook, beginning, size, activation) for peer, activation in ACTIVATIONS.items()
    }
    runs: dict[str, list[float]] = {program: [] for program in programs}
    rows, length = size["batch"]
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        for turn in progress.track(range(WARM_UP + steps), description=f"{name}, steps"):
            batch = torch.randint(0, size["vocab_size"], (rows, length + 1))
            inputs, targets = batch[:, :-1].contiguous(), batch[:, 1:].contiguous()
            order = sorted(programs, key=lambda program: (list(programs).index(program) - turn) % len(programs))
            losses = {}
            for program in order:
                start = time.perf_counter()
                losses[program] = programs[program](inputs, targets)
                if turn >= WARM_UP:
                    runs[program].append(time.perf_counter() - start)
            if max(losses.values()) - min(losses.values()) > SAME:
                raise ValueError(f"{name}: the programs do not do the same, their losses at step {turn} are {losses}")
    return runs, first.num_parameters()


def machine(load: float) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cores": os.cpu_count(), "threads": torch.get_num_threads(), "load_at_start": round(load, 2),
        "system": platform.system(), "architecture": platform.machine(), "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in ("torch", "transformers")},
    }  # fmt: skip


# ---- figures -------------------------------------------------------------------------------------------


def figures(size: Mapping[str, Any], runs: Runs, n_parameters: int) -> dict[str, Any]:
    """Tokens per second of each program (median, slowest and fastest step), and ours over each peer's.

    The ratio is the median over the steps of theirs / ours in seconds: the two of a step ran next to each other.
    """
    n_tokens = size["batch"][0] * size["batch"][1]
    rates = {
        program: {
            "median": n_tokens / statistics.median(seconds),
            "min": n_tokens / max(seconds),
            "max": n_tokens / min(seconds),
        }
        for program, seconds in runs.items()
    }
    ratios = {
        peer: statistics.median(theirs / mine for theirs, mine in zip(runs[peer], runs["ours"], strict=True))
        for peer in runs
        if peer != "ours"
    }
    return {"model": dict(size), "parameters": n_parameters, "tokens_per_second": rates, "ratios": ratios}


# ---- showing -------------------------------------------------------------------------------------------


def table(result: Mapping[str, Any]) -> Table:
    """The figures for a terminal."""
    shown = Table(title=f"Tokens per second, {result['steps']} steps; ours over theirs")
    shown.add_column("model", justify="right")
    for label in LABELS.values():
        shown.add_column(label, justify="right")
    for known in result["sizes"].values():
        cells = []
        for program in LABELS:
            ratio = f" ({known['ratios'][program]:.2f}x)" if program in known["ratios"] else ""
            cells.append(f"{known['tokens_per_second'][program]['median']:,.0f}{ratio}")
        shown.add_row(f"{known['parameters'] / 1e6:.1f} M", *cells)
    return shown


def draw(result: Mapping[str, Any], path: Path) -> None:
    """The medians as bars, with whiskers from the slowest to the fastest step; one panel for each size."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = len(result["sizes"])
    figure, row = plt.subplots(1, panels, figsize=(4.6 * panels, 3), layout="constrained", squeeze=False)
    for axes, known in zip(row[0], result["sizes"].values(), strict=True):
        for place, (program, label) in enumerate(reversed(LABELS.items())):
            rate = known["tokens_per_second"][program]
            spread = [[rate["median"] - rate["min"]], [rate["max"] - rate["median"]]]
            axes.barh(label, rate["median"], xerr=spread, color=COLORS[program], ecolor="#868e96", capsize=3)
            axes.annotate(
                f"{rate['median']:,.0f}", (0, place), (6, 0),
                textcoords="offset points", va="center", color="white", fontweight="bold",
            )  # fmt: skip
        axes.set_title(f"{known['parameters'] / 1e6:.1f} million parameters", loc="left", fontsize=12)
        axes.set_xlabel("tokens per second")
        axes.locator_params(axis="x", nbins=4)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in row[0][1:]:
        axes.set_yticklabels([])
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    try:
        typer.run(main)
    except KeyboardInterrupt:
        sys.exit(130)
