"""What is changed in a solution, and what is not."""

import ast
import textwrap

import pytest

from autograder.authoring.mutants import Mutant, mutants


def cell(body: str, head: str = "def f(x, a, b, n, device):") -> str:
    """A solution cell whose function has this body."""
    return f"{head}\n    ### BEGIN SOLUTION\n{textwrap.indent(body, '    ')}\n    ### END SOLUTION\n"


def of(body: str) -> list[Mutant]:
    return mutants("lab", [("f-solution", cell(body))])


def changed(body: str) -> list[str]:
    """The new lines of each mutant, in the order of the mutants."""
    return [
        " ".join(line[1:].strip() for line in mutant.diff.split("\n") if line.startswith("+")) for mutant in of(body)
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a + b", ["return a", "return b", "return a - b"]),
        ("return a - b", ["return a", "return a + b", "return b - a"]),
        ("return a @ b", ["return a", "return b @ a"]),
        ("return (a - b) / n", [
            "return a - b", "return (a - b) * n", "return n / (a - b)", "return (a) / n", "return (a + b) / n",
            "return (b - a) / n",
        ]),
        ("return a < b", ["return a <= b", "return a >= b"]),
        ("return a is None", ["return a is not None"]),
        ("return a and b", ["return a or b", "return b", "return a"]),
        ("return not a", ["return a"]),
        ("return -x", ["return x"]),
        ("return 5", ["return 6", "return 4"]),
        ("return 0.5, True, b'x'", [
            "return (True, 0.5, b'x')", "return (0.5, b'x', True)", "return 1.0, True, b'x'", "return 0.5, False, b'x'",
            "return 0.5, True, b'x_'",
        ]),
        ("return 10_000", ["return 20000"]),
        ("return x.mean(dim=-1)", ["return x", "return x.mean()"] + [f"return x.mean(dim={k})" for k in (1, 0, -2)]),
        ("return x.transpose(1, -1)", ["return x"] + [
            f"return x.transpose({axes})" for axes in ("2, -1", "0, -1", "1, 1", "1, 0", "1, -2")
        ]),
        ("return F.linear(x, a)", ["return x", "return F.linear(a, x)"]),
        ("return g(a, b, c=n)", ["return a", "return g(a, b)", "return g(a, c=n)", "return g(b, a, c=n)"]),
        ("return x.float()", ["return x"]),
        ("return nn.Parameter(torch.ones(n))", ["return torch.ones(n)"]),
        ("return x[1:n]", ["return x[:n]", "return x[1:]", "return x[2:n]", "return x[0:n]"]),
        ("return [y for y in x if y]", [
            "return [y for y in x if not y]", "return [y for y in x if True]",
        ]),
        ("return a if b else n", ["return a if not b else n"]),
        ("return x['key']", ["return x['key_']"]),
        ("x.zero_()\nreturn x", ["pass"]),
        ("x += a\nreturn x", ["x -= a", "x = a", "pass"]),
        ("if a:\n    return b\nreturn n", ["if not a:", "pass"]),
        ("with torch.no_grad():\n    x.add_(a)", ["if True:", "pass"]),
        ("for y in x:\n    if y:\n        continue\n    a.append(y)", ["if not y:", "break", "pass", "pass"]),
    ],
)  # fmt: skip
def test_each_operator(body: str, expected: list[str]):
    assert changed(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        '"""A docstring."""',
        "import math",
        "raise ValueError(f'{a} is less than {b + 1}')\n",
        "return f'{a + 1}'",
        "y: dict[str, 1] = a",
        "y = a",  # without it, y is not there
        "return len(x)",
        "x.to(device)",
        "y = {k: v.to(device) for k, v in x.items()}",
        "return torch.zeros(n, device=x.device)",
        "return x.values()",
        "return isinstance(a, (int, float))",
    ],
)
def test_what_is_left_alone(body: str):
    assert [line for line in changed(body) if line != "pass" or not body.startswith("raise")] == []


def test_only_what_stands_between_the_marks_is_changed():
    source = cell("return a + 1", 'def f(a, n=3):\n    """Adds one."""\n    n = n + 2')
    assert {mutant.line for mutant in mutants("lab", [("f-solution", source)])} == {5}
    assert mutants("lab", [("f-solution", source.replace("BEGIN SOLUTION", "").replace("END SOLUTION", ""))]) == []


def test_every_mutant_compiles_and_is_another_program():
    body = (
        "y = [a, b] * n\nfor i, z in enumerate(x):\n    y[i] = (z - a) ** 2 if z > -1 else {'k': z}['k']\nreturn y, n"
    )
    made = of(body)
    trees = {ast.dump(ast.parse(mutant.source)) for mutant in made}
    assert len(trees) == len(made) == 19
    assert ast.dump(ast.parse(cell(body))) not in trees


def test_code_beside_the_change_stays_as_it_was_written():
    body = "y = g(a,b)  # 学习率\nreturn  y+1  # why"
    texts = [mutant.source for mutant in of(body) if mutant.line == 4]
    assert "return  y - 1  # why" in texts[2]
    assert all("y = g(a,b)  # 学习率\n" in text for text in texts)


def test_ids_say_what_changes_and_are_unique():
    made = of("y = x.sum(dim=0)\nz = x.sum(dim=0)\nreturn y + z")
    ids = [mutant.id for mutant in made]
    assert len(set(ids)) == len(ids)
    assert {"lab:f:dim=0 -> dim=1", "lab:f:dim=0 -> dim=1#2", "lab:f:y + z -> y - z"} <= set(ids)
    method = mutants("lab", [("c", f"class C:\n{textwrap.indent(cell('return a + b'), '    ')}")])
    assert method[0].id == "lab:C.f:a + b -> a"


def test_ids_survive_edits_of_other_functions():
    alone = [mutant.id for mutant in mutants("lab", [("f-solution", cell("return a + b"))])]
    other = cell("return a + b - 1", "def g(a, b):")
    both = [mutant.id for mutant in mutants("lab", [("g-solution", other), ("f-solution", cell("return a + b"))])]
    assert both[-len(alone) :] == alone


def test_long_code_is_shortened_in_an_id_around_the_change():
    ids = [mutant.id for mutant in of("return a_function(with_a_long_argument, another_long_argument, a_third, 1)")]
    assert "lab:f:…long_argument, a_third, 1) -> …long_argument, a_third, 2)" in ids
    dropped = of("x.some_method_of_a_long_name(with_an_argument, and_another_argument, and_more)")[0]
    assert dropped.id == "lab:f:drop x.some_method_of_a_long_name(with_an_argument, and_another_a…"
