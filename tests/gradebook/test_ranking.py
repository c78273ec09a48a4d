import pytest

from autograder.errors import UserError
from autograder.gradebook import feedback, report_store, scoring
from autograder.gradebook import release as releasing
from autograder.gradebook.ranking import ranking
from autograder.grading.report import Entry
from labkit.i18n import Bilingual

UNIT = Bilingual("bits per byte", "每字节比特数")


@pytest.fixture
def compete(released, lab, grader, hand_in):
    """Grades ann and bob, whose reports get these entries."""

    def run(**entries):
        for student in entries:
            hand_in(student)
        releasing.collect(released, lab)
        for student, entry in entries.items():
            scoring.grade_student(released, lab, student, grader)
            report = report_store.load(released, student, lab.id)
            report.leaderboard = entry
            report_store.save(released, student, report, scoring.submission_digest(released, lab, student))
        return released

    return run


@pytest.mark.parametrize(("lowest_first", "order"), [(True, ["bob", "ann"]), (False, ["ann", "bob"])])
def test_the_best_comes_first(compete, lab, lowest_first, order):
    cohort = compete(ann=Entry(2.5, UNIT, lowest_first), bob=Entry(1.5, UNIT, lowest_first))
    assert [(one.rank, one.student) for one in ranking(cohort, lab)] == [(1, order[0]), (2, order[1])]


def test_equal_figures_share_a_rank(compete, lab):
    cohort = compete(ann=Entry(1.5, UNIT, True), bob=Entry(1.5, UNIT, True))
    assert [one.rank for one in ranking(cohort, lab)] == [1, 1]


def test_a_refused_entry_comes_last_without_a_rank(compete, lab):
    cohort = compete(ann=Entry(None, UNIT, True, "too many parameters"), bob=Entry(9.5, UNIT, True))
    assert [(one.rank, one.student) for one in ranking(cohort, lab)] == [(1, "bob"), (None, "ann")]


def test_without_an_entry_the_command_says_so(compete, lab):
    with pytest.raises(UserError, match="no submission to lab-99-double in autumn has an entry"):
        ranking(compete(ann=None), lab)


def test_the_feedback_page_tells_the_figure(compete, lab):
    cohort = compete(ann=Entry(1.5, UNIT, True))
    feedback.release_feedback(cohort, lab, "ann")
    html = (cohort.path("feedback", "ann", lab.id) / "double.html").read_text(encoding="utf-8")
    assert "Leaderboard: 1.5000 bits per byte" in html
