import csv

import pytest

from autograder.gradebook import release as releasing
from autograder.gradebook import scoring
from autograder.gradebook.export import ProblemsCsv


@pytest.fixture
def rows(released, lab, grader, hand_in, tmp_path):
    """Exports; returns the rows as dicts."""
    hand_in("ann")
    releasing.collect(released, lab)
    scoring.grade_student(released, lab, "ann", grader)

    def export(**options):
        plugin = ProblemsCsv(parent=released.api, to=str(tmp_path / "grades.csv"), **options)
        with released.gradebook() as gradebook:
            plugin.export(gradebook)
        with (tmp_path / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    return export


def test_a_row_per_student_with_a_column_per_problem(rows):
    ann, bob = sorted(rows(), key=lambda row: row["student_id"])
    assert (ann["score"], ann["max_score"], ann["last_name"]) == ("60.0", "100.0", "Lee")
    assert (ann["lab-99-double/double"], ann["lab-99-double/triple"]) == ("20.0", "40.0")
    assert (bob["score"], bob["lab-99-double/double"], bob["last_name"]) == ("0.0", "", "王")


def test_export_can_be_narrowed(rows):
    assert [row["student_id"] for row in rows(student=["bob"])] == ["bob"]
    assert rows(assignment=["lab-05-lora"]) == []
