import json
import tomllib

import pytest

from autograder import bilingual_code
from autograder.authoring.build import build
from autograder.authoring.hidden_tests import hidden_tests
from autograder.authoring.verify import problem_points, verify
from autograder.errors import UserError
from autograder.lab import Lab


def test_build_writes_both_languages(lab, tmp_path):
    written = build([lab], tmp_path / "assignments")
    files = ("double.ipynb", "lab.toml", "checks/double.py")
    assert [path.relative_to(tmp_path / "assignments").as_posix() for path in written] == [
        f"{lang}/lab-99-double/{file}" for lang in ("en", "zh") for file in files
    ]
    notebook = json.loads(written[3].read_text(encoding="utf-8"))
    assert notebook["cells"][0]["source"] == ["# 加倍"]


def test_a_rebuild_changes_no_byte(lab, tmp_path):
    first = [path.read_bytes() for path in build([lab], tmp_path / "first")]
    assert [path.read_bytes() for path in build([lab], tmp_path / "second")] == first
    assert build([lab], tmp_path / "second") == []


def test_check_accepts_what_build_wrote(lab, tmp_path):
    build([lab], tmp_path)
    assert build([lab], tmp_path, check=True) == []


def test_check_names_every_file_that_differs_and_writes_nothing(lab, tmp_path):
    build([lab], tmp_path)
    english, chinese = (tmp_path / lang / lab.id / "double.ipynb" for lang in ("en", "zh"))
    english.write_text("{}")
    chinese.unlink()
    with pytest.raises(UserError, match="run `autograder build`") as caught:
        build([lab], tmp_path, check=True)
    assert str(english) in str(caught.value)
    assert str(chinese) in str(caught.value)
    assert not chinese.exists()


def test_a_file_that_no_source_gives_is_named(lab, tmp_path):
    build([lab], tmp_path)
    (tmp_path / "en" / lab.id / "old.ipynb").write_text("{}")
    with pytest.raises(UserError, match=r"remove them: .*old\.ipynb"):
        build([lab], tmp_path, check=True)


def test_the_release_says_which_lab_it_is_and_nothing_of_how_it_is_graded(lab, tmp_path):
    build([lab], tmp_path)
    manifest = tomllib.loads((tmp_path / "zh" / lab.id / "lab.toml").read_text(encoding="utf-8"))
    assert manifest == {
        "id": "lab-99-double", "lesson": "99", "lang": "zh", "requirements": "lab", "notebooks": ["double"],
        "title": {"en": "Doubling", "zh": "加倍"},
    }  # fmt: skip


def test_the_data_of_a_lab_is_copied(lab, tmp_path):
    (lab.folder / "data").mkdir()
    (lab.folder / "data" / "pairs.json").write_bytes(b"[]")
    build([lab], tmp_path)
    assert (tmp_path / "zh" / lab.id / "data" / "pairs.json").read_bytes() == b"[]"


def test_the_lesson_of_a_lab_is_released_in_each_language(lab, tmp_path):
    (lab.folder / "lesson.md").write_text("# Doubling\n", encoding="utf-8")
    (lab.folder / "lesson.zh.md").write_text("# 加倍\n", encoding="utf-8")
    build([lab], tmp_path)
    for lang, text in (("en", "# Doubling\n"), ("zh", "# 加倍\n")):
        folder = tmp_path / lang / lab.id
        assert (folder / "lesson.md").read_text(encoding="utf-8") == text
        assert not (folder / "lesson.zh.md").exists()


def test_points_of_a_problem_are_the_sum_of_its_tests(lab):
    assert problem_points(hidden_tests(lab)) == {"double": 60, "triple": 40}


LEAKED = """
# %%
if True:
    twice_the_argument_as_asked = [x, x]
    return sum(twice_the_argument_as_asked)
"""
HIDDEN_LEAKED = """
# %%
def test_triples(student, rng):
    assert student.triple(2) == 6
"""


