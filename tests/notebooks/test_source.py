import nbformat
import pytest

from autograder import source
from autograder.errors import UserError


def texts(node):
    return [cell.source for cell in node.cells]


def test_each_language_keeps_its_prose_and_all_code(lab):
    english, chinese = source.reference(lab, "double", "en"), source.reference(lab, "double", "zh")
    assert texts(english)[0] == "# Double"
    assert texts(chinese)[0] == "# 加倍"
    assert texts(english)[1:] == texts(chinese)[1:]


def test_the_language_tag_is_dropped_and_the_export_tag_is_kept(lab):
    node = source.release(lab, "double", "en")
    assert "tags" not in node.cells[0].metadata
    assert node.cells[1].metadata.tags == ["export"]


def test_the_notebook_says_which_lab_and_language_it_is_and_its_place_there(lab):
    metadata = source.release(lab, "double", "zh").metadata
    assert metadata.llm101 == {"lab": "lab-99-double", "notebook": "double", "position": 1, "lang": "zh"}
    assert metadata.kernelspec.name == "python3"


def test_a_release_has_the_stub_with_signature_and_docstring(lab):
    double = next(c for c in source.release_cells(lab, "double") if c.grade_id == "double-solution")
    assert double.solution
    assert double.export
    assert double.source.startswith('def double(x):\n    """Twice x."""\n    # YOUR CODE HERE')
    assert double.source.endswith("    raise NotImplementedError()")


def test_a_check_cell_is_locked_with_checksum_and_points(lab):
    check = next(c for c in source.release(lab, "double").cells if c.id == "double")
    assert check.metadata.editable is False
    assert check.metadata.deletable is False
    assert check.metadata.nbgrader.points == 60
    assert check.metadata.nbgrader.checksum


def test_a_release_is_a_valid_notebook(lab):
    nbformat.validate(source.release(lab, "double", "zh"))


def test_both_languages_have_the_same_cell_ids(lab):
    assert [c.id for c in source.release(lab, "double", "en").cells] == [
        c.id for c in source.release(lab, "double", "zh").cells
    ]


def test_a_new_cell_leaves_the_ids_of_the_others(lab, edit):
    before = [cell.id for cell in source.release(lab, "double").cells]
    edit('# %% tags=["export"]\nimport labkit', '# %%\n1 + 1\n\n# %% tags=["export"]\nimport labkit')
    after = [cell.id for cell in source.release(lab, "double").cells]
    assert set(before) < set(after)


def test_equal_cells_have_different_ids(lab, edit):
    edit("# %%\ndouble(2)\n", "# %%\ndouble(2)\n\n# %%\ndouble(2)\n")
    ids = [cell.id for cell in source.release(lab, "double").cells]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('# %% [markdown] tags=["zh"]\n# # 加倍\n', "", "no zh cell follows the en cell: '# Double'"),
        ('# %% [markdown] tags=["en"]\n# # Double\n', "", "no en cell precedes the zh cell: '# 加倍'"),
        (
            '# %% [markdown] tags=["zh"]',
            "# %% [markdown]",
            r"tag this markdown cell \[\"en\"\] or \[\"zh\"\]",
        ),
        (
            "    return sum(twice_the_argument_as_asked)\n    ### END SOLUTION\n",
            "",
            "no end solution statement found",
        ),
        ('"grade_id": "triple"', '"grade_id": "double"', "failed to validate"),
        ("double(2)", 'print(say("twice"))', r"double\.py:37: say takes two string literals: .*, in the cell 'print"),
        (
            "Three times x.",
            "Three times x.\n    ---\n",
            r"double\.py:27: a half of this docstring is empty, above or below ---, in the cell 'def triple",
        ),
    ],
)
def test_a_bad_source_is_one_clear_line(lab, edit, old, new, message):
    edit(old, new)
    with pytest.raises(UserError, match=message) as caught:
        source.release(lab, "double")
    assert "double.py" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_each_language_has_its_docstrings_and_messages_and_nothing_else_differs(lab, edit):
    edit("Twice x.", "Twice x.\n    ---\n    x 的两倍。\n    ")
    edit("double(2)", 'print(say(f"twice: {double(2)}", f"两倍：{double(2)}"))')
    english, chinese = (texts(source.release(lab, "double", lang)) for lang in ("en", "zh"))
    assert '    """Twice x."""\n    # YOUR CODE HERE' in english[2]
    assert english[2].replace("Twice x.", "x 的两倍。") == chinese[2]
    assert (english[-1], chinese[-1]) == ('print(f"twice: {double(2)}")', 'print(f"两倍：{double(2)}")')
    assert english[1] == chinese[1]


def test_cells_in_two_languages_have_the_same_ids(lab, edit):
    edit("double(2)", 'print(say("twice", "两倍"))')
    english, chinese = (source.release(lab, "double", lang) for lang in ("en", "zh"))
    assert [cell.id for cell in english.cells] == [cell.id for cell in chinese.cells]


def test_a_chinese_paragraph_is_one_line(lab, edit):
    edit("# # 加倍", "# # 加倍\n#\n# 把一个数\n# 加倍。")
    assert texts(source.release(lab, "double", "zh"))[0] == "# 加倍\n\n把一个数加倍。"


def test_a_missing_source_names_the_file(lab):
    with pytest.raises(UserError, match=r"other\.py is missing"):
        source.read(lab, "other")
