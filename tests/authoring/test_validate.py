"""`autograder validate`: what it proves of the small labs, what it keeps, and what it need not do again."""

import shutil
from pathlib import Path

import pytest

from autograder import cli
from autograder.authoring import validate as module
from autograder.authoring.proof import Proof
from autograder.authoring.trials import Finding
from autograder.authoring.validate import Watch, validate, waiting
from autograder.lab import Lab

PAIR = Path(__file__).parent.parent / "labs" / "lab-91-pair"
pytestmark = pytest.mark.usefixtures("here")

WRONG = "misconception scale-omitted"


def command(*words: str) -> int:
    """Runs the command here, and gives what it would exit with."""
    return cli.app([*words], standalone_mode=False) or 0


def faults(proof: Proof) -> dict[str, list[str]]:
    return {name: found.faults for name, found in proof.targets.items() if found.faults}


def test_a_lab_is_proved_once_and_a_new_misconception_is_proved_alone(copy: Path, capsys):
    assert command("validate", "90") == 0
    assert "lab-90-mini: 5 proved now, 0 not proved" in capsys.readouterr().out
    kept = Proof.load(Lab.load(copy))
    assert kept.targets[WRONG].fails == ["test_attention_values", "test_attention_gradient"]
    assert (kept.targets[WRONG].seeds, kept.targets[WRONG].diagnosed) == (5, 2)
    assert (kept.targets["variant einsum"].seeds, kept.targets["variant einsum"].diagnosed) == (5, 0)

    text = (copy / "misconceptions" / "scale-omitted.py").read_text()
    (copy / "misconceptions" / "scale-too-small.py").write_text(text.replace("q @ k.T", "q @ k.T / q.shape[-1]"))
    tried = []
    proof = validate(Lab.load(copy), watch=Watch(done=lambda target, seconds: tried.append(target)))
    assert set(tried) == {"misconception scale-too-small"}
    assert faults(proof) == {}


def test_nothing_is_run_where_all_is_proved(copy: Path, monkeypatch, capsys):
    lab = Lab.load(copy)
    assert len(waiting(lab, 1)) == 5
    validate(lab, 1)
    assert waiting(lab, 1) == []
    monkeypatch.setattr(module, "Pool", None)
    assert command("validate", "90", "--seeds", "1") == 0
    assert "lab-90-mini: all is proved already" in capsys.readouterr().out


def test_a_run_that_was_killed_loses_only_what_it_was_at(copy: Path, monkeypatch):
    class Killed(Exception):
        pass

    def kill(target: str, seconds: float) -> None:
        if target == WRONG:
            raise Killed

    lab = Lab.load(copy)
    with pytest.raises(Killed):
        validate(lab, 1, Watch(done=kill))
    kept = set(Proof.load(lab).targets)
    assert "reference" in kept
    assert WRONG not in kept
    tried = []
    validate(lab, 1, Watch(done=lambda target, seconds: tried.append(target)))
    assert not {name for name in kept if not name.startswith("misconception")} & set(tried)
    assert waiting(lab, 1) == []


def test_what_is_wrong_is_told_and_tried_again(copy: Path, capsys):
    path = copy / "misconceptions" / "scale-omitted.py"
    path.write_text(path.read_text().replace('"test_attention_values", ', '"test_softmax_values", '))
    assert command("validate", "90", "--seeds", "1") == 1
    told = capsys.readouterr()
    assert f"{WRONG}: fails test_attention_values, which it should pass" in told.err
    assert f"{WRONG}: passes test_softmax_values, which it should fail" in told.err
    assert "4 proved now, 1 not proved" in told.out
    assert waiting(Lab.load(copy), 1) == [WRONG]


def test_write_fills_fails_with_what_failed(copy: Path):
    path = copy / "misconceptions" / "scale-omitted.py"
    right = path.read_text()
    for wrong in ("FAILS = []", 'FAILS = [\n    "test_attention_gradient",\n    "test_softmax_values",\n]'):
        path.write_text(right.replace('FAILS = ["test_attention_values", "test_attention_gradient"]', wrong))
        assert command("validate", "90", "--seeds", "1", "--write") == 0
        known = Proof.load(Lab.load(copy)).targets[WRONG].fails
        assert sorted(known) == ["test_attention_gradient", "test_attention_values"]
    first = 'FAILS = ["test_attention_gradient", "test_attention_values"]'
    assert path.read_text() == right.replace('FAILS = ["test_attention_values", "test_attention_gradient"]', first)


def findings(*fails: set[str]) -> list[Finding]:
    return [Finding("lab", WRONG, seed, sorted(each), []) for seed, each in enumerate(fails)]


@pytest.mark.parametrize(
    ("fails", "faults"),
    [
        ([{"a", "b"}] * 3, []),
        ([{"a", "b"}, {"a", "b"}, {"a"}], ["fails b under the secrets 0, 1 only"]),
        ([{"a", "b", "c"}, {"a", "b"}], ["fails c under the secrets 0 only"]),
        ([{"a"}] * 2, ["passes b, which it should fail"]),
    ],
)
def test_what_a_misconception_fails_must_not_depend_on_the_secret(fails: list[set[str]], faults: list[str]):
    assert module._undeclared(findings(*fails), ["a", "b"]) == faults


def test_a_misconception_that_fails_nothing_is_a_bug_of_the_suite():
    [fault] = module._undeclared(findings(set(), set()), [])
    assert "nobody catches" in fault


def test_where_the_reference_fails_nothing_else_is_tried(copy: Path):
    source = copy / "mini.py"
    source.write_text(source.read_text().replace("math.sqrt(q.shape[-1])", "q.shape[-1]"))
    proof = validate(Lab.load(copy), 1)
    assert proof.targets.keys() == {"reference"}
    assert proof.targets["reference"].faults[0].startswith("test_attention_values: failed")


def test_misconceptions_and_variants_apply_to_the_notebook_they_name(tmp_path: Path):
    folder = shutil.copytree(PAIR, tmp_path / PAIR.name, ignore=shutil.ignore_patterns(".traces", "proof.json"))
    proof = validate(Lab.load(folder), 1)
    assert faults(proof) == {}
    assert proof.targets["misconception half-forgotten"].fails == ["test_triangle", "test_prism"]


def test_a_misconception_that_is_another_ones_twin_is_never_named(copy: Path):
    text = (copy / "misconceptions" / "scale-omitted.py").read_text()
    (copy / "misconceptions" / "twin.py").write_text(text)
    proof = validate(Lab.load(copy), 1)
    assert faults(proof).keys() == {WRONG, "misconception twin"}
    assert "is never diagnosed as itself (secret 0)" in proof.targets[WRONG].faults
