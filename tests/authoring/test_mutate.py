"""`autograder mutate`: what it draws, what survives in the small lab, what it prints and how it exits."""

import json
from pathlib import Path

import pytest

from autograder import cli
from autograder.authoring import mutate
from autograder.authoring.mutate import Findings, sample
from autograder.authoring.proof import Proof
from autograder.errors import UserError
from autograder.lab import Equivalent, Lab

MINI = Path(__file__).parent.parent / "labs" / "lab-90-mini"


def command(*words: str) -> int:
    """Runs the command here, and gives what it would exit with."""
    return cli.app(["mutate", "90", *words], standalone_mode=False) or 0


def test_what_nobody_looks_at_survives_and_an_endless_loop_does_not(copy: Path, here: None):
    test = copy / "hidden" / "test_mini.py"
    test.write_text(test.read_text().partition('@pytest.mark.problem(\n    "rms-norm"')[0])
    source = copy / "mini.py"
    loop = "    steps = 3\n    while steps > 0:\n        steps -= 1\n    shifted = "
    source.write_text(source.read_text().replace("    shifted = ", loop))
    lab = Lab.load(copy)
    endless, wrong = "mini:softmax:drop steps -= 1", "mini:attention:q.shape[-1] -> q.shape[0]"
    unseen = "mini:RMSNorm.forward:x.pow(2) -> x"
    everything = sample(lab, 1000, seed=1).mutants
    lab.equivalent += [Equivalent(m.id, "not now") for m in everything if m.id not in (endless, wrong, unseen)]
    seen = []
    findings = mutate.mutate(lab, sample(lab, 1000, seed=1), 1, seen.append)
    assert {verdict.mutant.id: verdict.outcome for verdict in seen} == {
        endless: "timeout", wrong: "failed", unseen: "passed",
    }  # fmt: skip
    assert (findings.graded, findings.killed, findings.kills) == (3, 2, {"timeout": 1, "failed": 1})
    assert [mutant.id for mutant in findings.survivors] == [unseen]


@pytest.fixture
def graded(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of grading: the first mutant of the sample survives, the others are killed."""

    def killed_but_one(lab, drawn, seed, done, sandbox):
        known, count = drawn.equivalent, len(drawn.mutants)
        return Findings(
            lab.id, seed, drawn.total, count, count - 1, {"failed": count - 1}, known, drawn.mutants[:1]
        )  # fmt: skip

    monkeypatch.setattr(mutate, "mutate", killed_but_one)


@pytest.mark.parametrize(("count", "rate", "left_out", "code"), [(20, "95.0", 2, 0), (19, "94.7", 1, 1)])
def test_survivors_are_printed_with_their_names_and_below_95_percent_it_fails(
    graded: None, capsys: pytest.CaptureFixture[str], count: int, rate: str, left_out: int, code: int
):
    assert command("--count", str(count)) == code
    head, *diff, last = capsys.readouterr().out.splitlines()
    name = "mini:softmax:torch.exp(x - x.amax(dim, keepdim=True)) -> x - x.amax(dim, keepdim=True)"
    assert head == f'✗ mini, line 4 of softmax-solution: mutant = "{name}"'
    assert diff == [
        "-    shifted = torch.exp(x - x.amax(dim, keepdim=True))",
        "+    shifted = x - x.amax(dim, keepdim=True)",
    ]
    assert last == f"lab-90-mini: {count - 1} of {count} killed ({rate} %), {left_out} equivalent, 1 survivor"


def test_the_findings_as_data(graded: None, capsys: pytest.CaptureFixture[str]):
    assert command("--count", "1000", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["killed"] == found["graded"] - 1 == found["total"] - len(found["equivalent"]) - 1
    assert found["rate"] == pytest.approx(found["killed"] / found["graded"], abs=1e-4)
    assert {entry["reason"] for entry in found["equivalent"]} == {"q has two axes", "the scores have two axes"}
    assert list(found["survivors"][0]) == ["id", "notebook", "cell", "line", "diff"]


def test_the_findings_on_a_whole_sample_are_kept(graded: None, copy: Path):
    """Those on a few mutants are not: they would stand for a proof that nobody made."""
    command("--count", "3")
    assert not mutate.is_kept(Lab.load(copy))
    command("--count", "1000")
    lab = Lab.load(copy)
    assert mutate.is_kept(lab)
    kept = Proof.load(lab).mutants
    assert kept is not None
    assert (kept.count, kept.killed, kept.equivalent) == (sample(lab, 1000, 1).total - 2, kept.count - 1, 2)
    assert kept.survivors[0].startswith("mini:softmax:")
    (copy / "lab.toml").write_text((copy / "lab.toml").read_text().replace("two axes", "only two axes"))
    assert not mutate.is_kept(Lab.load(copy))


def test_an_equivalent_that_names_no_mutant_is_an_error(copy: Path, capsys: pytest.CaptureFixture[str]):
    toml = copy / "lab.toml"
    toml.write_text(toml.read_text().replace('"mini:attention:q.shape', '"mini:attention:k.shape'))
    assert command() == 1
    assert 'lab.toml: no mutant is named "mini:attention:k.shape[-1] -> q.shape[1]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("shifted.sum(dim", "shifted.sum((dim", "a solution cell does not parse: invalid syntax"),
        ("    ### END SOLUTION\n", "", "a solution cell does not parse: BEGIN SOLUTION without END SOLUTION"),
    ],
)
def test_a_source_that_cannot_be_changed_is_a_bad_call(copy: Path, before: str, after: str, message: str):
    source = copy / "mini.py"
    source.write_text(source.read_text().replace(before, after, 1))
    with pytest.raises(UserError, match=f"mini.py: {message}"):
        command()


@pytest.mark.slow
@pytest.mark.parametrize("lab", Lab.all(), ids=lambda lab: lab.id)
def test_the_equivalents_of_every_lab_name_mutants(lab: Lab):
    assert sample(lab, 1, seed=1).stale == []


def test_a_lab_that_is_not_there_is_a_bad_call(copy: Path):
    with pytest.raises(UserError, match="There is no lab 'nonsense'"):
        cli.app(["mutate", "nonsense"], standalone_mode=False)


def test_an_equivalent_needs_a_reason(copy: Path):
    (copy / "lab.toml").write_text((copy / "lab.toml").read_text().replace('reason = "q has two axes"', ""))
    with pytest.raises(UserError, match="missing required field `reason`"):
        Lab.load(copy)


def test_the_sample_depends_on_the_seed_alone():
    lab = Lab.load(MINI)
    first, again, other = (sample(lab, 10, seed).mutants for seed in (1, 1, 2))
    assert first == again != other
    softmax = [mutant.line for mutant in first if mutant.cell == "softmax-solution"]
    assert softmax == sorted(softmax)


def test_an_equivalent_makes_room_for_another_and_leaves_the_rest():
    lab = Lab.load(MINI)
    before = sample(lab, 10, seed=1)
    lab.equivalent.append(Equivalent(before.mutants[3].id, "just so"))
    after = sample(lab, 10, seed=1)
    assert len(after.mutants) == 10
    assert len({mutant.id for mutant in before.mutants} & {mutant.id for mutant in after.mutants}) == 9
    assert lab.equivalent[-1] in after.equivalent
    assert before.stale == after.stale == []
