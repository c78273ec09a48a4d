"""labkit.check: what a student reads, whatever their code does."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import labkit
from labkit.check import Case, as_html, as_text, case, cases_of, run_cases
from labkit.i18n import Lang
from tests.english import sentences

CASES = """
from labkit.check import case, fail


@case("area", en="the unit circle", zh="单位圆")
def unit_circle(student):
    if abs(student.area(1) - 3.14159) > 1e-3:
        fail("The unit circle has the area pi.", "单位圆的面积是 π。")


@case("area", en="radius 0", zh="半径为 0")
def radius_zero(student):
    assert student.area(0) == 0
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a lab with two cases of the problem "area", where the notebook runs."""
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "circle.py").write_text(CASES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def area_cases() -> list[Case]:
    return cases_of("area", Path.cwd())


def outcome_of(source: str, lang: Lang = "en") -> tuple[str, str]:
    """Outcome and message of the first case, for a notebook that consists of `source`."""
    namespace: dict[str, Any] = {}
    exec(compile(source, "<cell 1>", "exec"), namespace)
    result = run_cases(area_cases(), namespace, lang)[0]
    return result.outcome, result.message


def test_right_code_passes():
    assert outcome_of("def area(r): return 3.14159 * r * r") == ("passed", "")


def test_a_wrong_answer_reads_the_sentence_of_the_case():
    assert outcome_of("def area(r): return r") == ("failed", "The unit circle has the area pi.")


def test_the_sentence_comes_in_the_readers_language():
    assert outcome_of("def area(r): return r", "zh") == ("failed", "单位圆的面积是 π。")


def test_a_name_that_is_not_there_is_said_so():
    assert outcome_of("x = 1") == ("unwritten", "`area` is not defined yet: run the cell that defines it first.")


def test_unwritten_code_is_not_a_failure():
    assert outcome_of("def area(r): raise NotImplementedError") == ("unwritten", "not written yet")


def test_an_exception_is_told_with_the_students_own_line():
    outcome, message = outcome_of("def area(r):\n    return helper(r)\ndef helper(r):\n    return {}[r]")
    assert outcome == "failed"
    assert message.startswith("KeyError: 1\n  helper, line 4")


@pytest.mark.parametrize("body", ["import sys; sys.exit(3)", "return area(r)", "return 'x' * 10", "assert r > 9"])
def test_whatever_the_code_does_it_is_shown_and_not_raised(body):
    assert outcome_of(f"def area(r): {body}")[0] == "failed"


def test_an_interrupt_from_the_keyboard_gets_through():
    with pytest.raises(KeyboardInterrupt):
        outcome_of("def area(r): raise KeyboardInterrupt")


def test_an_endless_message_is_cut():
    assert len(outcome_of("def area(r): raise ValueError('x' * 10**6)")[1].splitlines()[0]) <= 300


def test_an_unknown_problem_is_an_error_of_the_caller():
    with pytest.raises(ValueError, match="checks has no public cases for 'volume'"):
        labkit.check("volume")


def test_another_lab_may_have_a_problem_of_the_same_name(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("another-lab")
    (other / "checks").mkdir()
    (other / "checks" / "square.py").write_text(CASES.replace("the unit circle", "the unit square"))
    assert [one.title.en for one in cases_of("area", folder)] == ["the unit circle", "radius 0"]
    assert [one.title.en for one in cases_of("area", other)] == ["the unit square", "radius 0"]


def test_cases_that_have_changed_on_disk_are_read_again(folder):
    area_cases()
    (folder / "checks" / "circle.py").write_text(CASES.replace("radius 0", "no radius"))
    os.utime(folder / "checks" / "circle.py", ns=(1, 1))
    assert area_cases()[1].title.en == "no radius"


def test_the_language_is_that_of_the_release_in_the_folder(folder, capsys):
    (folder / "lab.toml").write_text('lang = "zh"')
    exec("def area(r): return r\nlabkit.check('area')", {"labkit": labkit})
    assert "单位圆的面积是 π。" in capsys.readouterr().out


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def area(r): raise NotImplementedError",
        "def area(r): return r",
        "def area(r):\n    return {}[r]",
        "def area(r): return helper(r)",
        "def area(r):\n    from labkit.corpora import load\n    return load('fr')",
    ],
)
def test_in_chinese_everything_but_pythons_own_words_is_chinese(source):
    namespace: dict[str, Any] = {}
    exec(compile(source, "<cell 1>", "exec"), namespace)
    results = run_cases(area_cases(), namespace, "zh")
    for text in (as_text("area", results, "zh"), as_html("area", results, "zh")):
        assert sentences(text) == []
    assert sentences(as_text("area", run_cases(area_cases(), namespace, "en"), "en"))


def test_check_looks_at_the_callers_names_and_prints_outside_jupyter(capsys):
    caller = {"labkit": labkit}
    exec("def area(r): return r\nlabkit.check('area')", caller)
    assert capsys.readouterr().out.splitlines() == [
        "area: 1 of 2 public checks passed",
        "  ✗ the unit circle",
        "      The unit circle has the area pi.",
        "  ✓ radius 0",
        "  These are public cases; grading uses other, hidden tests.",
    ]


def test_html_escapes_what_came_from_the_student():
    namespace: dict[str, Any] = {}
    exec("def area(r): raise ValueError('<script>')", namespace)
    assert "<script>" not in as_html("area", run_cases(area_cases(), namespace, "en"), "en")


def test_cases_are_repeatable_and_leave_the_random_state_alone():
    torch = pytest.importorskip("torch")
    drawn = []

    @case("noise", en="noise", zh="噪声")
    def noise(student: Any) -> None:
        drawn.append(torch.rand(()).item())

    state = torch.random.get_rng_state()
    run_cases([noise], {}, "en")
    run_cases([noise], {}, "en")
    assert drawn[0] == drawn[1]
    assert torch.equal(state, torch.random.get_rng_state())


def test_importing_labkit_is_light():
    heavy = "torch", "transformers", "rich", "IPython"
    code = f"import labkit, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path.home())
    assert done.stdout.strip() == "[]", done.stderr


def test_it_works_in_a_real_kernel(folder):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    source = "import labkit\ndef area(r): return r\nlabkit.check('area')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    output = notebook.cells[0].outputs[-1]
    assert "The unit circle has the area pi." in output.data["text/html"]
    assert "The unit circle has the area pi." in output.data["text/plain"]
