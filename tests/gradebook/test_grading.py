import json

import nbformat
import pytest

from autograder.errors import UserError
from autograder.gradebook import release as releasing
from autograder.gradebook import report_store, scoring


@pytest.fixture
def grade(released, lab, grader):
    """Collects, then grades what waits, or all; returns student -> Graded."""

    def run(every=False):
        releasing.collect(released, lab)
        students, _ = scoring.submitted_students(released, lab)
        todo = students if every else scoring.waiting(released, lab, students)
        return {student: scoring.grade_student(released, lab, student, grader) for student in todo}

    return run


def score(cohort, lab, student):
    with cohort.gradebook() as gradebook:
        submission = gradebook.find_submission(lab.id, student)
        return submission.score - submission.late_submission_penalty


def autograded(cohort, lab, student):
    return nbformat.read(cohort.path("autograded", student, lab.id) / "double.ipynb", as_version=4)


def test_scores_are_in_the_gradebook_and_the_report_is_kept(released, lab, grade, hand_in):
    hand_in("ann")
    result = grade()["ann"]
    assert (result.status, result.score, result.max_score) == ("graded", 60, 100)
    with released.gradebook() as gradebook:
        grades = gradebook.find_submission_notebook("double", lab.id, "ann").grades
        assert {g.name: (g.auto_score, g.needs_manual_grade) for g in grades} == {
            "double": (20, False),
            "triple": (40, False),
        }
    assert json.loads((released.folder / "reports" / "ann" / f"{lab.id}.json").read_bytes())["score"] == 60


def test_only_new_and_changed_submissions_wait(released, lab, grade, hand_in, grader):
    hand_in("ann")
    hand_in("bob")
    assert set(grade()) == {"ann", "bob"}
    assert grade() == {}
    hand_in("bob", "2026-10-01 11:30:00.0 UTC", b"{}")
    assert set(grade()) == {"bob"}
    assert len(grader.graded) == 3


def test_grading_all_again_changes_no_score(released, lab, grade, hand_in):
    hand_in("ann")
    grade()
    assert grade(every=True)["ann"].score == 60
    assert score(released, lab, "ann") == 60


