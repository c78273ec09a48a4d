"""Public checks: quick feedback inside the notebook, on cases that the student may read.

The cases of a lab stand beside its notebooks in `checks/*.py`, one function each:

    @case("collate", en="pads on the right", zh="在右侧填充")
    def pads_on_the_right(student):
        batch = student.collate([([1, 2, 3], [1, 2, 3]), ([4], [4])], pad_id=0)
        if batch["input_ids"].tolist() != [[1, 2, 3], [4, 0, 0]]:
            fail("The shorter example must be padded at its end.", "较短的样本应当在末尾填充。")

`student` stands for the notebook: `student.collate` is the name `collate` as it is defined there now.
"""

import sys
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from runpy import run_path
from typing import Any, Literal, NoReturn

from labkit.i18n import Bilingual, BilingualError, Lang, WrongArgument, of_folder

FOLDER = "checks"  # beside the notebooks
NOT_WRITTEN = Bilingual("not written yet", "尚未编写")


class CaseFailed(Exception):
    """The student's code does something wrong; `text` says what."""

    def __init__(self, text: Bilingual) -> None:
        super().__init__(text.en)
        self.text = text


class NotDefined(CaseFailed):
    """A name that the case needs is not there yet."""


class NotebookNames:
    """The names that the student has defined, as attributes; NotDefined for one that is not there yet."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace

    def __getattr__(self, name: str) -> Any:
        if name not in self._namespace:
            raise NotDefined(
                Bilingual(
                    f"`{name}` is not defined yet: run the cell that defines it first.",
                    f"尚未定义 `{name}`：请先运行定义它的单元格。",
                )
            )
        return self._namespace[name]


@dataclass(frozen=True)
class Case:
    """One public case of a problem: a title, and the function that tries the student's code."""

    problem: str
    title: Bilingual
    run: Callable[[Any], None]


@dataclass(frozen=True)
class Result:
    """The outcome of one case, in the reader's language."""

    title: str
    outcome: Literal["passed", "failed", "unwritten"]
    message: str = ""


def case(problem: str, *, en: str, zh: str) -> Callable[[Callable[[Any], None]], Case]:
    """Make the decorated function a public case of `problem`, under a title in both languages."""
    return lambda function: Case(problem, Bilingual(en, zh), function)


def fail(en: str, zh: str) -> NoReturn:
    """End the running case: the student reads the sentence in their language."""
    raise CaseFailed(Bilingual(en, zh))


def check(problem: str) -> None:
    """Try the public cases of `problem` on what the notebook defines now, and show how each went.

    Mistakes in the student's code are shown, never raised.

    Raises:
        ValueError: the folder of the notebook has no public cases for `problem`.
    """
    shell = _ipython()
    namespace = shell.user_ns if shell else sys._getframe(1).f_globals
    lang = of_folder(Path.cwd())
    results = run_cases(cases_of(problem, Path.cwd()), namespace, lang)
    text = as_text(problem, results, lang)
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import display

        display({"text/plain": text, "text/html": as_html(problem, results, lang)}, raw=True)
    else:
        print(text)


def cases_of(problem: str, folder: Path) -> list[Case]:
    """The public cases of a problem of the lab in `folder`.

    Raises:
        ValueError: it has none.
    """
    files = sorted((folder / FOLDER).glob("*.py"))
    cases = _load(tuple((file.resolve(), file.stat().st_mtime_ns) for file in files))
    if problem not in cases:
        raise WrongArgument(
            Bilingual(
                f"{folder / FOLDER} has no public cases for {problem!r}: open the notebook in the folder of its lab",
                f"{folder / FOLDER} 中没有题目 {problem!r} 的公开用例：请在实验自己的文件夹中打开笔记本",
            )
        )
    return cases[problem]


@cache
def _load(files: tuple[tuple[Path, int], ...]) -> Mapping[str, list[Case]]:
    """Problem -> its cases in the order of the files; `files` are paths with the times of their last changes."""
    cases: defaultdict[str, list[Case]] = defaultdict(list)
    for file, _ in files:
        for value in run_path(str(file)).values():
            if isinstance(value, Case):
                cases[value.problem].append(value)
    return dict(cases)


def run_cases(cases: Sequence[Case], namespace: Mapping[str, Any], lang: Lang) -> list[Result]:
    """How each case goes on the names of a notebook."""
    results = []
    for public_case in cases:
        with _own_random_state():
            outcome, message = _run(public_case, namespace, lang)
        results.append(Result(public_case.title.text(lang), outcome, message))
    return results


def _run(
    public_case: Case, namespace: Mapping[str, Any], lang: Lang
) -> tuple[Literal["passed", "failed", "unwritten"], str]:
    try:
        public_case.run(NotebookNames(namespace))
    except CaseFailed as failure:
        return "unwritten" if isinstance(failure, NotDefined) else "failed", failure.text.text(lang)
    except NotImplementedError:
        return "unwritten", NOT_WRITTEN.text(lang)
    except AssertionError as failure:
        return "failed", _first_line(str(failure)) or _where_it_broke(failure, namespace, lang)
    except (Exception, SystemExit) as error:  # whatever a student's code does, the notebook goes on
        return "failed", _where_it_broke(error, namespace, lang)
    return "passed", ""


def _where_it_broke(error: BaseException, namespace: Mapping[str, Any], lang: Lang) -> str:
    """The error in one line, and the last line of the student's own code that led to it."""
    told = _first_line(in_one_line(error).text(lang))
    own = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_globals is namespace]
    if not own:
        return told
    summary = traceback.StackSummary.extract(iter(own[-1:]))[0]
    name, line, code = summary.name, summary.lineno, summary.line or "?"
    return f"{told}\n  {Bilingual(f'{name}, line {line}: {code}', f'{name}，第 {line} 行：{code}').text(lang)}"


def in_one_line(error: BaseException) -> Bilingual:
    """An exception as Python shows it below a traceback; one of ours in both languages."""
    if isinstance(error, BilingualError):
        kind = type(error).__name__
        return Bilingual(f"{kind}: {error.text.en}", f"{kind}：{error.text.zh}")
    return Bilingual(traceback.format_exception_only(error)[-1].strip())


def _first_line(text: str, width: int = 300) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= width else line[: width - 1] + "…"


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


FOOTNOTE = Bilingual(
    "These are public cases; grading uses other, hidden tests.", "这些是公开用例；评分使用另外的隐藏测试。"
)


def headline(problem: str, results: list[Result]) -> Bilingual:
    """How many passed, in a sentence."""
    passed = sum(result.outcome == "passed" for result in results)
    return Bilingual(
        f"{problem}: {passed} of {len(results)} public checks passed",
        f"{problem}：公开检查通过 {passed} / {len(results)}",
    )


def as_text(problem: str, results: list[Result], lang: Lang) -> str:
    """The results for a terminal."""
    lines = [headline(problem, results).text(lang)]
    for result in results:
        lines.append(f"  {_SIGNS[result.outcome]} {result.title}")
        lines += [f"      {line}" for line in result.message.splitlines()]
    return "\n".join([*lines, f"  {FOOTNOTE.text(lang)}"])


def as_html(problem: str, results: list[Result], lang: Lang) -> str:
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
        f"<b>{escape(headline(problem, results).text(lang))}</b>{''.join(rows)}"
        f'<small style="opacity:.7">{FOOTNOTE.text(lang)}</small></div>'
    )
