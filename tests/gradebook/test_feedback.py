import re

import pytest
from nbgrader.utils import notebook_hash

from autograder.errors import UserError
from autograder.gradebook import feedback, scoring
from autograder.gradebook import release as releasing


@pytest.fixture
def graded(released, lab, grader, hand_in):
    hand_in("ann", "2026-10-01 13:00:00.0 UTC")
    hand_in("bob")
    grader.unreadable = "bob"
    releasing.collect(released, lab)
    for student in ("ann", "bob"):
        scoring.grade_student(released, lab, student, grader)
    return released


def page(cohort, lab, student):
    return (cohort.path("feedback", student, lab.id) / "double.html").read_text(encoding="utf-8")


def test_feedback_is_where_the_student_fetches_it(graded, lab):
    assert feedback.graded_students(graded, lab) == ["ann", "bob"]
    assert feedback.release_feedback(graded, lab, "ann").status == "released"
    name = notebook_hash(secret="secret of ann", notebook_id="double")
    exchange = graded.folder / "exchange" / "autumn" / "feedback"
    assert (exchange / f"{name}.html").read_text(encoding="utf-8") == page(graded, lab, "ann")


def test_a_page_has_tests_points_hint_and_diagnosis(graded, lab):
    feedback.release_feedback(graded, lab, "ann")
    html = page(graded, lab, "ann")
    for text in ("60 / 100", "20 / 60", "doubles a negative number", "Look at the sign.", "sign-lost"):
        assert text in html


def test_what_a_student_wrote_is_text_in_the_page(graded, lab):
    feedback.release_feedback(graded, lab, "ann")
    html = page(graded, lab, "ann")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert not re.search(r"<(script|img|iframe|link)", html)
    assert "default-src 'none'" in html


def test_a_page_has_nothing_of_the_hidden_suite(graded, lab):
    feedback.release_feedback(graded, lab, "ann")
    html = page(graded, lab, "ann")
    hidden = (lab.hidden / "test_double.py").read_text()
    for line in hidden.splitlines():
        if len(line.strip()) > 20:
            assert line.strip() not in html


def test_an_unreadable_submission_is_told_why(graded, lab):
    feedback.release_feedback(graded, lab, "bob")
    assert "could not be read: not a notebook" in page(graded, lab, "bob")


def test_the_teachers_score_comment_and_the_late_penalty_are_in_the_page(graded, lab):
    with graded.gradebook() as gradebook:
        gradebook.find_grade("double", "double", lab.id, "ann").manual_score = 55
        gradebook.find_comment("double-solution", "double", lab.id, "ann").manual_comment = "See me <b>soon</b>"
        gradebook.find_submission_notebook("double", lab.id, "ann").late_submission_penalty = 5
        gradebook.db.commit()
    feedback.release_feedback(graded, lab, "ann")
    html = page(graded, lab, "ann")
    for text in (
        "55 / 60",
        "set by your teacher",
        "See me &lt;b&gt;soon&lt;/b&gt;",
        "Late submission: −5",
        "90 / 100",
    ):
        assert text in html


def test_without_a_submission_secret_the_page_is_written_and_said_so(graded, lab):
    (graded.path("submitted", "ann", lab.id) / "submission_secret.txt").unlink()
    result = feedback.release_feedback(graded, lab, "ann")
    assert result.status == "written"
    assert "60 / 100" in page(graded, lab, "ann")


def test_a_new_submission_does_not_get_the_feedback_of_the_old_one(graded, lab, hand_in):
    hand_in("ann", "2026-10-02 13:00:00.0 UTC")
    releasing.collect(graded, lab)
    result = feedback.release_feedback(graded, lab, "ann")
    assert result.status == "not released"
    assert "changed since it was graded" in result.message


def test_feedback_before_grading_says_so(released, lab):
    with pytest.raises(UserError, match="autograder grade-all 99 --cohort autumn"):
        feedback.graded_students(released, lab)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_word_of_the_page_is_there_in_both_languages(graded, lab, lang, grader):
    report = grader.grade(graded.path("submitted", "ann", lab.id))
    html = feedback.render(lab, report, feedback.standing(graded, lab, "ann"), lang)
    assert lab.title.text(lang) in html
    assert feedback.WORDS["total"].text(lang) in html


@pytest.mark.parametrize(
    ("hint", "html"),
    [
        ("看*这一步*的 `lr`", "看<em>这一步</em>的 <code>lr</code>"),
        ("*Which* axis, and 2*x*y or a * b * c?", "<em>Which</em> axis, and 2*x*y or a * b * c?"),
        ("<b>*x*</b>", "&lt;b&gt;<em>x</em>&lt;/b&gt;"),
    ],
)
def test_a_hint_keeps_its_emphasis_and_its_code(hint, html):
    template = feedback._environment.from_string("{{ hint | hint }}")
    assert template.render(hint=hint) == html
