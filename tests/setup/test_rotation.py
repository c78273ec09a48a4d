"""Which labs and notebooks the slow tests take: at most two of each, and each in its turn."""

import subprocess
from pathlib import Path

import pytest

from tests import rotation

LAB = 'id = "{0}"\nlesson = "{1}"\nnotebooks = ["first", "second"]\nrequirements = "lab"\n[title]\nen = "x"\nzh = "x"\n'


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with three labs, committed a month ago, and a history that `commit` goes on with."""
    for lesson in ("01", "02", "03"):
        folder = tmp_path / "solutions" / f"lab-{lesson}-x"
        folder.mkdir(parents=True)
        (folder / "lab.toml").write_text(LAB.format(folder.name, lesson))
    monkeypatch.setattr(rotation, "REPOSITORY", tmp_path)
    monkeypatch.setenv("LLM101_SOLUTIONS", str(tmp_path / "solutions"))
    monkeypatch.delenv(rotation.ALL, raising=False)
    rotation._git.cache_clear()
    yield tmp_path
    rotation._git.cache_clear()


def commit(course: Path, *changed: str, date: str = "2026-06-01T12:00Z") -> None:
    for name in changed:
        with (course / "solutions" / name).open("a") as file:
            file.write("\n")
    dated = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "PATH": "/usr/bin:/bin", "HOME": str(course)}
    who = ["-c", "user.name=x", "-c", "user.email=x@x"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", "-C", course, *words], check=True, env=dated)
    rotation._git.cache_clear()


def chosen() -> tuple[list[str], list[str]]:
    return [lab.lesson for lab in rotation.labs()], [f"{lab.lesson} {name}" for lab, name in rotation.notebooks()]


def test_without_a_history_all_are_taken(course):
    labs, notebooks = chosen()
    assert (labs, len(notebooks)) == (["01", "02", "03"], 6)


def test_all_are_taken_where_all_are_asked_for(course, monkeypatch):
    commit(course)
    monkeypatch.setenv(rotation.ALL, "1")
    assert len(chosen()[1]) == 6


def test_what_changed_last_and_another_that_changes_with_each_commit(course):
    commit(course, date="2026-05-01T12:00Z")
    commit(course, "lab-01-x/first.py", date="2026-06-01T12:00Z")
    commit(course, "lab-02-x/second.py", date="2026-06-01T13:00Z")
    seen = set()
    for _ in range(5):
        labs, notebooks = chosen()
        assert len(labs) == len(notebooks) == 2
        assert "02" in labs and "02 second" in notebooks
        seen |= {*labs, *notebooks}
        commit(course, date="2026-06-01T14:00Z")
    assert len(seen) == 3 + 6


def test_a_change_of_the_day_before_has_had_its_run(course):
    commit(course, date="2026-05-01T12:00Z")
    commit(course, "lab-01-x/first.py", date="2026-05-02T12:00Z")
    commit(course, date="2026-06-01T12:00Z")
    labs, notebooks = chosen()
    assert len(labs) == len(notebooks) == 1
