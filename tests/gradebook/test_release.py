import json
import os
from datetime import datetime

import nbformat
import pytest

from autograder import source
from autograder.errors import UserError
from autograder.gradebook import cohort as cohorts
from autograder.gradebook import release as releasing


def collect(cohort, lab):
    return {one.student: one.status for one in releasing.collect(cohort, lab)}


def test_a_due_date_is_kept_in_utc():
    assert releasing.parse_due("2026-10-01T23:59+08:00") == datetime(2026, 10, 1, 15, 59)


@pytest.mark.parametrize(("text", "message"), [("tomorrow", "--due is a time"), ("2026-10-01T23:59", "offset")])
def test_a_bad_due_date_is_one_clear_line(text, message):
    with pytest.raises(UserError, match=message):
        releasing.parse_due(text)


def test_the_exchange_has_the_same_release_as_the_repository(released, lab):
    out = released.folder / "exchange" / "autumn" / "outbound" / lab.id / "double.ipynb"
    assert nbformat.read(out, as_version=4) == source.release(lab, "double")


def test_the_gradebook_has_problems_points_and_due_date(released, lab):
    with released.gradebook() as gradebook:
        assignment = gradebook.find_assignment(lab.id)
        assert assignment.duedate == datetime(2026, 10, 1, 12)
        assert {c.name: c.max_score for c in assignment.notebooks[0].grade_cells} == {
            "double": 60,
            "triple": 40,
        }


def test_releasing_again_corrects_the_text_and_keeps_the_due_date(released, lab):
    path = lab.folder / "double.py"
    path.write_text(path.read_text().replace("# # Double\n", "# # Double it\n"))
    releasing.release(released, lab)
    out = released.folder / "exchange" / "autumn" / "outbound" / lab.id / "double.ipynb"
    assert "# Double it" in out.read_text()
    with released.gradebook() as gradebook:
        assert gradebook.find_assignment(lab.id).duedate == datetime(2026, 10, 1, 12)


def test_cells_cannot_change_once_there_are_submissions(released, lab):
    with released.gradebook() as gradebook:
        gradebook.add_submission(lab.id, "ann")
    path = lab.folder / "double.py"
    path.write_text(path.read_text().replace('"grade_id": "triple-solution"', '"grade_id": "thrice-solution"'))
    with pytest.raises(UserError, match="Cannot add or remove cells") as caught:
        releasing.release(released, lab)
    assert "\n" not in str(caught.value)


def test_a_lab_that_does_not_fit_together_is_not_released(cohort, lab):
    path = lab.folder / "double.py"
    path.write_text(path.read_text().replace('"points": 60', '"points": 50'))
    with pytest.raises(UserError, match="sum to 60"):
        releasing.release(cohort, lab)
    assert not list((cohort.folder / "source").iterdir())


def test_collect_takes_the_last_submission_of_each_student(released, lab, hand_in):
    hand_in("ann", "2026-10-01 10:00:00.0 UTC", b"first")
    hand_in("ann", "2026-10-01 11:00:00.0 UTC", b"second")
    assert collect(released, lab) == {"ann": "new", "bob": "none"}
    assert (released.path("submitted", "ann", lab.id) / "double.ipynb").read_bytes() == b"second"
    assert collect(released, lab) == {"ann": "unchanged", "bob": "none"}
    hand_in("ann", "2026-10-02 11:00:00.0 UTC", b"third")
    assert collect(released, lab)["ann"] == "new"


def test_collecting_what_was_not_released_says_so(cohort, lab):
    with pytest.raises(UserError, match="autograder release 99 --cohort autumn"):
        releasing.collect(cohort, lab)


def test_links_and_pipes_are_not_collected(released, lab, hand_in, tmp_path):
    (tmp_path / "private.txt").write_text("someone else's")
    folder = hand_in("ann")
    (folder / "double.ipynb").unlink()
    (folder / "double.ipynb").symlink_to(tmp_path / "private.txt")
    (folder / "etc").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    assert collect(released, lab)["ann"] == "new"
    taken = {path.name for path in released.path("submitted", "ann", lab.id).iterdir()}
    assert taken == {"submission_secret.txt", "timestamp.txt"}


def test_a_link_to_the_submission_of_another_student_is_refused(released, lab, hand_in):
    bobs = hand_in("bob")
    (bobs.parent / f"ann+{lab.id}+2026-10-01 11:00:00 UTC+x").symlink_to(bobs)
    assert collect(released, lab) == {"ann": "refused", "bob": "new"}
    assert not released.path("submitted", "ann", lab.id).exists()


@pytest.mark.parametrize("time", ["garbage", "", "9999999999999999 UTC", "2026-10-01 11:00:00 ../../etc/passwd"])
def test_a_time_stamp_that_is_none_stops_nobody(released, lab, hand_in, time):
    hand_in("ann", time.replace("/", "_"))
    hand_in("bob")
    assert collect(released, lab) == {"ann": "new", "bob": "new"}
    assert collect(released, lab) == {"ann": "unchanged", "bob": "unchanged"}


def test_a_time_stamp_file_that_lies_is_replaced_by_the_time_of_the_submission(released, lab, hand_in):
    folder = hand_in("ann", "2026-10-01 13:00:00.0 UTC")
    (folder / "timestamp.txt").write_text("1999-01-01 00:00:00 UTC")
    collect(released, lab)
    assert (released.path("submitted", "ann", lab.id) / "timestamp.txt").read_text() == "2026-10-01 13:00:00 UTC"


@pytest.mark.parametrize("name", ["..", ".", "eve", "ann+lab-99-double"])
def test_a_sender_who_is_not_on_the_roster_is_not_collected(released, lab, hand_in, name):
    hand_in(name)
    before = sorted(released.folder.iterdir())
    assert released.api.collect(lab.id)["success"]  # as plain `nbgrader collect` does
    assert sorted(released.folder.iterdir()) == before
    assert not list((released.folder / "submitted").iterdir())


def test_a_cohort_in_chinese_releases_chinese_notebooks(tmp_path, roster, lab):
    cohort, _ = cohorts.create(tmp_path / "cohorts" / "autumn", roster, "zh")
    releasing.release(cohort, lab)
    notebook = json.loads((cohort.path("release", ".", lab.id) / "double.ipynb").read_text(encoding="utf-8"))
    assert notebook["cells"][0]["source"] == ["# 加倍"]
