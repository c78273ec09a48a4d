"""Mutants of a solution: its cells with one small change each, of the kind that people make.

They show what a hidden suite does not look at: nobody would be told of a mistake whose mutant passes every test.

The operators are our own. cosmic-ray 8.7 and mutmut 3.8 replace names, operators and literals by what else parses (`+`
by `<<`, any argument by None). On tensors that raises at once, which says nothing about a suite; and they know neither
axes nor dropped calls nor swapped arguments. Both change files on disk for a test command of their own and bring
a database and a web client, or a text interface. We took from their lists what is easily forgotten: boundaries of
comparisons, `continue` for `break`, an operand or a filter left out.

Some code is not mutated: docstrings, annotations, imports, the messages of `raise` and `assert`, f-strings, and the
choice of a device, because grading has only one. Neither is code whose mutants could only raise NameError or TypeError.
"""

from __future__ import annotations

import ast
import difflib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import msgspec

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CONTEXT = 24  # characters of an id on each side of what changes
LONGEST = 60  # characters of what changes

OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
COMPARISONS: dict[type, tuple[type, ...]] = {  # the boundary, and the negation
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
EITHER_SIDE = ast.Add, ast.Mult, ast.BitAnd, ast.BitOr  # each operand makes sense alone
ORDERED = ast.Sub, ast.Div, ast.MatMult
TEXT = ast.List, ast.JoinedStr  # + joins them, * repeats them, / makes a path: no other operator does anything
SYMMETRIC = {  # calls whose arguments may stand in any order, or whose order nobody mistakes
    "allclose", "equal", "gcd", "hasattr", "isclose", "isinstance", "issubclass", "max", "maximum", "min", "minimum",
    "swapaxes", "transpose",
}  # fmt: skip
# The results of these are of another kind than their arguments, so that nothing could run without the call.
MAKERS = {
    "arange", "buffers", "children", "empty", "enumerate", "full", "get_parameter", "get_submodule", "getattr",
    "hasattr", "isinstance", "issubclass", "items", "iter", "len", "linspace", "modules", "named_buffers",
    "named_children", "named_modules", "named_parameters", "next", "ones", "open", "parameters", "partition", "range",
    "read_bytes", "read_text", "rpartition", "setattr", "split", "super", "tensor", "values", "zeros", "zip",
}  # fmt: skip
FIXED = {  # calls that have no argument to spare
    "Linear", "hasattr", "isinstance", "issubclass", "linear", "masked_fill", "setattr", "swapaxes", "transpose",
    "unflatten", "where",
}  # fmt: skip
NOT_CODE = ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.Pass, ast.JoinedStr
FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda
SIMPLE = ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Raise, ast.Assert, ast.Delete


class Mutant(msgspec.Struct, frozen=True):
    """One solution cell with one change. The id stays valid as long as its function does not change."""

    id: str  # notebook:function:before -> after, with #2 where that occurs a second time
    notebook: str
    cell: str  # grade id
    line: int  # of the cell
    diff: str  # the changed lines, as in a unified diff
    source: str  # of the whole cell


@dataclass
class _Place:
    """A node and where it stands in the tree."""

    node: Any
    parent: Any
    field: str
    index: int | None
    above: _Place | None

    def put(self, new: ast.AST | None) -> None:
        """Puts another node here."""
        if self.index is None:
            setattr(self.parent, self.field, new)
        else:
            getattr(self.parent, self.field)[self.index] = new

    def outward(self) -> Iterator[_Place]:
        """This place and those around it."""
        place: _Place | None = self
        while place is not None:
            yield place
            place = place.above


def mutants(notebook: str, cells: Iterable[tuple[str, str]]) -> list[Mutant]:
    """All mutants of a notebook's solution cells, given as (grade id, source), in the order of the code.

    Raises SyntaxError when a cell does not parse.
    """
    seen: Counter[str] = Counter()
    found = []
    for cell, source in cells:
        for name, line, mutated in _of_cell(source):
            name = f"{notebook}:{name or cell}"
            seen[name] += 1
            numbered = name if seen[name] == 1 else f"{name}#{seen[name]}"
            found.append(Mutant(numbered, notebook, cell, line, _diff(source, mutated), mutated))
    return found


def _of_cell(source: str) -> Iterator[tuple[str, int, str]]:
    """The name (function and change), line and source of each mutant of one cell."""
    tree = ast.parse(source)
    regions = _regions(source)
    known = {ast.dump(tree)}
    for place in _walk(tree):
        node = place.node
        if not any(first < node.lineno and node.end_lineno < last for first, last in regions):
            continue
        for new in _changes(place):
            before, function = _shown(place), _function(place)
            place.put(new)
            wanted, after = ast.dump(tree), _shown(place, new)
            place.put(node)
            if wanted in known:
                continue
            known.add(wanted)
            mutated = _spliced(source, node, new, wanted)
            if mutated is not None:
                yield f"{function}:{_label(before, after, new)}", node.lineno, mutated


def _regions(source: str) -> list[tuple[int, int]]:
    """The lines of BEGIN SOLUTION and END SOLUTION, in pairs."""
    lines = [line.strip() for line in source.split("\n")]
    first = [number for number, line in enumerate(lines, 1) if line == BEGIN]
    last = [number for number, line in enumerate(lines, 1) if line == END]
    if len(first) != len(last):
        raise SyntaxError("BEGIN SOLUTION without END SOLUTION, or the other way round")
    return list(zip(first, last, strict=True))


def _walk(node: ast.AST, above: _Place | None = None) -> Iterator[_Place]:
    """Every place of statements and expressions that are code which decides something, in the order of the source."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "ctx", "type_params"):
            continue
        if isinstance(node, (ast.Raise, ast.Assert)) and field != "test":
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or isinstance(child, NOT_CODE) or _is_docstring(child):
                continue
            if isinstance(child, ast.Attribute) and child.attr == "device":
                continue
            place = _Place(child, node, field, index, above)
            if isinstance(child, (ast.stmt, ast.expr)):
                yield place
            if not _is_negative_number(child):
                yield from _walk(child, place)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) or _is_negative_number(node)


def _is_negative_number(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)


# --- the changes of one node ----------------------------------------------------------------------------------------


def _changes(place: _Place) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    node = place.node
    if _is_test(place) and not _negates_itself(node):
        yield ast.UnaryOp(ast.Not(), node)
    if place.field == "ifs":
        yield ast.Constant(True)
    match node:
        case ast.Constant():
            yield from map(ast.Constant, _other_values(node.value))
        case ast.UnaryOp() if _is_negative_number(node):
            yield node.operand
            yield from (_number(value) for value in _other_values(-ast.literal_eval(node.operand)))
        case ast.UnaryOp():
            yield node.operand
        case ast.BinOp():
            yield from _binary(node)
        case ast.BoolOp():
            yield _with(node, op=OPERATORS[type(node.op)]())
            for index in range(len(node.values)):
                rest = node.values[:index] + node.values[index + 1 :]
                yield rest[0] if len(rest) == 1 else _with(node, values=rest)
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                for other in COMPARISONS[type(operator)]:
                    yield _with(node, ops=[*node.ops[:index], other(), *node.ops[index + 1 :]])
        case ast.Call():
            yield from _call(place)
        case ast.Slice():
            yield from (_with(node, **{bound: None}) for bound in ("lower", "upper", "step") if getattr(node, bound))
        case ast.Tuple() | ast.List() if isinstance(node.ctx, ast.Load) and not _is_set_of_choices(place):
            yield from (_with(node, elts=elements) for elements in _swapped(node.elts))
        case ast.With() if not any(item.optional_vars for item in node.items):
            yield ast.If(ast.Constant(True), node.body, [])
        case ast.AugAssign():
            if type(node.op) in OPERATORS:
                yield _with(node, op=OPERATORS[type(node.op)]())
            yield ast.Assign([node.target], node.value, lineno=node.lineno)
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
            yield ast.Pass()
        case ast.Break():
            yield ast.Pass()
        case ast.Return() if not _ends_its_function(place):
            yield ast.Pass()
        case ast.stmt() if isinstance(node, SIMPLE) and not _only_defines(place) and not _only_places_on_device(node):
            yield ast.Pass()


def _with(node: Any, **fields: Any) -> Any:
    """A copy of a node with other fields."""
    new = copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _is_test(place: _Place) -> bool:
    return place.field == "ifs" or (place.field == "test" and isinstance(place.parent, (ast.If, ast.While, ast.IfExp)))


def _negates_itself(node: ast.AST) -> bool:
    """Whether the negation is among the changes of the node itself."""
    return (isinstance(node, ast.Compare) and len(node.ops) == 1) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def _other_values(value: Any) -> list[Any]:
    """What a constant may be mistaken for; the neighbour of a large number would be lost in the tolerances."""
    match value:
        case bool():
            return [not value]
        case int() if abs(value) < 100:
            return [value + 1, value - 1]
        case int() | float():
            return [2 * value if value else 1.0]
        case str():
            return [value + "_"]
        case bytes():
            return [value + b"_"]
    return []


def _number(value: float) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _binary(node: ast.BinOp) -> Iterator[ast.expr]:
    """Another operator, an operand left out, operands in the other order."""
    yield node.left
    if isinstance(node.op, EITHER_SIDE):
        yield node.right
    if any(isinstance(side, TEXT) or isinstance(getattr(side, "value", None), str) for side in (node.left, node.right)):
        return
    if type(node.op) in OPERATORS:
        yield _with(node, op=OPERATORS[type(node.op)]())
    if isinstance(node.op, ORDERED):
        yield _with(node, left=node.right, right=node.left)


def _call(place: _Place) -> Iterator[ast.expr]:
    """The call left out, a keyword or the last argument left out, arguments in another order."""
    node: ast.Call = place.node
    name = _last_name(node.func)
    if _places_on_device(node):
        return
    # A call for its effect is a statement, and is dropped as one.
    if not isinstance(place.parent, ast.Expr) and (inner := _without_call(place)) is not None:
        yield inner
    for index, keyword in enumerate(node.keywords):
        if keyword.arg and keyword.arg != "device":
            yield _with(node, keywords=node.keywords[:index] + node.keywords[index + 1 :])
    if len(node.args) > 1 and not isinstance(node.args[-1], ast.Starred) and name not in FIXED:
        yield _with(node, args=node.args[:-1])
    if name not in SYMMETRIC:
        yield from (_with(node, args=arguments) for arguments in _swapped(node.args, alike=True))


def _without_call(place: _Place) -> ast.expr | None:
    """x for f(x), for module.f(x) and for x.f(); None where that makes no sense."""
    node: ast.Call = place.node
    first = node.args[0] if node.args and not isinstance(node.args[0], ast.Starred) else None
    name = _last_name(node.func)
    if name in MAKERS:
        return None
    if name[:1].isupper():  # a class: what it is given is of another kind, unless it was made for it
        return first if isinstance(first, (ast.Call, ast.GeneratorExp)) else None
    if not isinstance(node.func, ast.Attribute):
        return first
    receiver = node.func.value
    match receiver:
        case ast.Name("self"):
            return first
        case ast.Call(func=ast.Name("super")):
            return None
    local = {None, "self", *(name for name, _ in _bindings(place))}  # else a module, whose function it is
    return receiver if _root(receiver) in local else first


def _last_name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _root(node: ast.expr) -> str | None:
    """The name at the beginning of a.b.c; None for any other expression."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _bindings(place: _Place, innermost: bool = False) -> Iterator[tuple[str, tuple[int, int]]]:
    """The names that the outermost (or innermost) function around a place binds, and where; not its own name."""
    functions = [around.node for around in place.outward() if isinstance(around.node, FUNCTIONS)]
    for node in ast.walk(functions[0 if innermost else -1]) if functions else ():
        match node:
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name, (node.lineno, node.col_offset)


def _places_on_device(node: ast.Call) -> bool:
    if _last_name(node.func) in ("cpu", "cuda"):
        return True
    return _last_name(node.func) == "to" and len(node.args) == 1 and _last_name(node.args[0]) == "device"


def _only_places_on_device(node: ast.stmt) -> bool:
    """Whether a statement may be there only for the device. What else it does is changed by other mutants."""
    return any(isinstance(inner, ast.Call) and _places_on_device(inner) for inner in ast.walk(node))


def _swapped(items: Sequence[ast.expr], alike: bool = False) -> Iterator[list[ast.expr]]:
    """The items with two neighbours exchanged; if `alike`, only numbers with numbers, and the rest with the rest."""
    for index, (first, second) in enumerate(itertools.pairwise(items)):
        if any(isinstance(item, ast.Starred) for item in (first, second)):
            continue
        if not alike or _is_number(first) == _is_number(second):
            yield [*items[:index], second, first, *items[index + 2 :]]


def _is_set_of_choices(place: _Place) -> bool:
    """Whether the order of a tuple hardly matters: it is looped over, looked up in, or a set of types."""
    if isinstance(place.parent, ast.Call):
        return _last_name(place.parent.func) == "isinstance"
    return place.field == "iter" or isinstance(place.parent, ast.Compare)


def _ends_its_function(place: _Place) -> bool:
    return isinstance(place.parent, FUNCTIONS) and place.parent.body[-1] is place.node  # type: ignore[index]


def _only_defines(place: _Place) -> bool:
    """Whether a statement gives names their first values: without it there could only be NameErrors."""
    match place.node:
        case ast.Assign(targets=targets):
            parts = [part for target in targets for part in getattr(target, "elts", [target])]
        case ast.AnnAssign(target=target):
            parts = [target]
        case _:
            return False
    here = place.node.lineno, place.node.col_offset
    before = {name for name, position in _bindings(place, innermost=True) if position < here}
    return all(isinstance(part, ast.Name) and part.id not in before for part in parts)


# --- text -----------------------------------------------------------------------------------------------------------


def _spliced(source: str, node: Any, new: ast.AST, wanted: str) -> str | None:
    """The source with `new` in the place of `node`; None where that does not compile. The tree must be `wanted`."""
    lines = source.encode().split(b"\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    start, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
    text = ast.unparse(ast.fix_missing_locations(new)).replace("\n", "\n" + " " * node.col_offset)
    for candidate in (text, f"({text})"):
        mutated = (source.encode()[:start] + candidate.encode() + source.encode()[end:]).decode()
        try:
            tree = ast.parse(mutated)
            if ast.dump(tree) == wanted:
                compile(tree, "<mutant>", "exec")
                return mutated
        except (SyntaxError, ValueError):
            continue
    return None


def _function(place: _Place) -> str:
    """The qualified name of the function that a place is in; empty at the top of a cell."""
    names = [
        around.node.name
        for around in place.outward()
        if around is not place and isinstance(around.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    ]
    return ".".join(reversed(names))


def _shown(place: _Place, new: ast.AST | None = None) -> str:
    """The least code around a place that shows where it is; with `new` if that has just been put there."""
    node = place.node if new is None else new
    for around in place.outward():
        bare = isinstance(around.node, (ast.Slice, ast.Tuple, ast.Name)) or _is_number(around.node)
        if not bare and isinstance(around.node, (ast.stmt, ast.expr, ast.keyword)):
            node = node if around is place else around.node
            break
    return " ".join(ast.unparse(ast.fix_missing_locations(node)).split())


def _label(before: str, after: str, new: ast.AST) -> str:
    """The change, with a little of the code around it."""
    if isinstance(new, (ast.Pass, ast.If)):  # a statement, or a `with`
        return f"drop {before[:LONGEST]}{'…' if len(before) > LONGEST else ''}"
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    return " -> ".join(_excerpt(text, head, len(text) - tail) for text in (before, after))


def _common(a: str, b: str) -> int:
    """The length of the common beginning."""
    return next((index for index, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _excerpt(text: str, start: int, end: int) -> str:
    """text[start:end] with some context, and without its own middle if it is long."""
    first, last = max(0, start - CONTEXT), min(len(text), end + CONTEXT)
    middle = text[start:end]
    if len(middle) > LONGEST:
        middle = f"{middle[: LONGEST // 2]}…{middle[-LONGEST // 2 :]}"
    return f"{'…' if first else ''}{text[first:start]}{middle}{text[end:last]}{'…' if last < len(text) else ''}"


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), n=0, lineterm="")
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
