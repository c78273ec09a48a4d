"""The `lab` command: start a lab, check it, hand it in, see how far one is."""

import importlib.util
import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from labkit import i18n, jupyter, outline, report
from labkit.i18n import pick
from labkit.workspace import Lab, LabError, Submission, Workspace

app = typer.Typer(
    help="The labs of LLM101, from the student's side.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(highlight=False)


class LangOption(StrEnum):
    """What --lang takes."""

    EN = "en"
    ZH = "zh"


Number = Annotated[str, typer.Argument(metavar="NN", help="The lesson's number, such as 05.")]
Language = Annotated[LangOption | None, typer.Option("--lang", help="English or Chinese.")]


@app.command()
def start(
    number: Number,
    lang: Language = None,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: any free one.")] = None,
) -> None:
    """Open a lab in JupyterLab. Your work stays in work/; a second start opens it as you left it."""
    if (runtime := os.environ.get("LAB_RUNTIME", "venv")) != "venv":
        raise LabError(
            pick(
                f"LAB_RUNTIME={runtime} is not there yet: labs run from the virtual environment (LAB_RUNTIME=venv).",
                f"暂不支持 LAB_RUNTIME={runtime}：目前实验在虚拟环境中运行（LAB_RUNTIME=venv）。",
            )
        )
    workspace, lab = _open(number, lang)
    fresh = not workspace.folder(lab).is_dir()
    folder = workspace.start(lab, i18n.current())
    out.print(pick("Starting" if fresh else "Opening", "正在打开"), workspace.shown(folder))
    notebook = workspace.notebooks(lab)[0]
    stops = pick("Ctrl-C here stops it; your work is kept.", "在此按 Ctrl-C 停止；作业会保留。")
    jupyter.serve(
        folder,
        notebook.name,
        state=workspace.work / ".jupyter" / lab.name,
        port=port,
        browser=browser,
        announce=lambda url: out.print(f"JupyterLab: {url}\n{stops}", soft_wrap=True),
    )
    again = f"`make lab-{lab.lesson.number}`"
    out.print(pick(f"Stopped. {again} opens it again.", f"已停止。再次打开：{again}"))


@app.command()
def check(number: Number, lang: Language = None) -> None:
    """Run the public checks on your work. Exits 1 while some fail."""
    workspace, lab = _open(number, lang)
    results = []
    for notebook in workspace.notebooks(lab):
        release = workspace.release(lab, "en") / notebook.name
        done = subprocess.run(
            [sys.executable, "-m", "labkit.rehearsal", notebook, release],
            cwd=notebook.parent,
            env={**os.environ, "MPLBACKEND": "Agg"},
        )
        if done.returncode not in (0, 1, 2):
            raise LabError(
                pick(
                    f"{notebook.name} ended the Python that ran it (exit status {done.returncode}).",
                    f"{notebook.name} 使运行它的 Python 异常退出（退出码 {done.returncode}）。",
                )
            )
        results.append(done.returncode)
    raise typer.Exit(max(results))


@app.command()
def submit(number: Number, lang: Language = None) -> None:
    """Save a copy of your work and grade it: a score for each problem, and hints."""
    workspace, lab = _open(number, lang)
    submission = workspace.save_submission(lab)
    out.print(pick("Saved as", "已保存到"), workspace.shown(submission.folder))
    if importlib.util.find_spec("autograder") is None:
        out.print(
            pick(
                "There is no grader in this copy of the course: hand in that folder to your teacher.",
                "这份课程文件中没有评分程序：请把该文件夹交给老师。",
            )
        )
        return
    _grade(lab, submission)


@app.command()
def status(lang: Language = None) -> None:
    """Show the labs: which are built, which you have started, and your last score."""
    if lang:
        i18n.language(lang)
    workspace = Workspace()
    built = {lab.lesson: lab for lab in workspace.labs()}
    table = Table(*pick("Lab|Title|State|Last submission|Score", "实验|标题|状态|最近提交|得分").split("|"))
    unbuilt = (pick("[dim]not built yet[/]", "[dim]尚未完成[/]"), "", "")
    for lesson in outline.LESSONS:
        row = _status(workspace, built[lesson]) if lesson in built else unbuilt
        table.add_row(lesson.number, pick(lesson.en, lesson.zh), *row)
    out.print(table)


@app.command()
def reset(number: Number) -> None:
    """Move your work on a lab aside, so that the next start begins anew. Nothing is deleted."""
    workspace, lab = _open(number, None)
    aside = workspace.reset(lab)
    kept, anew = workspace.shown(aside), f"`make lab-{lab.lesson.number}`"
    out.print(pick(f"Your work is now in {kept}; {anew} starts anew.", f"作业已移到 {kept}；{anew} 重新开始"))


def main() -> NoReturn:
    """Entry point of the `lab` script: 0 when done, 1 when checks fail, 2 for a call that cannot work."""
    try:
        app()
    except (LabError, i18n.UnknownLanguage) as error:
        Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    sys.exit(0)


def _open(number: str, lang: LangOption | None) -> tuple[Workspace, Lab]:
    """The workspace and the lab, with the language of --lang, or else of the student's folder, in force."""
    if lang:
        i18n.language(lang)
    workspace = Workspace()
    lab = workspace.find(number)
    i18n.language(workspace.language(lab))
    return workspace, lab


def _grade(lab: Lab, submission: Submission) -> None:
    """Have the autograder grade the saved copy, keep its report beside it, and show it."""
    grader = Path(sys.executable).with_name("autograder")
    call = ["grade", lab.lesson.number, str(submission.folder), "--lang", i18n.current(), "--json"]
    done = subprocess.run([grader, *call], stdout=subprocess.PIPE)
    if done.returncode:
        raise LabError(
            pick(
                f"Grading did not work (exit status {done.returncode}). Your submission is saved.",
                f"评分未能完成（退出码 {done.returncode}）。提交已保存。",
            )
        )
    graded = submission.keep_report(done.stdout)
    out.print(report.render(graded))


def _status(workspace: Workspace, lab: Lab) -> tuple[str, str, str]:
    """State, time of the last submission and its score."""
    started = workspace.folder(lab).is_dir()
    state = pick("[green]started[/]", "[green]已开始[/]") if started else pick("ready", "可开始")
    submissions = workspace.submissions(lab)
    if not submissions:
        return state, "", ""
    graded = submissions[-1].report()
    score = report.points(graded) if graded else pick("not graded", "未评分")
    return state, f"{submissions[-1].time:%Y-%m-%d %H:%M}", score


if __name__ == "__main__":
    main()
