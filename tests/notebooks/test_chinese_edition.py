"""The Chinese edition has no English sentence that a student must read, in prose, docstrings, outputs and figures."""

import json
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from autograder.lab import REPOSITORY
from tests.english import sentences, sentences_of_code, sentences_of_prose

RELEASED = sorted((REPOSITORY / "assignments" / "zh").glob("lab-*/*.ipynb"))
CHINESE = [
    "写出 `the sum of all` 和 $a \\text{ such that } b$。",
    "出自《Attention Is All You Need》和“the cat sat on the mat”。",
    "零冗余优化器（Zero Redundancy Optimizer，ZeRO）与整词掩码（whole word masking）。",
    "Byte Latent Transformer 和 NVIDIA Container Toolkit 是名称。",
    "见 [论文](https://example.org/the-sum-of-all)，出处：Holtzman 等 2020，The curious case of degeneration，3 节。",
    "NameError：name of the function is not defined（第 3 个单元格第 5 行：return the + sum + of）",
    "用 Docker 或 Podman 运行 JupyterLab；batch size 为 8，token 数不变。",
]
ENGLISH = {
    "这一步 the sum of all 应为 1。": ["the sum of all"],
    "形状不对（line 50 of the cell）。": ["of the cell"],
    "Cell 3 raised an error, and the rest runs.": ["raised an error, and the rest runs"],
    "Don't forget it.": ["Don't forget it"],
}


@pytest.mark.parametrize("text", CHINESE)
def test_chinese_with_names_code_and_titles_is_no_english(text):
    assert sentences_of_prose(text) == []


@pytest.mark.parametrize("text", ENGLISH)
def test_an_english_sentence_is_found(text):
    assert sentences(text) == sentences_of_prose(text) == ENGLISH[text]


def test_docstrings_and_what_is_printed_and_drawn_are_looked_at():
    cell = '''
def f(x):
    """Twice the value of x."""
    return {"data of the cell": 2 * x, "total": sum_of_the_cells(x)}


print(f"the mean loss is {f(2)}", g("not what is printed"))
ax.set(title="loss of each step")
ax.plot(x, label="all in one" if x else "with no warm-up at all")
'''
    assert sorted(sentences_of_code(cell)) == [
        "Twice the value of", "all in one", "loss of each step", "the mean loss is", "with no warm-up at all",
    ]  # fmt: skip


@pytest.mark.parametrize("notebook", RELEASED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_prose_of_a_notebook(notebook: Path):
    prose = ["".join(cell["source"]) for cell in _cells(notebook) if cell["cell_type"] == "markdown"]
    assert [found for cell in prose for found in sentences_of_prose(cell)] == []


@pytest.mark.parametrize("notebook", RELEASED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_docstrings_outputs_and_figures_of_a_notebook(notebook: Path):
    python = TransformerManager().transform_cell
    code = [python("".join(cell["source"])) for cell in _cells(notebook) if cell["cell_type"] == "code"]
    found = [found for cell in code for found in sentences_of_code(cell)]
    assert found == []


def _cells(notebook: Path) -> list[dict]:
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]
