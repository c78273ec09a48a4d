"""Which statements of added cells run."""

from __future__ import annotations

import pytest

from autograder.worker.magics import to_python
from autograder.worker.slicing import Whole, names_of, names_of_cell, needed, statements


def sliced(*cells: tuple[str, str], wanted: tuple[str, ...] = ()) -> list[str]:
    """The first line of each statement of the added cells that runs; cells are (role, source)."""
    wholes, added = [], []
    for index, (role, source) in enumerate(cells):
        if role == "added":
            added += statements(index, to_python(source))
        else:
            wholes.append(Whole(index, role, names_of_cell(to_python(source))))
    texts = {id(statement): cells[statement.cell][1].split("\n")[statement.node.lineno - 1] for statement in added}
    return [texts[id(statement)] for statement in needed(wholes, added, wanted)]


USES = ("solution", "def f():\n    return helper()")

NEEDED = {
    "def": "def helper(): ...",
    "class": "class helper: ...",
    "import": "import helper",
    "import of a submodule": "import helper.part",
    "import under a name": "import numpy as helper",
    "import from": "from numpy import abs as helper",
    "import of everything": "from numpy import *",
    "assignment": "helper = 1",
    "assignment in a tuple": "a, (helper, *b) = 1, (2, 3)",
    "annotated assignment": "helper: int = 1",
    "for": "for helper in []: pass",
    "with": "with open('a') as helper: pass",
    "walrus": "print(helper := 3)",
    "walrus in a comprehension": "print([helper := i for i in range(3)])",
    "match": "match 1:\n    case helper: pass",
    "if": "if True:\n    def helper(): ...",
    "try": "try:\n    import helper\nexcept ImportError:\n    helper = None",
    "async def": "async def helper(): ...",
    "decorated": "@print\ndef helper(): ...",
}


@pytest.mark.parametrize("kind", NEEDED)
def test_whatever_defines_a_needed_name_runs(kind: str) -> None:
    source = NEEDED[kind]
    cell = f"train()\n{source}\nplot(helper)"
    last = "def helper(): ..." if kind == "decorated" else source.split("\n")[0]
    assert sliced(("added", cell), USES) == [last]
    assert sliced(USES, ("added", cell)) == [last]


UNNEEDED = {
    "other names": "def other(): ...\nmodel = train()",
    "an expression": "helper()",
    "a local of a function": "def other():\n    helper = 1",
    "an attribute of the same name": "x = y.helper",
    "a keyword of the same name": "train(helper=1)",
    "an annotation in a def": "def other(helper: int): ...",
    "a comprehension's variable": "print([helper for helper in range(3)])",
}


@pytest.mark.parametrize("kind", UNNEEDED)
def test_what_defines_no_needed_name_costs_nothing(kind: str) -> None:
    assert sliced(("added", UNNEEDED[kind]), USES) == []


@pytest.mark.parametrize("use", [
    "def f():\n    x = torch.helper(x)",  # an attribute
    "def f(helper):\n    return helper",  # a parameter
    "def f():\n    helper = 1\n    return helper",  # a local
    "def f():\n    return [helper for helper in 'ab']",
    "def f():\n    return dict(helper=1)",
    "def f():\n    return 'helper'",
])  # fmt: skip
def test_names_that_are_not_global_are_not_looked_for(use: str) -> None:
    assert sliced(("added", "helper = train()"), ("solution", use)) == []


@pytest.mark.parametrize("use", [
    "helper", "f = lambda: helper", "class A(helper): ...", "class A:\n    helper = helper",
    "class A:\n    def f(self):\n        def g():\n            return helper", "def f(x=helper): ...",
    "def f(x: helper): ...", "@helper\ndef f(): ...", "def f():\n    global helper\n    helper += 1",
    "def f():\n    return [helper for _ in 'ab']", "await helper()",
])  # fmt: skip
def test_every_use_of_a_global_counts(use: str) -> None:
    assert sliced(("added", "helper = 1"), ("solution", use)) == ["helper = 1"]
    assert sliced(("added", "helper = 1"), ("release", use)) == ["helper = 1"]


def test_needs_are_followed() -> None:
    added = "import math\ndef helper(): return inner()\ndef inner(): return math.pi * SCALE\nSCALE = 3\nother = 1"
    assert sliced(("added", added), USES) == added.split("\n")[:-1]


