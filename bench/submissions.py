"""Twelve honest submissions of the small lab, and its assignment in the formats of the graders that are compared."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from pathlib import Path

import nbformat
import plain_tests
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from autograder import source
from autograder.lab import Lab
from autograder.source import KERNELSPEC

LAB = Path(__file__).resolve().parent.parent / "tests" / "labs" / "lab-90-mini"
NOTEBOOK = "mini"
PROBLEMS = {"softmax": "softmax", "attention": "attention", "rms-norm": "RMSNorm"}  # problem -> the name to define

_SOFTMAX_ALWAYS_LAST = """
def softmax(x, dim):
    e = torch.exp(x - x.max())
    return e / e.sum(-1, keepdim=True)
"""
_SOFTMAX_UNSTABLE = """
def softmax(x, dim):
    return torch.exp(x) / torch.exp(x).sum(dim, keepdim=True)
"""
_SOFTMAX_WITH_HELPER = """
def exponentials(x, dim):
    return torch.exp(x - torch.amax(x, dim=dim, keepdim=True))


def softmax(x, dim):
    e = exponentials(x, dim)
    return e / torch.sum(e, dim=dim, keepdim=True)


print(softmax(torch.tensor([1.0, 2.0, 3.0]), 0))
"""
_SOFTMAX_SLOW = '''
def exp(x):
    """The power series, term by term."""
    term, total = torch.ones_like(x), torch.ones_like(x)
    for n in range(1, 1000):
        term = term * x / n
        total = total + term
    return total


def softmax(x, dim):
    below = (x.amax(dim, keepdim=True) - x).double()
    e = (1 / exp(below)).to(x.dtype)
    return e / e.sum(dim, keepdim=True)
'''
_ATTENTION_RAISES = """
def attention(q, k, v):
    scores = q @ k / math.sqrt(q.shape[-1])
    return softmax(scores, -1) @ v
"""
_RMS_NORM_WITHOUT_PARAMETER = """
class RMSNorm(torch.nn.Module):
    def __init__(self, d_model, eps=1e-6):
        super().__init__()
        self.weight = torch.ones(d_model)
        self.eps = eps

    def forward(self, x):
        rms = (x.pow(2).mean(-1, keepdim=True) + self.eps).sqrt()
        return x / rms * self.weight
"""

# name -> what differs from the reference: problem -> source of its solution cell, or None where it is not written.
_SUBMISSIONS: dict[str, dict[str, str | None]] = {
    "reference": {},
    "einsum": {"attention": (LAB / "variants" / "einsum.py").read_text()},
    "helper": {"softmax": _SOFTMAX_WITH_HELPER},
    "slow": {"softmax": _SOFTMAX_SLOW},
    "wrong-axis": {"softmax": _SOFTMAX_ALWAYS_LAST},
    "unstable": {"softmax": _SOFTMAX_UNSTABLE},
    "scale-omitted": {"attention": (LAB / "misconceptions" / "scale-omitted.py").read_text()},
    "eps-outside-root": {"rms-norm": (LAB / "misconceptions" / "eps-outside-root.py").read_text()},
    "no-parameter": {"rms-norm": _RMS_NORM_WITHOUT_PARAMETER},
    "raising": {"attention": _ATTENTION_RAISES},
    "one-of-three": {"attention": None, "rms-norm": None},
    "unwritten": dict.fromkeys(PROBLEMS),
}
NAMES = tuple(_SUBMISSIONS)


def fill(release: NotebookNode, submission: str) -> NotebookNode:
    """A release, with this submission's text in its solution cells."""
    changes = _SUBMISSIONS[submission]
    solutions = _solutions()
    node = copy.deepcopy(release)
    for cell in node.cells:
        problem = cell.metadata.get("nbgrader", {}).get("grade_id", "").removesuffix("-solution")
        if problem in solutions and cell.metadata.nbgrader.solution:
            text = changes.get(problem, solutions[problem])
            if text is not None:
                cell.source = text.strip()
    return node


def our_release() -> NotebookNode:
    """The lab as students of ours get it."""
    return source.release(Lab.load(LAB), NOTEBOOK)


def nbgrader_source() -> NotebookNode:
    """The source notebook of the same assignment for nbgrader: each test a cell of its own, hidden and graded."""
    node = source.read(Lab.load(LAB), NOTEBOOK)
    cells = []
    for cell in node.cells:
        problem = cell.metadata.get("nbgrader", {}).get("grade_id")
        cells += [_hidden_cell(test) for test in _tests(problem)] if problem in PROBLEMS else [cell]
    node.cells = [cell for cell in cells if cell.cell_type == "code"]
    return node


def otter_release() -> NotebookNode:
    """The notebook of the same assignment for otter: a check cell for each test."""
    setup = 'import otter\n\ngrader = otter.Notebook("mini.ipynb")'
    cells = [new_code_cell(setup)]
    for cell in our_release().cells:
        problem = cell.metadata.get("nbgrader", {}).get("grade_id")
        checks = [new_code_cell(f'grader.check("{test}")') for test in _tests(problem)]
        cells += checks if problem in PROBLEMS else [cell]
    code = [cell for cell in cells if cell.cell_type == "code"]
    return new_notebook(cells=code, metadata={"kernelspec": KERNELSPEC})


def otter_tests() -> dict[str, str]:
    """File name -> contents of otter's test files, one per test, in its exception-based format."""
    return {
        f"{test}.py": f"OK_FORMAT = False\n\nimport torch\nfrom otter.test_files import test_case\n\n"
        f'name = "{test}"\n\n\n@test_case(points={plain_tests.POINTS}, hidden=True)\n{inspect.getsource(function)}'
        for test, function in plain_tests.TESTS.items()
    }


def write(node: NotebookNode, path: Path) -> None:
    """Writes a notebook, and the folders that it stands in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(node, path)


def _solutions() -> Mapping[str, str]:
    """The reference's solution cells by problem."""
    return {
        cell.metadata.nbgrader.grade_id.removesuffix("-solution"): cell.source
        for cell in source.reference(Lab.load(LAB), NOTEBOOK).cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }


def _tests(problem: str | None) -> list[str]:
    name = PROBLEMS.get(problem or "")
    return [test for test in plain_tests.TESTS if plain_tests.tested_name(test) == name]


def _hidden_cell(test: str) -> NotebookNode:
    call = f"{test}({plain_tests.tested_name(test)})"
    text = f"### BEGIN HIDDEN TESTS\n{inspect.getsource(plain_tests.TESTS[test])}\n\n{call}\n### END HIDDEN TESTS"
    nbgrader = {
        "grade": True, "locked": True, "solution": False, "task": False, "schema_version": 3,
        "points": plain_tests.POINTS, "grade_id": test, "cell_type": "code",
    }  # fmt: skip
    return new_code_cell(text, id=test, metadata={"nbgrader": nbgrader})
