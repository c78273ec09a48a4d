import stat

import pytest

from autograder.errors import UserError
from autograder.gradebook import cohort as cohorts
from autograder.gradebook.cohort import Cohort


def students(cohort):
    with cohort.gradebook() as gradebook:
        return {s.id: (s.first_name, s.last_name, s.email) for s in gradebook.students}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_roster_with_a_byte_order_mark_is_in_the_gradebook(cohort):
    assert students(cohort) == {"ann": ("Ann", "Lee", "ann@x.org"), "bob": ("Bob", "王", "")}


def test_the_folder_is_closed_and_the_secret_is_the_owners(cohort):
    assert mode(cohort.folder) == 0o700
    assert mode(cohort.folder / "secret") == 0o600
    assert len(cohort.secret) == 32


def test_creating_again_adds_students_and_keeps_everything_else(cohort, roster, tmp_path):
    config = cohort.folder / "nbgrader_config.py"
    config.write_text(config.read_text() + "# mine\n")
    roster.write_text("id,first_name,last_name,email\nann,Other,Name,\ncy,Cy,Tan,\n")
    again, added = cohorts.create(cohort.folder, roster)
    assert [student.id for student in added] == ["cy"]
    assert students(again)["ann"] == ("Ann", "Lee", "ann@x.org")
    assert config.read_text().endswith("# mine\n")
    assert again.secret == cohort.secret


def test_a_cohort_whose_secret_is_gone_gets_no_other(cohort):
    (cohort.folder / "secret").unlink()
    with pytest.raises(UserError, match=r"secret: the secret cannot be read: .*; bring it back from a backup"):
        cohort.secret  # noqa: B018
    assert not (cohort.folder / "secret").exists()


def test_two_cohorts_have_different_secrets(cohort, roster, tmp_path):
    assert cohorts.create(tmp_path / "cohorts" / "spring", roster)[0].secret != cohort.secret


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "no column email, first_name, id, last_name"),
        (b"id,first_name,last_name\nann,Ann,Lee\n", "no column email"),
        (b"id,first_name,last_name,email\n", "no students in it"),
        (b"id,first_name,last_name,email\nann,A,B,\nann,C,D,\n", "the id ann occurs twice"),
        (b"id,first_name,last_name,email\nann,A,B,\n,C,D,\n", "line 3: an id has letters"),
        (b"id,first_name,last_name,email\n../ann,A,B,\n", "line 2: an id has letters"),
        ("id,first_name,last_name,email\nann,安,李,\n".encode("gbk"), "not UTF-8"),
        (b'id,first_name,last_name,email\nann,"A,B,\n', "not a CSV file"),
    ],
)
def test_a_bad_roster_is_one_clear_line_and_makes_no_cohort(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_bytes(text)
    with pytest.raises(UserError, match=message) as caught:
        cohorts.create(tmp_path / "new", path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_missing_roster_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.csv: no such file"):
        cohorts.create(tmp_path / "new", tmp_path / "gone.csv")


@pytest.mark.parametrize("name", ["a+b", ".hidden", "a b", ""])
def test_a_cohort_name_is_safe_for_nbgrader(tmp_path, roster, name):
    with pytest.raises(UserError, match="a cohort is named with"):
        cohorts.create(tmp_path.parent / name if name else tmp_path / "..", roster)


def test_the_language_of_a_cohort_stays(cohort, roster):
    assert cohort.lang == "en"
    with pytest.raises(UserError, match="its language is en"):
        cohorts.create(cohort.folder, roster, "zh")


def test_an_unknown_cohort_says_how_to_make_it(tmp_path):
    with pytest.raises(UserError, match="autograder cohort create autum --roster"):
        Cohort.open(tmp_path / "autum")


def test_the_cohort_may_move_to_another_folder(cohort, tmp_path):
    cohort.folder.rename(tmp_path / "autumn")
    assert set(students(Cohort.open(tmp_path / "autumn"))) == {"ann", "bob"}
