"""The warm pytest: what it refuses to collect, and that passes leave nothing behind."""

import shutil
from pathlib import Path

import pytest

from autograder.errors import GraderError, UserError
from autograder.grading.grader import Grader
from autograder.grading.suite import Suite
from autograder.lab import Lab

MINI = Path(__file__).parent.parent / "labs" / "lab-90-mini"
MARK = '@pytest.mark.problem("softmax", points=2, rests_on="q", hint={"en": "e", "zh": "z"})\n'


def collect(tmp_path: Path, tests: str) -> Suite:
    folder = tmp_path / "lab"
    shutil.copytree(MINI, folder, ignore=shutil.ignore_patterns(".traces"))
    (folder / "hidden" / "test_mini.py").write_text("import pytest\n\n\n" + tests)
    with Suite(Lab.load(folder), {"softmax": "mini"}) as suite:
        return suite


def test_marks_are_collected(tmp_path: Path):
    suite = collect(tmp_path, MARK + "def test_a(student):\n    pass\n")
    assert suite.marks["test_a"].points == 2


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ("def test_a():\n    pass\n", "test_a: mark it with"),
        (MARK.replace("softmax", "other") + "def test_a():\n    pass\n", "no notebook has a check cell 'other'"),
        (MARK.replace("points=2, ", "") + "def test_a():\n    pass\n", "test_a: malformed"),
        (MARK.replace(', "zh": "z"', "") + "def test_a():\n    pass\n", "malformed.*needs both en and zh"),
        ("import nothing_of_this_name\n", "the hidden tests cannot be imported"),
        ("x = 1\n", "no hidden tests were collected"),
        (
            MARK + '@pytest.mark.parametrize("x", [1, 2])\ndef test_a(x):\n    pass\n',
            "a hidden test cannot be parametrised",
        ),
    ],
)
def test_a_bad_suite_is_refused_in_one_line(tmp_path: Path, tests: str, message: str):
    with pytest.raises(UserError, match=message):
        collect(tmp_path, tests)


def test_fixtures_of_the_suites_own_are_made_anew_for_every_submission(hand_in, tmp_path: Path):
    folder = tmp_path / "lab"
    shutil.copytree(MINI, folder, ignore=shutil.ignore_patterns(".traces"))
    test = folder / "hidden" / "test_mini.py"
    test.write_text(
        test.read_text().replace(
            "@pytest.mark.problem",
            '@pytest.fixture(scope="module")\ndef seen():\n    return []\n\n\n@pytest.mark.problem',
            1,
        )
        + '\n\n@pytest.mark.problem("softmax", points=1, rests_on="q", hint={"en": "e", "zh": "z"})\n'
        "def test_seen(student, seen):\n    seen.append(1)\n    assert len(seen) == 1\n"
    )
    with Grader(Lab.load(folder), b"secret") as own:
        scores = [own.grade(hand_in()).score for _ in range(2)]
    assert scores == [17, 17]


def test_nothing_is_graded_where_the_reference_itself_fails(hand_in, tmp_path: Path):
    folder = tmp_path / "lab"
    shutil.copytree(MINI, folder, ignore=shutil.ignore_patterns(".traces"))
    source = folder / "mini.py"
    source.write_text(source.read_text().replace("math.sqrt(q.shape[-1])", "q.shape[-1]"))
    with Grader(Lab.load(folder), b"secret") as own, pytest.raises(GraderError, match="fails test_attention_values"):
        own.grade(hand_in())
    assert not list(folder.glob(".traces/*"))


def test_a_sandbox_that_breaks_is_no_verdict_on_the_submission(grader, hand_in, monkeypatch):
    def broken():
        raise GraderError("the engine is gone")

    with monkeypatch.context() as patch:
        patch.setattr(grader.sandbox, "spawn", broken)
        with pytest.raises(GraderError, match="the engine is gone"):
            grader.grade(hand_in())
    assert grader.grade(hand_in()).score == 16


def test_a_run_that_stops_early_leaves_nothing_set_up(tmp_path: Path):
    """Three tests share a fixture. Each run ends at the first failure, and the next has the fixture made anew."""
    folder = tmp_path / "lab"
    shutil.copytree(MINI, folder, ignore=shutil.ignore_patterns(".traces"))
    tests = "import pytest\n\n\n@pytest.fixture(scope='module')\ndef seen():\n    return []\n\n\n"
    for name, body in (("a", "pass"), ("b", "assert len(seen) > 2"), ("c", "pass")):
        tests += f"{MARK}def test_{name}(student, seen):\n    seen.append('{name}')\n    {body}\n\n\n"
    (folder / "hidden" / "test_mini.py").write_text(tests)
    with Grader(Lab.load(folder), b"secret") as own:
        clock = own.clock_of_the_reference()
        for only in (None, ["test_c", "test_b", "test_a"], None):
            results, _ = own.run(own.reference, only, stop=lambda result: result.outcome != "passed", clock=clock)
            assert [result.name for result in results] == (["test_c", "test_b"] if only else ["test_a", "test_b"])
        assert [result.outcome for result in own.run(own.reference, clock=clock)[0]] == ["passed", "failed", "passed"]


def test_tests_run_in_the_order_asked_for_but_those_of_a_problem_together(grader):
    wanted = ["test_attention_gradient", "test_softmax_values", "test_attention_values", "no such test"]
    results, _ = grader.run(grader.reference, wanted)
    assert [result.name for result in results] == [wanted[0], wanted[2], wanted[1]]
