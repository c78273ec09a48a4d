"""The pages of the documentation site, before MkDocs sees them (docs/hooks.py). `make docs` builds the whole."""

import importlib.util
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


README = """# Labs

[简体中文](README.zh-CN.md)

See [containers](#with-containers), [images](docs/images.md#without-buildx) and the [seed](solutions/seed.txt).

## For students

Work.

### With containers

Up [there](#labs).

## For teachers

Grade.
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with two labs: one of two notebooks, out of alphabetical order, and one of one."""
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "images.md").write_text("# Images\n\nBack to [home](../README.md).\n")
    for lab, names in {"lab-10-last": ["only"], "lab-02-first": ["zeta", "alpha"]}.items():
        settings = f'[title]\nen = "About {lab}"\nzh = "关于 {lab}"\n'
        for lang, title in (("en", "# Lab, notebook: {}"), ("zh", "# 实验：{}")):
            folder = tmp_path / "assignments" / lang / lab
            folder.mkdir(parents=True)
            (folder / "lab.toml").write_text(settings, encoding="utf-8")
            for position, name in enumerate(names, start=1):
                cells = [
                    nbformat.v4.new_markdown_cell(f"{title.format(name)}\n\nRead:\n- $x_1$"),
                    nbformat.v4.new_code_cell("print(1)"),
                ]
                notebook = nbformat.v4.new_notebook(cells=cells)
                notebook.metadata["language_info"] = {"name": "python"}
                notebook.metadata["llm101"] = {"lab": lab, "lang": lang, "notebook": name, "position": position}
                nbformat.write(notebook, folder / f"{name}.ipynb")
    for lang in ("en", "zh"):
        (tmp_path / "assignments" / lang / "lab-02-first" / "lesson.md").write_text("# The lesson\n")
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "seed.txt").touch()
    return tmp_path


def test_every_notebook_has_a_page_in_each_language(hooks, root, tmp_path):
    hooks.write_pages(root, tmp_path / "site")
    pages = sorted(str(page.relative_to(tmp_path / "site" / "labs")) for page in tmp_path.glob("site/labs/*/*.md"))
    assert pages == [
        f"lab-{name}{suffix}"
        for name in ("02-first/alpha", "02-first/lesson", "02-first/zeta", "10-last/only")
        for suffix in (".md", ".zh.md")
    ]
    page = (tmp_path / "site" / "labs" / "lab-02-first" / "zeta.md").read_text()
    assert page.startswith("# Lab, notebook: zeta\n\n!!! info")
    assert "make lab-02" in page
    assert "Read:\n\n- $x_1$\n" in page
    assert "```python\nprint(1)\n```" in page


def test_the_menu_has_the_labs_in_order_and_by_their_titles(hooks, root):
    labs = next(entry["Labs"] for entry in hooks.menu(root, "en") if "Labs" in entry)
    assert labs == [
        {
            "Lab 02: About lab-02-first": [
                {"Overview": "labs/lab-02-first/lesson.md"},
                {"Zeta": "labs/lab-02-first/zeta.md"},
                {"Alpha": "labs/lab-02-first/alpha.md"},
            ]
        },
        {"Lab 10: About lab-10-last": "labs/lab-10-last/only.md"},
    ]
    labs = next(entry["实验"] for entry in hooks.menu(root, "zh") if "实验" in entry)
    assert list(labs[1]) == ["实验 10：关于 lab-10-last"]


def test_readme_becomes_the_home_page_and_the_guides(hooks, root, tmp_path):
    hooks.write_pages(root, tmp_path / "site")
    home = (tmp_path / "site" / "index.md").read_text()
    assert "## For" not in home
    assert "简体中文" not in home
    assert "[containers](students.md#with-containers), [images](images.md#without-buildx) and the seed." in home
    students = (tmp_path / "site" / "students.md").read_text()
    assert students.startswith("# For students\n")
    assert "## With containers\n\nUp [there](index.md#labs)." in students
    assert "[home](index.md)" in (tmp_path / "site" / "images.md").read_text()


def test_a_section_that_is_gone_from_readme_is_named(hooks, root, tmp_path):
    (root / "README.md").write_text(README.replace("## For teachers", "## Teachers"))
    with pytest.raises(LookupError, match="no section 'For teachers'"):
        hooks.write_pages(root, tmp_path / "site")


def test_a_link_that_leads_nowhere_is_left_for_strict_mode_to_find(hooks, root):
    assert hooks.relink("[x](nowhere.md)", "README.md", {}, root) == "[x](nowhere.md)"


def test_what_looks_like_a_list_in_code_stays_as_it_is(hooks):
    code = "Text\n\n```diff\n context\n- old\n```\n"
    assert hooks.readable(code) == code


def test_what_belongs_to_an_item_has_four_spaces(hooks):
    text = "Text\n1. one:\n\n   ```\n   code\n   ```\n   - inner\n     more\n2. two\n\n   of two\n\nText\n"
    want = "Text\n\n1. one:\n\n    ```\n    code\n    ```\n    - inner\n        more\n\n2. two\n\n    of two\n\nText\n"
    assert hooks.readable(text) == want


def test_a_bar_in_the_code_of_a_table_has_no_backslash(hooks):
    table = "| part | a \\| b |\n|---|---|\n| `<\\|end\\|>` | no |\n"
    assert hooks.readable(table) == "| part | a \\| b |\n|---|---|\n| `<|end|>` | no |\n"


def test_lines_of_chinese_are_joined(hooks):
    assert hooks.readable("第一行，\n第二行 A\nB\n\n- 项\n  目\n") == "第一行，第二行 A\nB\n\n- 项目\n"
