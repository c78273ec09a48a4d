"""The README's table of lessons: made from the outline and from what is released."""

from pathlib import Path

import pytest

from autograder.authoring import readme
from autograder.errors import UserError
from labkit import outline

MARKED = f"# Title\n\n{readme.BEGIN}| old |\n{readme.END}\nThe rest.\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two READMEs with a place for the table, and one lab that is released in both languages."""
    for lang, name in readme.READMES.items():
        (tmp_path / name).write_text(MARKED)
        folder = tmp_path / "assignments" / lang / "lab-09-some"
        folder.mkdir(parents=True)
        title = '[title]\nen = "Measuring"\nzh = "测量"\n'
        (folder / "lab.toml").write_text(f'id = "lab-09-some"\nlesson = "09"\nlang = "{lang}"\n{title}')
    return tmp_path


def test_every_lesson_has_a_row_and_links_to_its_lab_where_that_is_released(repository):
    assert readme.write(repository) == [repository / "README.md", repository / "README.zh-CN.md"]
    english, chinese = (repository / name for name in readme.READMES.values())
    rows = [line for line in english.read_text().splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(outline.LESSONS)
    assert "| 09 | Evaluation | [Measuring](assignments/en/lab-09-some) |" in rows
    assert "| 10 | Deployment and serving |  |" in rows
    assert "| 09 | 评测 | [测量](assignments/zh/lab-09-some) |" in chinese.read_text()


def test_what_stands_around_the_table_stays_and_a_second_time_writes_nothing(repository):
    readme.write(repository)
    text = (repository / "README.md").read_text()
    assert text.startswith("# Title\n\n<!--") and text.endswith("-->\n\nThe rest.\n")
    assert "| old |" not in text
    assert readme.write(repository) == []


def test_a_table_that_is_out_of_date_is_an_error_of_the_check_which_writes_nothing(repository):
    with pytest.raises(UserError, match="run `autograder build`"):
        readme.write(repository, check=True)
    assert (repository / "README.md").read_text() == MARKED
    readme.write(repository)
    assert readme.write(repository, check=True) == []


def test_a_readme_without_a_place_for_the_table_is_an_error(repository):
    (repository / "README.md").write_text("# Title\n")
    with pytest.raises(UserError, match="no place for the table of lessons"):
        readme.write(repository)