def test_an_interrupted_grading_waits_again(released, lab, grade, hand_in, grader, monkeypatch):
    hand_in("ann")
    monkeypatch.setattr(scoring, "show_to_teachers", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        grade()
    assert score(released, lab, "ann") == 60
    assert scoring.waiting(released, lab, ["ann"]) == ["ann"]


def test_an_unreadable_submission_gets_zero_and_says_why(released, lab, grade, hand_in, grader):
    grader.unreadable = "ann"
    hand_in("ann", notebook=b"%PDF-1.7")
    hand_in("bob")
    results = grade()
    assert (results["ann"].status, results["ann"].message) == ("unreadable", "not a notebook")
    assert results["bob"].score == 60
    assert score(released, lab, "ann") == 0
    assert report_store.load(released, "ann", lab.id).submission.message == "not a notebook"
    assert "cannot be read" in autograded(released, lab, "ann").cells[0].source


def test_a_failing_grader_ends_no_batch_and_gives_no_score(released, lab, grade, hand_in, grader):
    grader.fails_on = "ann"
    hand_in("ann")
    hand_in("bob")
    results = grade()
    assert (results["ann"].status, results["ann"].message) == ("not graded", "the sandbox is gone")
    assert results["bob"].status == "graded"
    assert scoring.waiting(released, lab, ["ann", "bob"]) == ["ann"]


def test_a_folder_of_somebody_who_is_not_on_the_roster_is_named(released, lab):
    released.path("submitted", "eve", lab.id).mkdir(parents=True)
    assert scoring.submitted_students(released, lab) == ([], ["eve"])


def test_a_lab_with_other_points_than_its_release_is_not_graded(released, lab, grade, hand_in, grader):
    grader.scores = {"double": 1.0, "quadruple": 1.0}
    hand_in("ann")
    assert "has other points than its release" in grade()["ann"].message


def test_grading_what_was_not_released_says_so(cohort, lab):
    with pytest.raises(UserError, match="autograder release 99 --cohort autumn"):
        scoring.released_points(cohort, lab)


def test_a_teachers_own_score_stays_and_asks_for_a_look(released, lab, grade, hand_in):
    hand_in("ann")
    grade()
    with released.gradebook() as gradebook:
        gradebook.find_grade("double", "double", lab.id, "ann").manual_score = 60
        gradebook.db.commit()
    grade(every=True)
    with released.gradebook() as gradebook:
        found = gradebook.find_grade("double", "double", lab.id, "ann")
        assert (found.score, found.needs_manual_grade) == (60, True)


@pytest.mark.parametrize(
    ("method", "time", "expected"),
    [("none", "13:00", 60), ("zero", "13:00", 0), ("zero", "11:59", 60)],
)
def test_late_submissions_follow_nbgraders_plugin(released, lab, grade, hand_in, method, time, expected):
    config = released.folder / "nbgrader_config.py"
    config.write_text(config.read_text().replace('penalty_method = "none"', f'penalty_method = "{method}"'))
    hand_in("ann", f"2026-10-01 {time}:00.0 UTC")
    grade()
    assert score(released, lab, "ann") == expected


def test_teachers_see_the_students_code_and_the_report_in_the_notebook(released, lab, grade, hand_in, release_json):
    release_json["cells"][2]["source"] = "def double(x):\n    return 7"
    release_json["cells"].insert(2, new_cell("helper = 1"))
    hand_in("ann", notebook=json.dumps(release_json).encode())
    grade()
    cells = autograded(released, lab, "ann").cells
    assert [cell.source for cell in cells[2:4]] == ["helper = 1", "def double(x):\n    return 7"]
    check = next(cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "double")
    assert "double: 20 / 60" in check.outputs[0].text
    assert "Look at the sign." in check.outputs[0].text


def new_cell(source, **metadata):
    return {
        "cell_type": "code",
        "id": f"new-{abs(hash(source))}",
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def delete_checks(notebook):
    notebook["cells"] = [c for c in notebook["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")]


def duplicate_checks(notebook):
    notebook["cells"] += [dict(cell, id=f"copy-{i}") for i, cell in enumerate(notebook["cells"])]


def more_points(notebook):
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["metadata"]["nbgrader"]["points"] = 1000


def other_ids(notebook):
    for cell in notebook["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["grade_id"] += "-mine"


def swapped_roles(notebook):
    for cell in notebook["cells"]:
        if flags := cell["metadata"].get("nbgrader"):
            flags["grade"], flags["solution"] = flags["solution"], flags["grade"]


def old_schema(notebook):
    for cell in notebook["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"] = {"schema_version": 1, "grade_id": 3}


def full_marks_output(notebook):
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [
                {
                    "output_type": "execute_result",
                    "data": {"text/plain": "60"},
                    "metadata": {},
                    "execution_count": 1,
                }
            ]


def hostile_metadata(notebook):
    for cell in notebook["cells"]:
        cell["metadata"]["nbgrader"] = {
            "grade_id": {"$": ["</script>"]},
            "grade": "yes",
            "points": float("nan"),
        }


@pytest.mark.parametrize(
    "attack",
    [
        delete_checks,
        duplicate_checks,
        more_points,
        other_ids,
        swapped_roles,
        old_schema,
        full_marks_output,
        hostile_metadata,
    ],
)
def test_tampering_with_cells_changes_no_score(released, lab, grade, hand_in, release_json, attack):
    attack(release_json)
    hand_in("ann", notebook=json.dumps(release_json).encode())
    hand_in("bob")
    results = grade()
    assert {student: (r.status, r.score) for student, r in results.items()} == {
        "ann": ("graded", 60),
        "bob": ("graded", 60),
    }
    with released.gradebook() as gradebook:
        assert gradebook.find_assignment(lab.id).max_score == 100
    cells = autograded(released, lab, "ann").cells
    graded = [c.metadata.nbgrader for c in cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert [(g.grade_id, g.points) for g in graded] == [("double", 60), ("triple", 40)]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\x00" * 100, b"[" * 100_000, b'{"cells": 3}', b" " * 200_000_000]
)
def test_what_is_no_notebook_ends_no_batch(released, lab, grade, hand_in, content):
    hand_in("ann", notebook=content)
    hand_in("bob")
    results = grade()
    assert results["ann"].status != "not graded"
    assert results["bob"].score == 60


def test_a_link_put_into_submitted_is_never_followed(released, lab, grade, hand_in, grader, tmp_path):
    private = tmp_path / "private"
    private.mkdir()
    (private / "double.ipynb").write_text("someone else's")
    (released.folder / "submitted" / "ann").mkdir()
    (released.folder / "submitted" / "ann" / lab.id).symlink_to(private)
    folder = released.path("submitted", "bob", lab.id)
    folder.mkdir(parents=True)
    (folder / "double.ipynb").symlink_to(private / "double.ipynb")
    (folder / "more.txt").symlink_to(private / "double.ipynb")
    results = grade()
    assert results["ann"].status == "unreadable"
    assert grader.graded == [folder]
    copied = [path for path in released.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not any("someone else's" in path.read_text(errors="replace") for path in copied)
    written = sorted(path.name for path in released.path("autograded", "bob", lab.id).iterdir())
    assert written == ["checks", "double.ipynb", "lab.toml"]  # the release's own files, and no more.txt