@pytest.mark.parametrize(
    ("old", "new", "file", "message"),
    [
        ('"points": 60', '"points": 50', "double.py", "the tests of double sum to 60, its check cell has 50"),
        ("points=40, rests_on", "points=30, rests_on", "hidden/test_double.py", "the tests of double sum to 50"),
        ('problem("triple"', 'problem("quadruple"', "hidden/test_double.py", "no hidden test for .* triple"),
        ('"points": 40', '"points": 40.0', "double.py", None),
        ("points=20", "points=N", "hidden/test_double.py", "test_doubles_a_positive_number: .* literal"),
        ("points=20", "points=0", "hidden/test_double.py", "points > 0"),
        (
            '@pytest.mark.problem("triple"',
            '@pytest.mark.slow("triple"',
            "hidden/test_double.py",
            "needs one @pytest",
        ),
        (
            "import pytest",
            "import pytest pytest",
            "hidden/test_double.py",
            "test_double.py:1: invalid syntax",
        ),
        (
            '# %% tags=["export"] nbgrader={"grade": false',
            '# %% nbgrader={"grade": false',
            "double.py",
            "needs tags",
        ),
        (
            'labkit.check("triple")',
            "assert triple(1) == 3",
            "double.py",
            r'should call labkit.check\("triple"\)',
        ),
        ('@case("triple", en=', '@case("triple", eng=', "checks/double.py", r"double.py:\d+: write @case"),
        ('@case("triple"', '@case("double"', "checks/double.py", "no public case for triple"),
        ('@case("triple"', '@case("treble"', "checks/double.py", "no public case for triple"),
        ("# %%\ndouble(2)\n", LEAKED, "double.py", "gives away 'twice_the_argument_as_asked"),
        ("# %%\ndouble(2)\n", HIDDEN_LEAKED, "double.py", "gives away 'def test_triples"),
    ],
)
def test_source_and_suite_must_fit_together(lab, edit, old, new, file, message):
    edit(old, new, file)
    if message is None:
        verify(lab)
        return
    with pytest.raises(UserError, match=message) as caught:
        verify(lab)
    assert "\n" not in str(caught.value)


def test_a_lab_needs_a_requirement_layer_that_is_pinned(lab, edit):
    edit('requirements = "lab"', 'requirements = "vision"', file="lab.toml")
    with pytest.raises(UserError, match=r"write requirements/vision\.in, then run `make lock`$"):
        verify(Lab.load(lab.folder))


def test_italics_in_chinese_are_refused(lab, edit):
    edit("# # 加倍", "# # 加倍\n#\n# 把 *每个* 数加倍。")
    with pytest.raises(UserError, match=r"double\.py: italics in the zh cell '# 加倍': \*每个\*; write \*\*…\*\*"):
        verify(lab)


def test_italics_in_english_are_not(lab, edit):
    edit("# # Double", "# # Double\n#\n# *Each* number is doubled.")
    verify(lab)


def test_both_languages_get_the_same_program(lab, edit, monkeypatch):
    edit("double(2)", 'print(say(f"twice: {double(2)}", "两倍"), say("a", "甲"))')
    edit("Twice x.", "Twice x.\n    ---\n    x 的两倍。\n    ")
    verify(lab)
    resolve = bilingual_code.in_language
    monkeypatch.setattr(
        bilingual_code, "in_language", lambda cell, lang: resolve(cell, lang).replace("[x, x]", "[x]" * (lang == "zh"))
    )
    with pytest.raises(UserError, match="the program differs between en and zh: 'def double"):
        verify(lab)


def test_a_chinese_cell_gives_nothing_away_either(lab, edit):
    edit(
        "    twice_the_argument_as_asked = [x, x]", '    twice_the_argument_as_asked = [x, x], say("twice x", "两倍 x")'
    )
    edit("double(2)", 'twice_the_argument_as_asked = [x, x], "两倍 x"\nreturn sum(twice_the_argument_as_asked)')
    with pytest.raises(UserError, match="gives away 'twice_the_argument_as_asked"):
        verify(lab)


def test_a_lab_is_worth_a_hundred_points(lab, edit):
    edit('"points": 60', '"points": 61')
    edit("points=20", "points=21", "hidden/test_double.py")
    with pytest.raises(UserError, match="sum to 101, not 100"):
        verify(lab)


def test_a_lab_without_hidden_tests_is_refused(lab):
    (lab.folder / "hidden" / "test_double.py").unlink()
    with pytest.raises(UserError, match=r"no test_\*\.py"):
        verify(lab)
