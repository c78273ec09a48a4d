"""The `lab` command, from the student's seat; the grader is a double that answers as DESIGN.md says."""

import json
import os
import sys
from pathlib import Path

import pytest

from launcher import cli
from launcher.workspace import Workspace

REPORT = {
    "lab": "lab-05-lora",
    "score": 12.0,
    "max_score": 20.0,
    "seconds": 1.0,
    "problems": [
        {
            "id": "area",
            "score": 12.0,
            "max_score": 20.0,
            "tests": [
                {"name": "test_a", "outcome": "passed", "points": 12.0, "max_points": 12.0, "hint": "not shown"},
                {"name": "test_b", "outcome": "failed", "points": 0.0, "max_points": 4.0, "hint": "Square [r]."},
                {"name": "test_c", "outcome": "error", "points": 0.0, "max_points": 4.0, "hint": "Square [r]."},
            ],
        }
    ],
    "submission": {"status": "ok"},
    "sandbox": "bubblewrap",
}


@pytest.fixture
def lab(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Call `lab` in the small course; gives exit code, standard output and error."""
    monkeypatch.setattr(cli, "Workspace", lambda: workspace)
    monkeypatch.setattr(cli, "out", cli.Console(highlight=False, width=200))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lab", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0), *capfd.readouterr()

    return call


@pytest.fixture
def grader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `autograder` beside the Python that runs us; its text is the shell script to act by."""
    script = tmp_path / "bin" / "autograder"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\necho \"$@\" > {tmp_path}/call\ncat <<'EOF'\n{json.dumps(REPORT)}\nEOF\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script.with_name("python")))
    return script


def test_submit_saves_a_copy_grades_it_and_shows_each_hint_once(lab, workspace, grader, tmp_path):
    workspace.start(workspace.find("05"), "en")
    code, output, _ = lab("submit", "05")
    (submission,) = workspace.hand_ins(workspace.find("05"))
    assert code == 0
    assert (tmp_path / "call").read_text().split() == ["grade", "05", str(submission.folder), "--lang", "en", "--json"]
    assert "12 / 20" in output
    assert output.count("Square [r].") == 1
    assert "not shown" not in output
    assert submission.report() == REPORT


def test_a_grader_that_fails_costs_no_submission(lab, workspace, grader):
    workspace.start(workspace.find("05"), "en")
    grader.write_text("#!/bin/sh\nexit 3\n")
    code, _, error = lab("submit", "05")
    assert code == 2
    assert error == "Grading did not work (exit status 3). Your submission is saved.\n"
    assert workspace.hand_ins(workspace.find("05"))[0].report() is None


def test_without_a_grader_the_copy_is_what_one_hands_in(lab, workspace, monkeypatch):
    workspace.start(workspace.find("05"), "en")
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None)
    code, output, _ = lab("submit", "05")
    assert code == 0
    assert "hand in that folder" in output


def test_status_shows_what_is_built_started_and_scored(lab, workspace, grader):
    assert "ready" in lab("status")[1]
    workspace.start(workspace.find("05"), "en")
    lab("submit", "05")
    row = next(line for line in lab("status")[1].splitlines() if " 05 " in line)
    assert "started" in row
    assert "12 / 20" in row


def test_status_has_the_title_of_the_lab_where_it_is_built_and_that_of_the_outline_elsewhere(lab):
    rows = {line.split()[1]: line for line in lab("status")[1].splitlines() if "│" in line}
    assert "Areas" in rows["05"]
    assert "Transformer internals" in rows["02"]


def test_status_speaks_chinese(lab):
    shown = lab("status", "--lang", "zh")[1]
    assert "尚未完成" in shown
    assert "面积" in shown


def test_reset_says_where_the_work_went(lab, workspace):
    workspace.start(workspace.find("05"), "en")
    code, output, _ = lab("reset", "05")
    assert code == 0
    assert output.startswith("Your work is now in work/lab-05-lora.2")


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (("start", "06"), "The outline has no lesson 6. Labs that are built: 05.\n"),
        (("start", "02"), "Lab 02 (Transformer internals) is not built yet. Labs that are built: 05.\n"),
        (("check", "05"), "Lab 05 is not started yet: `make lab-05` starts it.\n"),
        (("reset", "05"), "Lab 05 is not started yet: `make lab-05` starts it.\n"),
    ],
)
def test_a_call_that_cannot_work_exits_with_2_and_one_line(lab, call, line):
    assert lab(*call) == (2, "", line)


def test_an_error_is_told_in_the_language_that_is_asked_for(lab, workspace, monkeypatch):
    line = (2, "", "--with 需要容器：请去掉 LAB_RUNTIME=venv。\n")
    assert lab("start", "05", "--lang", "zh", "--with", "ollama") == line
    monkeypatch.setenv("LLM101_LANG", "zh")
    assert lab("start", "05", "--with", "ollama") == line


def test_a_call_speaks_the_language_of_the_students_folder_and_keeps_it_to_itself(lab, workspace, monkeypatch):
    monkeypatch.delenv("LLM101_LANG")
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    workspace.start(workspace.find("05"), "zh")
    before = dict(os.environ)
    assert lab("start", "05", "--with", "ollama")[2].startswith("--with 需要容器")
    assert "尚未完成" not in lab("status")[1]
    assert "尚未完成" in lab("status", "--lang", "zh")[1]
    assert os.environ == before


def test_a_language_that_the_course_is_not_in_exits_with_2(lab, monkeypatch):
    monkeypatch.setenv("LLM101_LANG", "fr")
    for call in (("status",), ("ps",), ("start", "05"), ("reset", "05")):
        assert lab(*call) == (2, "", "unknown language 'fr': choose en or zh\n")


def test_check_runs_the_notebook_in_a_process_of_its_own_and_passes_on_how_it_went(lab, workspace, monkeypatch):
    workspace.start(workspace.find("05"), "en")
    for status, expected in ((0, 0), (1, 1), (2, 2), (-9, 2)):
        monkeypatch.setattr(
            cli.subprocess, "run", lambda *_, status=status, **__: cli.subprocess.CompletedProcess([], status)
        )
        assert lab("check", "05")[0] == expected


def test_start_serves_the_students_copy(lab, workspace, monkeypatch):
    served = {}
    monkeypatch.setattr(cli.jupyter, "serve", lambda folder, notebook, **options: served.update(options, folder=folder))
    code, output, _ = lab("start", "05", "--no-browser", "--port", "9123")
    assert code == 0
    assert served["folder"] == workspace.root / "work" / "lab-05-lora"
    assert (served["port"], served["browser"]) == (9123, False)
    stopped = "Stopped. Your work is in work/lab-05-lora; `make lab-05` opens it again."
    assert output.splitlines() == ["Starting work/lab-05-lora", stopped]
