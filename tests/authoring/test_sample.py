"""`autograder proof --check`: what it finds without running anything, and what it tries again."""

from pathlib import Path

import msgspec
import pytest

from autograder import cli, fingerprint
from autograder.authoring import sample
from autograder.authoring.proof import Fingerprints, Graded, Proof, Proved
from autograder.authoring.sample import SHARDS, shard
from autograder.lab import Lab

pytestmark = pytest.mark.usefixtures("here")

WRONG = "misconception scale-omitted"
FAILS = ["test_attention_values", "test_attention_gradient"]


@pytest.fixture
def proved(copy: Path) -> Lab:
    """The small lab with the proof that it should have, by an earlier engine."""
    lab = Lab.load(copy)
    prints = Fingerprints(lab)
    targets = {name: Proved(print_, 5, 2, engine="earlier") for name, print_ in prints.all.items()}
    targets[WRONG] = msgspec.structs.replace(targets[WRONG], fails=FAILS)
    eps = "misconception eps-outside-root"
    fails = ["test_rms_norm_values", "test_rms_norm_trains_its_weight"]
    targets[eps] = msgspec.structs.replace(targets[eps], fails=fails)
    Proof("earlier", Graded(prints.mutants, "earlier", 200, 1, 199, 0, []), targets).save(lab)
    return lab


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def check(lab: Lab) -> list[str]:
    return sample.check([Lab.load(lab.folder)])


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        ("misconceptions/scale-omitted.py", "q @ k.T", "2 * q @ k.T", f"{WRONG}: not proved as the code is now, run `"),
        ("mini.py", "1e-6", "1e-5", "reference, starter, variant einsum and 2 more: not proved as the code is now"),
        ("lab.toml", "two axes", "2 axes", "no mutants of the code as it is now, run `autograder mutate 90`"),
        ("proof.json", '"killed": 199', '"killed": 180', "180 of 200 mutants killed, run `autograder mutate 90`"),
        ("proof.json", '"seeds": 5', '"seeds": 4', "and 2 more: not proved as the code is now, run `"),
        ("proof.json", '{"diagnosed": 2, "fails": ["test_at', '{"diagnosed": 1, "fails": ["test_at', f"{WRONG}: not"),
        ("proof.json", "}\n}\n}", ', "faults": ["x"]}\n}\n}', "variant einsum: at fault, run `autograder validate 90`"),
    ],
)
def test_a_proof_that_does_not_hold_is_told_in_one_line_without_a_run(
    proved: Lab, monkeypatch, name: str, old: str, new: str, line: str
):
    monkeypatch.setattr(sample, "Pool", None)
    edit(proved.folder, name, old, new)
    [told] = check(proved)
    assert told.startswith("lab-90-mini: ")
    assert line in told


def test_nothing_is_run_where_the_engine_is_the_same(proved: Lab, monkeypatch):
    monkeypatch.setattr(sample, "Pool", None)
    monkeypatch.setattr(fingerprint, "of_engine", lambda: "earlier")
    assert check(proved) == []


@pytest.mark.parametrize("size", [3, 10, 246])
def test_ten_runs_in_a_row_try_every_target(size: int):
    proof = Proof("", None, {f"misconception {n}": Proved("", 5, 2, [f"test_{n % 7}"]) for n in range(size)})
    shares = [shard(proof, number) for number in range(7, 7 + SHARDS)]
    assert sorted(name for share in shares for name in share) == sorted(proof.targets)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.fixture
def everything(monkeypatch):
    """The sample is the whole lab."""
    monkeypatch.setattr(sample, "shard", lambda proof, number: list(proof.targets))


def test_after_an_edit_of_the_engine_a_sample_is_tried_and_the_proof_stays(proved: Lab, everything: None, capsys):
    before = (proved.folder / "proof.json").read_bytes()
    assert cli.app(["proof", "--check"], standalone_mode=False) in (None, 0)
    assert capsys.readouterr().out == "the proofs hold\n"
    assert (proved.folder / "proof.json").read_bytes() == before


def test_a_target_that_does_otherwise_than_its_proof_says_is_named(proved: Lab, everything: None):
    edit(proved.folder, "proof.json", '"test_attention_gradient"', '"test_softmax_values"')
    seed = sample.run_number() // SHARDS % 5
    assert check(proved) == [
        f"lab-90-mini: {WRONG}: now passes test_softmax_values (secret {seed})",
        f"lab-90-mini: {WRONG}: now fails test_attention_gradient (secret {seed})",
    ]


def test_the_state_of_all_labs_is_told(proved: Lab, capsys):
    cli.app(["proof"], standalone_mode=False)
    assert (
        capsys.readouterr().out == "lab-90-mini: proved by another engine: `autograder prove` proves it by this one\n"
    )


def test_the_number_of_a_run_is_that_of_the_commits_or_drawn_from_what_is_there(monkeypatch):
    answers = {"--is-shallow-repository": "false", "--count": "217", "": "00000010aa"}

    def git(*words: str) -> str:
        return answers[next((word for word in words if word in answers), "")]

    monkeypatch.setattr(sample, "_git", git)
    assert sample.run_number() == 217
    answers["--is-shallow-repository"] = "true"
    assert sample.run_number() == 16
    answers[""] = ""
    monkeypatch.setattr(fingerprint, "of_engine", lambda: "00000011bb")
    assert sample.run_number() == 17
