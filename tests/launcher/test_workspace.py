"""The student's folders: nothing of theirs is ever overwritten or lost."""

import pytest

from labkit import outline
from launcher.workspace import LabError, Workspace


def test_starting_copies_the_release_in_the_chosen_language(workspace: Workspace):
    folder = workspace.start(workspace.find("05"), "zh")
    assert folder == workspace.root / "work" / "lab-05-lora"
    assert "# zh" in (folder / "lora.ipynb").read_text()


def test_a_second_start_leaves_the_work_as_it_is(workspace: Workspace):
    lab = workspace.find("05")
    folder = workspace.start(lab, "en")
    (folder / "lora.ipynb").write_text("mine")
    (workspace.release(lab, "en") / "new-in-the-release.txt").write_text("new")
    assert workspace.start(lab, "zh") == folder
    assert (folder / "lora.ipynb").read_text() == "mine"
    assert not (folder / "new-in-the-release.txt").exists()


def test_a_start_brings_the_courses_own_files_up_to_date(workspace: Workspace):
    lab = workspace.find("05")
    folder = workspace.start(lab, "en")
    (folder / "lora.ipynb").write_text("mine")
    (workspace.release(lab, "en") / "checks" / "lora.py").write_text("# corrected")
    (workspace.release(lab, "en") / "checks" / "more.py").write_text("# new")
    workspace.start(lab, "en")
    assert [file.read_text() for file in sorted((folder / "checks").iterdir())] == ["# corrected", "# new"]
    assert (folder / "lora.ipynb").read_text() == "mine"


def test_a_start_that_was_killed_is_made_good(workspace: Workspace):
    half = workspace.work / ".lab-05-lora.new"
    half.mkdir(parents=True)
    (half / "half").write_text("")
    folder = workspace.start(workspace.find("05"), "en")
    assert sorted(file.name for file in folder.iterdir()) == ["checks", "lab.toml", "lora.ipynb"]


def test_a_folder_that_was_mounted_empty_is_filled_in_its_place(workspace: Workspace):
    folder = workspace.work / "lab-05-lora"
    folder.mkdir(parents=True)
    place = folder.stat().st_ino
    workspace.start(workspace.find("05"), "zh")
    assert folder.stat().st_ino == place
    assert sorted(file.name for file in folder.iterdir()) == ["checks", "lab.toml", "lora.ipynb"]


def test_reset_moves_the_work_aside_every_time(workspace: Workspace):
    lab = workspace.find("05")
    kept = []
    for text in ("first", "second"):
        (workspace.start(lab, "en") / "lora.ipynb").write_text(text)
        kept.append(workspace.reset(lab))
    assert not workspace.folder(lab).exists()
    assert [(folder / "lora.ipynb").read_text() for folder in kept] == ["first", "second"]


def test_each_submission_is_a_copy_of_its_own(workspace: Workspace):
    lab = workspace.find("05")
    notebook = workspace.start(lab, "en") / "lora.ipynb"
    for text in ("first", "second", "third"):
        notebook.write_text(text)
        workspace.hand_in(lab)
    saved = [(submission.folder / "lora.ipynb").read_text() for submission in workspace.hand_ins(lab)]
    assert saved == ["first", "second", "third"]


def test_the_report_is_kept_beside_the_submission(workspace: Workspace):
    lab = workspace.find("05")
    workspace.start(lab, "en")
    submission = workspace.hand_in(lab)
    assert submission.report() is None
    submission.keep_report(b'{"score": 71.0}')
    assert workspace.hand_ins(lab)[-1].report() == {"score": 71.0}


def test_the_language_is_the_one_that_the_lab_was_started_in(workspace: Workspace, monkeypatch):
    lab = workspace.find("05")
    workspace.start(lab, "zh")
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    assert workspace.language(lab) == "zh"


@pytest.mark.parametrize(("locale", "lang"), [("zh_CN.UTF-8", "zh"), ("en_GB.UTF-8", "en"), ("C", "en")])
def test_the_locale_decides_the_first_time(workspace: Workspace, monkeypatch, locale, lang):
    monkeypatch.setenv("LC_ALL", locale)
    assert workspace.language(workspace.find("05")) == lang


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("06", "The outline has no lesson 6. Labs that are built: 05."),
        ("04", "Lab 04 (Pretraining) is not built yet. Labs that are built: 05."),
    ],
)
def test_a_lab_that_is_not_there_is_said_so_with_those_that_are(workspace: Workspace, number, message):
    with pytest.raises(LabError) as error:
        workspace.find(number)
    assert str(error.value) == message


def test_what_needs_a_started_lab_says_how_to_start_it(workspace: Workspace):
    with pytest.raises(LabError, match="`make lab-05` starts it"):
        workspace.hand_in(workspace.find("5"))


def test_a_missing_notebook_is_named(workspace: Workspace):
    lab = workspace.find("05")
    (workspace.start(lab, "en") / "lora.ipynb").unlink()
    with pytest.raises(LabError, match=r"work/lab-05-lora/lora\.ipynb is missing"):
        workspace.hand_in(lab)


def test_the_outline_has_no_lessons_6_and_7():
    numbers = [lesson.number for lesson in outline.LESSONS]
    assert numbers == ["00", "01", "02", "03", "04", "05", "08", "09", "10", "11", "12", "13"]


def test_the_notebooks_come_in_the_order_of_the_lab(workspace: Workspace):
    manifest = workspace.root / "assignments" / "en" / "lab-05-lora" / "lab.toml"
    manifest.write_text(manifest.read_text().replace('["lora"]', '["lora", "first", "second"]'))
    lab = workspace.find("05")
    for name in ("second", "first"):
        (workspace.release(lab, "en") / f"{name}.ipynb").write_text("{}")
    workspace.start(lab, "en")
    assert [file.stem for file in workspace.notebooks(lab)] == ["lora", "first", "second"]