def test_mutual_recursion_ends() -> None:
    assert len(sliced(("added", "def helper(): return b()\ndef b(): return helper()"), USES)) == 2


def test_all_definitions_of_a_needed_name_run_in_order() -> None:
    assert sliced(("added", "helper = 1"), USES, ("added", "helper = 2")) == ["helper = 1", "helper = 2"]


@pytest.mark.parametrize("change", [
    "helper.rank = 8", "helper['a'] = 1", "helper.a[0].b = 1", "helper.update(a=1)", "helper.items.append(3)",
    "del helper['a']", "setattr(helper, 'a', 1)", "helper += 1", "for i in range(3): helper[i] = i",
])  # fmt: skip
def test_what_changes_a_needed_object_runs(change: str) -> None:
    assert sliced(("added", f"helper = {{}}\n{change}\nprint(helper)"), USES) == ["helper = {}", change]


def test_a_registering_decorator_runs() -> None:
    added = "helper = Registry()\n@helper.register\ndef one(): ..."
    assert sliced(("added", added), USES) == ["helper = Registry()", "def one(): ..."]


@pytest.mark.parametrize("call", ["helper.train()", "train(helper)", "helper(x)"])
def test_what_only_uses_a_needed_object_does_not_run(call: str) -> None:
    assert sliced(("added", f"helper = make()\n{call}"), USES) == ["helper = make()"]


def test_what_the_release_or_python_defines_is_not_replaced() -> None:
    release = ("release", "RANK = 8\ndef shared(): ...")
    use = ("solution", "def f():\n    return sum([RANK]) + shared()")
    assert sliced(release, ("added", "RANK = 1\ndef shared(): ...\nsum = max"), use) == []
    assert sliced(release, use, ("added", "RANK = 1\nshared.x = 2")) == []


SOLUTION = ("solution", "def f(): return g()\ndef g(): return SCALE\nSCALE = 1\nout = f()")


def test_a_second_attempt_below_counts() -> None:
    assert sliced(SOLUTION, ("added", "def f(): return 2\nf()\nassert f() == 2")) == ["def f(): return 2"]


def test_a_first_attempt_above_does_not_count() -> None:
    assert sliced(("added", "def f(): return 2\nSCALE = 9"), SOLUTION) == []


def test_a_second_attempt_brings_what_it_needs() -> None:
    assert sliced(SOLUTION, ("added", "def h(): ...\ndef f(): return h()\n")) == ["def h(): ...", "def f(): return h()"]


def test_a_new_value_counts_if_the_cell_only_defines() -> None:
    assert sliced(SOLUTION, ("added", '"""Again."""\nSCALE = 2')) == ["SCALE = 2"]
    assert sliced(SOLUTION, ("added", "SCALE = 64\ntrain()")) == []


def test_a_new_value_that_nobody_looks_up_does_not_count() -> None:
    assert sliced(SOLUTION, ("added", "out = train()")) == []
    assert sliced(SOLUTION, ("added", "out = train()"), wanted=("out",)) == ["out = train()"]
    assert sliced(SOLUTION, ("added", "out = train()"), ("solution", "print(out)")) == ["out = train()"]


def test_a_patched_method_counts_like_a_new_value() -> None:
    solution = ("solution", "class A:\n    def f(self): ...")
    assert sliced(solution, ("added", "A.f = lambda self: 1"), wanted=("A",)) == ["A.f = lambda self: 1"]


def test_wanted_names_are_looked_for_in_added_cells() -> None:
    assert sliced(("added", "def f(): ...\ndef g(): ..."), wanted=("f",)) == ["def f(): ..."]


def test_star_imports_run_only_when_a_name_is_missing() -> None:
    assert sliced(("added", "from math import *\ndef helper(): ..."), USES) == ["def helper(): ..."]
    assert sliced(("added", "from math import *"), ("solution", "def f(): return sqrt(2)")) == ["from math import *"]


def test_future_imports_always_run() -> None:
    assert sliced(("added", "from __future__ import annotations\nx = 1")) == ["from __future__ import annotations"]


def test_statements_that_share_lines_are_told_apart() -> None:
    added = 'helper = """\n"""; other = train(); text = """\nx = 1"""'
    (statement, *_rest) = needed(
        [Whole(1, "solution", names_of(USES[1]))], statements(0, to_python(added)), []
    )  # fmt: skip
    assert not _rest
    assert statement.names.binds == {"helper"}
