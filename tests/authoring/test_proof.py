"""proof.json: what makes a line of it stale, and what the file looks like."""

from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from autograder import fingerprint
from autograder.authoring.proof import Fingerprints, Graded, Proof, Proved
from autograder.errors import UserError
from autograder.lab import Lab

PAIR = Path(__file__).parent.parent / "labs" / "lab-91-pair"
WRONG, EPS = "misconception scale-omitted", "misconception eps-outside-root"
EVERYTHING = {"reference", "starter", "variant einsum", WRONG, EPS}


def stale(folder: Path, name: str, old: str, new: str) -> set[str]:
    """The targets of a lab whose fingerprint an edit changes."""
    before = Fingerprints(Lab.load(folder)).all
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    after = Fingerprints(Lab.load(folder)).all
    return {target for target, print_ in before.items() if after[target] != print_}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("mini.py", "# # A small lab", "# # A tiny lab"),
        ("mini.py", "stable for large x", "also for large x"),
        ("mini.py", "    shifted = ", "    # largest first\n    shifted = "),
        ("hidden/test_mini.py", "Which axis sums to one?", "Which axis?"),
        ("hidden/test_mini.py", "Eight hidden tests", "Hidden tests"),
        ("lab.toml", "A small lab", "A tiny lab"),
        ("lab.toml", "q has two axes", "q has only two axes"),
        ("misconceptions/scale-omitted.py", "grow with", "depend on"),
        ("misconceptions/scale-omitted.py", "The scores are not", "Scores are not"),
    ],
)
def test_prose_makes_no_proof_stale(copy: Path, name: str, old: str, new: str):
    assert stale(copy, name, old, new) == set()


@pytest.mark.parametrize(
    ("name", "old", "new", "targets"),
    [
        ("mini.py", "1e-6", "1e-5", EVERYTHING),
        ("hidden/test_mini.py", "points=2", "points=3", EVERYTHING),
        ("lab.toml", "memory_mb = 512", "memory_mb = 500", EVERYTHING),
        ("misconceptions/scale-omitted.py", "q @ k.T, -1", "q @ k.T, 1", {WRONG}),
        ("misconceptions/scale-omitted.py", '"test_attention_values", ', "", {WRONG}),
        ("variants/einsum.py", "-0.5", "-0.25", {"variant einsum"}),
    ],
)
def test_code_makes_what_it_can_change_stale(copy: Path, name: str, old: str, new: str, targets: set[str]):
    assert stale(copy, name, old, new) == targets


def test_an_edit_of_a_notebook_leaves_what_is_tried_without_it(tmp_path: Path):
    folder = copytree(PAIR, tmp_path / PAIR.name, ignore=ignore_patterns(".traces", "proof.json"))
    first = {"reference", "starter", "variant power", "misconception half-forgotten"}
    assert stale(folder, "hidden/test_shapes.py", "1, 9", "2, 9") == first
    assert "misconception surface" in stale(folder, "shapes.py", "base * self.height", "height * self.base")


def test_a_new_misconception_leaves_the_proofs_of_the_others(copy: Path):
    before = Fingerprints(Lab.load(copy)).all
    text = (copy / "misconceptions" / "scale-omitted.py").read_text()
    (copy / "misconceptions" / "scale-squared.py").write_text(text.replace("q @ k.T", "q @ k.T * q.shape[-1]"))
    after = Fingerprints(Lab.load(copy)).all
    assert after.keys() - before.keys() == {"misconception scale-squared"}
    assert before.items() <= after.items()


def test_code_reads_the_same_without_layout_comments_docstrings_and_hints():
    assert fingerprint.code('def f(x):\n    """Doc."""\n    return (x)  # why\n') == fingerprint.code(
        "def f(x): return x"
    )
    assert fingerprint.code("mark('a', hint={'en': 'x'}, rests_on='x')") == fingerprint.code("mark('a')")
    assert fingerprint.code("HINT = 1\nFAILS = 2", without={"HINT"}) == fingerprint.code("FAILS = 2")
    assert fingerprint.code("f(1)") != fingerprint.code("f(2)")
    assert fingerprint.code("no python") == "no python"


def test_the_engine_is_a_digest_of_code_and_locks(monkeypatch, tmp_path: Path):
    name = "autograder/grading/session.py"
    files = fingerprint.engine()
    before = fingerprint.of_engine()
    changed = tmp_path / "session.py"
    for text, differs in (("\n# a comment\n", False), ("\nx = 1\n", True)):
        changed.write_text(files[name].read_text() + text)
        monkeypatch.setattr(fingerprint, "engine", lambda: {**files, name: changed})
        assert (fingerprint.of_engine() != before) == differs


def test_the_file_has_a_line_for_each_target_and_names_the_engine_once(copy: Path):
    lab = Lab.load(copy)
    mutants = Graded("f", "new", 200, 1, 199, 3, ["mini:softmax:a -> b"])
    targets = {
        "starter": Proved("aa", 5, engine="new"),
        "reference": Proved("aa", 5, engine="new"),
        WRONG: Proved("bb", 5, 2, ["test_a"], engine="old"),
    }
    Proof("", mutants, targets).save(lab)
    assert (copy / "proof.json").read_text() == (
        '{\n"engine": "new",\n"mutants": {"count": 200, "engine": "new", "equivalent": 3, "fingerprint": "f", '
        '"killed": 199, "seed": 1, "survivors": ["mini:softmax:a -> b"]},\n"targets": {\n'
        '  "misconception scale-omitted": {"diagnosed": 2, "engine": "old", "fails": ["test_a"], "fingerprint": "bb", '
        '"seeds": 5},\n'
        '  "reference": {"fingerprint": "aa", "seeds": 5},\n  "starter": {"fingerprint": "aa", "seeds": 5}\n}\n}\n'
    )
    assert Proof.load(lab).targets == targets
    assert sorted(path.name for path in copy.iterdir() if path.name.startswith(".")) == []


def test_a_file_that_cannot_be_read_says_what_to_do(copy: Path):
    (copy / "proof.json").write_text('{"engine": 3}')
    with pytest.raises(UserError, match=r"proof\.json: .*remove it, and run `autograder validate 90`"):
        Proof.load(Lab.load(copy))
