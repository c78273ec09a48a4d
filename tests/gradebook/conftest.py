"""A cohort of two students with the sample lab released, and a double of the grader."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from autograder.gradebook import cohort as cohorts
from autograder.gradebook import release as releasing
from autograder.gradebook.cohort import Cohort
from autograder.grading.report import ProblemReport, Report, SubmissionStatus, TestReport
from autograder.lab import Lab
from labkit.i18n import Lang

SAMPLE = Path(__file__).parent.parent / "notebooks" / "lab-99-double"
HOSTILE_MESSAGE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@dataclass
class GraderDouble:
    """Stands for autograder.grading.grader.Grader: the scores are given, nothing runs."""

    scores: dict[str, float] = field(default_factory=lambda: {"double": 20.0, "triple": 40.0})
    graded: list[Path] = field(default_factory=list)
    fails_on: str = ""  # student for whom the grader itself fails
    unreadable: str = ""  # student whose submission it cannot read

    def grade(self, submission: Path, lang: Lang = "en") -> Report:
        student = submission.parent.name
        self.graded.append(submission)
        if student == self.fails_on:
            raise RuntimeError("the sandbox is gone")
        readable = student != self.unreadable
        problems = [
            ProblemReport(name, score if readable else 0.0, worth, tests if readable else [])
            for (name, score), worth, tests in zip(self.scores.items(), (60.0, 40.0), (self._tests(), []), strict=True)
        ]
        status = SubmissionStatus("ok") if readable else SubmissionStatus("unreadable", "not a notebook")
        score = sum(problem.score for problem in problems)
        return Report("lab-99-double", score, 100.0, 0.1, problems, status, "double")

    def _tests(self) -> list[TestReport]:
        return [
            TestReport("test_doubles_a_positive_number", "passed", 20.0, 20.0, "", "", None, 0.01),
            TestReport(
                "test_doubles_a_negative_number",
                "failed",
                0.0,
                40.0,
                HOSTILE_MESSAGE,
                "Look at the sign.",
                "sign-lost",
                0.01,
            ),
        ]


ROSTER = "id,first_name,last_name,email\nann,Ann,Lee,ann@x.org\nbob,Bob,王,\n"


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new cohort and one with the lab released, to copy: nbgrader takes seconds for a new database."""
    folder = tmp_path_factory.mktemp("templates")
    (folder / "roster.csv").write_text(ROSTER, encoding="utf-8-sig")
    cohort, _ = cohorts.create(folder / "new" / "autumn", folder / "roster.csv")
    shutil.copytree(cohort.folder, folder / "released" / "autumn")
    due = releasing.parse_due("2026-10-01T12:00Z")
    releasing.release(Cohort.open(folder / "released" / "autumn"), Lab.load(SAMPLE), due)
    return folder


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    solutions = tmp_path / "solutions"
    shutil.copytree(SAMPLE, solutions / SAMPLE.name)
    monkeypatch.setenv("LLM101_SOLUTIONS", str(solutions))
    return Lab.load(solutions / SAMPLE.name)


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER, encoding="utf-8-sig")
    return path


@pytest.fixture
def cohort(templates: Path, tmp_path: Path) -> Cohort:
    """A new cohort."""
    shutil.copytree(templates / "new", tmp_path / "cohorts")
    return Cohort.open(tmp_path / "cohorts" / "autumn")


@pytest.fixture
def released(templates: Path, tmp_path: Path) -> Cohort:
    """The cohort with the lab released, due at noon of 2026-10-01 UTC."""
    shutil.copytree(templates / "released", tmp_path / "cohorts")
    return Cohort.open(tmp_path / "cohorts" / "autumn")


@pytest.fixture
def hand_in(released: Cohort, lab: Lab):
    """Puts a submission into the exchange as `nbgrader submit` does; returns its folder."""

    def submit(student: str, time: str = "2026-10-01 11:00:00.0 UTC", notebook: bytes | None = None) -> Path:
        folder = released.folder / "exchange" / released.name / "inbound" / f"{student}+{lab.id}+{time}+r4nd0m"
        folder.mkdir(parents=True)
        if notebook is None:
            notebook = (released.path("release", ".", lab.id) / "double.ipynb").read_bytes()
        (folder / "double.ipynb").write_bytes(notebook)
        (folder / "timestamp.txt").write_text(time)
        (folder / "submission_secret.txt").write_text(f"secret of {student}")
        return folder

    return submit


@pytest.fixture
def release_json(released: Cohort, lab: Lab):
    """The released notebook as JSON, to be tampered with."""
    return json.loads((released.path("release", ".", lab.id) / "double.ipynb").read_text(encoding="utf-8"))


@pytest.fixture
def grader() -> GraderDouble:
    return GraderDouble()
