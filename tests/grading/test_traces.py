"""Traces: what makes them stale, what is taken down of a run, and what is not."""

import os
import shutil
from pathlib import Path

import pytest

from autograder import fingerprint
from autograder.grading import suite
from autograder.grading.grader import GENEROUS, Grader
from autograder.grading.misconception import Misconception
from autograder.grading.session import Event
from autograder.grading.suite import Mark
from autograder.grading.traces import Traces
from autograder.lab import Lab
from labkit.i18n import Bilingual

MINI = Path(__file__).parent.parent / "labs" / "lab-90-mini"
SECRET = b"a secret of thirty-two bytes ..."
MARK = Mark("softmax", 2, "q", Bilingual("e", "z"))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """The small lab, to be changed."""
    return Lab.load(shutil.copytree(MINI, tmp_path / MINI.name, ignore=shutil.ignore_patterns(".traces")))


@pytest.mark.parametrize(
    "name",
    [
        "labkit/ranks.py", "labkit/instructions.json", "autograder/grading/session.py", "autograder/grading/student.py",
        "autograder/source.py", "autograder/worker/wire.py", "autograder/sandbox/bubblewrap.py",
    ],
)  # fmt: skip
def test_an_edit_of_what_grades_makes_traces_stale(lab: Lab, tmp_path: Path, monkeypatch, name: str):
    files = fingerprint.engine()
    before = fingerprint.of_replies(lab, SECRET)
    changed = tmp_path / "changed"
    changed.write_bytes(files[name].read_bytes() + b"\n")
    monkeypatch.setattr(fingerprint, "engine", lambda: {**files, name: changed})
    assert fingerprint.of_replies(lab, SECRET) != before


def test_another_version_of_any_package_makes_traces_stale(lab: Lab, monkeypatch):
    before = fingerprint.of_replies(lab, SECRET)
    assert any(name.startswith("transformers-") for name in fingerprint.installed())
    monkeypatch.setattr(fingerprint, "installed", lambda: ["transformers-0.0.1.dist-info"])
    assert fingerprint.of_replies(lab, SECRET) != before


@pytest.mark.parametrize(
    ("name", "old", "new", "stale"),
    [
        ("mini.py", "# # A small lab", "# # A tiny lab", False),
        ("lab.toml", "A small lab", "A tiny lab", False),
        ("variants/einsum.py", "-0.5", "-0.50", False),
        ("misconceptions/scale-omitted.py", "grow", "increase", False),
        ("mini.py", "1e-6", "1e-5", True),
        ("lab.toml", "memory_mb = 512", "memory_mb = 500", True),
        ("hidden/test_mini.py", "1000", "1001", True),
    ],
)
def test_an_edit_of_the_lab_makes_traces_stale_where_it_can_change_a_reply(lab: Lab, name, old, new, stale: bool):
    before = fingerprint.of_replies(lab, SECRET)
    path = lab.folder / name
    path.write_text(path.read_text().replace(old, new))
    assert (fingerprint.of_replies(Lab.load(lab.folder), SECRET) != before) == stale


def test_a_file_that_is_being_written_or_a_proof_makes_no_trace_stale(lab: Lab):
    before = fingerprint.of_replies(lab, SECRET)
    (lab.folder / ".half-a-proof").write_text("{")
    (lab.folder / "proof.json").write_text("{}")
    assert fingerprint.of_replies(lab, SECRET) == before


def misconception(*fails: str, name: str = "wrong", source: str = "x = 1") -> Misconception:
    return Misconception("mini", source, name, "", {}, [*fails], frozenset())


def traces(lab: Lab, *known: Misconception, **outcomes: str) -> tuple[Traces, list[str]]:
    """Traces under which every misconception has these outcomes; and the targets, as they are run."""
    run = []

    def outcome(target: Misconception | None, tests) -> list[suite.TestResult]:
        run.append(target.id if target else "reference")
        ended = {name: outcomes[name] if target else "passed" for name in tests or outcomes}
        return [suite.TestResult(name, MARK, ended[name], trace=[Event("call", 1.0)]) for name in ended]

    return Traces(lab, SECRET, {each.id: each for each in known}, outcome), run


def test_what_a_misconception_fails_is_what_it_failed_under_this_secret(lab: Lab):
    made, _ = traces(lab, misconception("test_a", "test_b"), test_a="failed", test_b="passed")
    assert made.failing("test_a")["wrong"].fails == {"test_a"}
    assert made.failing("test_b") == {}


@pytest.mark.parametrize("outcome", ["timeout", "memory", "crashed", "output_limit"])
def test_replies_that_were_cut_short_are_no_trace(lab: Lab, outcome: str):
    made, _ = traces(lab, misconception("test_a", "test_b"), test_a="failed", test_b=outcome)
    assert made.failing("test_a")["wrong"].fails == {"test_a", "test_b"}
    assert made.failing("test_b")["wrong"].trace == []


def test_another_process_finds_the_records_and_an_edit_costs_that_record_alone(lab: Lab):
    both = misconception("test_a"), misconception("test_a", name="other")
    made, first = traces(lab, *both, test_a="failed")
    made.reference(), made.failing("test_a")
    again, second = traces(lab, misconception("test_a", source="x = 2"), both[1], test_a="failed")
    again.reference(), again.failing("test_a")
    assert first == ["reference", "wrong", "other"]
    assert second == ["wrong"]


def test_what_nobody_has_read_for_a_month_is_removed(lab: Lab):
    made, _ = traces(lab, misconception("test_a"), test_a="failed")
    made.failing("test_a")
    [old] = (lab.folder / ".traces").iterdir()
    os.utime(old, (0, 0))
    made.reference()
    assert [path.name.partition("-")[0] for path in (lab.folder / ".traces").iterdir()] == ["reference"]


def test_traces_are_recorded_with_time_to_spare(lab: Lab, monkeypatch):
    """A machine that is busy just then must not cut a trace short, for good."""
    with Grader(lab, SECRET) as grader:
        grader.traces.reference()
        clocks, run = [], grader.run
        monkeypatch.setattr(grader, "run", lambda *args, **rest: clocks.append(rest["clock"]) or run(*args, **rest))
        assert "scale-omitted" in grader.traces.failing("test_attention_values")
        [generous], student = clocks, grader.clock()
    assert generous.test("test_attention_values") == GENEROUS * student.test("test_attention_values")
    assert generous[1:] == (GENEROUS * student.load, GENEROUS * student.total)


def test_one_sandbox_serves_several_secrets(grader: Grader):
    other = grader.under(b"another secret")
    name = "test_softmax_values"
    mine, theirs = (each.traces.reference()[name].replies[0].value for each in (grader, other))
    assert mine.shape == theirs.shape
    assert not mine.equal(theirs)
    assert grader.under(SECRET).traces.reference()[name].replies[0].value.equal(mine)
