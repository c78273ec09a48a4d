"""Public checks: quick feedback inside the notebook, on cases that the student may read.

The cases stand in `labkit/checks/lab_NN_*.py`, one function each:

    @case("collate", en="pads on the right", zh="在右侧填充")
    def pads_on_the_right(student):
        batch = student.collate([([1, 2, 3], [1, 2, 3]), ([4], [4])], pad_id=0)
        if batch["input_ids"].tolist() != [[1, 2, 3], [4, 0, 0]]:
            fail("The shorter example must be padded at its end.", "较短的样本应当在末尾填充。")

`student` stands for the notebook: `student.collate` is the name `collate` as it is defined there now.
"""

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, NoReturn

from labkit.i18n import Lang, current, pick


class CaseFailed(Exception):
    """What a student did is wrong, said in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.text: dict[Lang, str] = {"en": en, "zh": zh}


class NotDefined(CaseFailed):
    """A name that the case needs is not there yet."""


class Notebook:
    """The names that the student has defined, as attributes; NotDefined for one that is not there yet."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace

    def __getattr__(self, name: str) -> Any:
        if name not in self._namespace:
            raise NotDefined(
                f"`{name}` is not defined yet: run the cell that defines it first.",
                f"尚未定义 `{name}`：请先运行定义它的单元格。",
            )
        return self._namespace[name]


@dataclass(frozen=True)
class Case:
    """One public case: a title in both languages and the function that tries the student's code."""

    title: dict[Lang, str]
    run: Callable[[Notebook], None]


@dataclass(frozen=True)
class Result:
    """What came of one case."""

    title: str
    outcome: Literal["passed", "failed", "unwritten"]
    message: str = ""


_cases: dict[str, dict[str, Case]] = {}  # problem -> name of the function -> case


def case(problem: str, *, en: str, zh: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Make the decorated function a public case of `problem`, under a title in both languages."""

    def register(function: Callable[[Any], None]) -> Callable[[Any], None]:
        _cases.setdefault(problem, {})[function.__name__] = Case({"en": en, "zh": zh}, function)
        return function

    return register


def fail(en: str, zh: str) -> NoReturn:
    """End the running case: the student reads the sentence in their language."""
    raise CaseFailed(en, zh)


def check(problem: str) -> None:
    """Try the public cases of `problem` on what the notebook defines now, and show how each went.

    Mistakes in the student's code are shown, never raised.

    Raises:
        ValueError: no lab has public checks for `problem`.
    """
    shell = _ipython()
    namespace = shell.user_ns if shell else sys._getframe(1).f_globals
    results = run_cases(problem, namespace)
    text = as_text(problem, results)
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import display

        display({"text/plain": text, "text/html": as_html(problem, results)}, raw=True)
    else:
        print(text)


def run_cases(problem: str, namespace: Mapping[str, Any]) -> list[Result]:
    """How each public case of `problem` goes on `namespace`; ValueError when the problem has no cases."""
    lang = current()
    results = []
    for public_case in find_cases(problem):
        with _own_random_state():
            outcome, message = _run(public_case, namespace)
        results.append(Result(public_case.title[lang], outcome, message))
    return results


def _run(public_case: Case, namespace: Mapping[str, Any]) -> tuple[Literal["passed", "failed", "unwritten"], str]:
    try:
        public_case.run(Notebook(namespace))
    except CaseFailed as failure:
        return "unwritten" if isinstance(failure, NotDefined) else "failed", failure.text[current()]
    except NotImplementedError:
        return "unwritten", pick("not written yet", "尚未编写")
    except AssertionError as failure:
        return "failed", _first_line(str(failure)) or _where_it_broke(failure, namespace)
    except (Exception, SystemExit) as error:  # whatever a student's code does, the notebook goes on
        return "failed", _where_it_broke(error, namespace)
    return "passed", ""


def _where_it_broke(error: BaseException, namespace: Mapping[str, Any]) -> str:
    """The error in one line, and the last line of the student's own code that led to it."""
    told = _first_line("".join(traceback.format_exception_only(error)))
    own = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_globals is namespace]
    if not own:
        return told
    summary = traceback.StackSummary.extract(iter(own[-1:]))[0]
    return f"{told}\n  {summary.name}, line {summary.lineno}: {summary.line or '?'}"


def _first_line(text: str, width: int = 300) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= width else line[: width - 1] + "…"


def find_cases(problem: str) -> list[Case]:
    """The cases of `problem`, from whichever lab has them; ValueError when none has."""
    from labkit import checks

    for module in pkgutil.iter_modules(checks.__path__, "labkit.checks."):
        if problem in _cases:
            break
        importlib.import_module(module.name)
    if problem not in _cases:
        raise ValueError(f"no lab has public checks for {problem!r}")
    return list(_cases[problem].values())


@contextmanager
def _own_random_state() -> Iterator[None]:
    """Cases draw the same numbers every time, and leave the notebook's generator as it was."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _ipython() -> Any:
    """The running IPython shell, or None."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


# ---- how it looks ---------------------------------------------------------------------------------------

_SIGNS = {"passed": "✓", "failed": "✗", "unwritten": "○"}
_COLOURS = {"passed": "#1a7f37", "failed": "#cf222e", "unwritten": "#9a6700"}


def headline(problem: str, results: list[Result]) -> str:
    """How many passed, in a sentence."""
    passed = sum(result.outcome == "passed" for result in results)
    return pick(
        f"{problem}: {passed} of {len(results)} public checks passed",
        f"{problem}：公开检查通过 {passed} / {len(results)}",
    )


def footnote() -> str:
    """What passing these cases does not promise."""
    return pick(
        "These are public cases; grading uses other, hidden tests.",
        "这些是公开用例；评分使用另外的隐藏测试。",
    )


def as_text(problem: str, results: list[Result]) -> str:
    """The results for a terminal."""
    lines = [headline(problem, results)]
    for result in results:
        lines.append(f"  {_SIGNS[result.outcome]} {result.title}")
        lines += [f"      {line}" for line in result.message.splitlines()]
    return "\n".join([*lines, f"  {footnote()}"])


def as_html(problem: str, results: list[Result]) -> str:
    """The results for a notebook; everything that came from the student's code is escaped."""
    colour = _COLOURS["passed" if all(result.outcome == "passed" for result in results) else "failed"]
    rows = []
    for result in results:
        message = escape(result.message).replace("\n", "<br>")
        if message:
            message = f'<div style="opacity:.8;font-family:var(--jp-code-font-family);">{message}</div>'
        sign = f'<b style="color:{_COLOURS[result.outcome]}">{_SIGNS[result.outcome]}</b>'
        rows.append(
            f'<div style="display:flex;gap:.6em"><span>{sign}</span><div>{escape(result.title)}{message}</div></div>'
        )
    return (
        f'<div style="border-left:4px solid {colour};padding:.3em 1em;line-height:1.6">'
        f"<b>{escape(headline(problem, results))}</b>{''.join(rows)}"
        f'<small style="opacity:.7">{footnote()}</small></div>'
    )
