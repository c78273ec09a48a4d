"""The `lab` command: start a lab, check it, hand it in, see how far one is."""

import importlib.util
import os
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from typer.exceptions import TyperException

from labkit import i18n, outline
from labkit.i18n import Bilingual, Lang
from launcher import container, hand_in, jupyter, menu, runtime, scores
from launcher.container import Container, Running
from launcher.engine import Engine, NoContainers
from launcher.menu import told
from launcher.workspace import HandIn, LabError, Release, Workspace

app = typer.Typer(
    cls=menu.Group,
    help=told("The labs of LLM101, from the student's side.", "LLM101 的实验：学生用的命令。"),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(highlight=False)


class Service(StrEnum):
    """What --with takes."""

    OLLAMA = "ollama"
    TENSORBOARD = "tensorboard"
    VLLM = "vllm"


Number = Annotated[
    str, typer.Argument(metavar="NN", help=told("The lesson's number, such as 05.", "课的编号，例如 05。"))
]
Language = Annotated[
    str | None,
    typer.Option("--lang", envvar="LLM101_LANG", metavar="en|zh", help=told("English or Chinese.", "英文或中文。")),
]


@menu.command(app, "在 JupyterLab 中打开实验。作业保存在 work/ 中，再次打开时保持原样。")
def start(
    number: Number,
    lang: Language = None,
    browser: Annotated[bool, typer.Option(help=told("Open the browser.", "打开浏览器。"))] = True,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help=told("Default: any free one.", "默认：任一空闲端口。"))
    ] = None,
    services: Annotated[
        list[Service] | None,
        typer.Option("--with", help=told("Start this beside the lab, too.", "同时启动这项服务。")),
    ] = None,
) -> None:
    """Open a lab in JupyterLab. Your work stays in work/; a second start opens it as you left it."""
    with _opened(number, lang) as (workspace, lab, spoken):
        box = _container(workspace, lab, spoken, tuple(service.value for service in services or ()))
        if box is not None and _show_running(box, browser):
            return
        if box is None:
            runtime.set_up_venv(workspace.root, lab.lesson.number, "lab")
        fresh = not workspace.folder(lab).is_dir()
        folder = workspace.start(lab, spoken)
        _say(spoken, Bilingual("Starting" if fresh else "Opening", "正在打开"), workspace.shown(folder))
        notebook = workspace.notebooks(lab)[0]
        if box is not None:
            box.serve(port=port, browser=browser, announce=lambda urls: _announce(spoken, urls))
        else:
            jupyter.serve(
                folder,
                notebook.name,
                lang=spoken,
                state=workspace.work / ".jupyter" / lab.name,
                port=port,
                browser=browser,
                announce=lambda url: _announce(spoken, {"JupyterLab": url}),
            )
        kept, again = workspace.shown(folder), f"`make lab-{lab.lesson.number}`"
        stopped = Bilingual(
            f"Stopped. Your work is in {kept}; {again} opens it again.", f"已停止。作业在 {kept}；再次打开：{again}"
        )
        _say(spoken, stopped)


@menu.command(app, "在前台运行 JupyterLab，端口为 8888；实验的镜像就这样运行。令牌取自 JUPYTER_TOKEN。")
def serve(number: Number, lang: Language = None) -> None:
    """Run JupyterLab in the foreground on port 8888, as a lab's image does. The token is in JUPYTER_TOKEN."""
    with _opened(number, lang) as (workspace, lab, spoken):
        folder = workspace.start(lab, spoken)
        jupyter.become_server(
            folder,
            workspace.notebooks(lab)[0].name,
            lang=spoken,
            state=workspace.work / ".jupyter" / lab.name,
            announce=lambda url: print(f"JupyterLab: {url}", flush=True),
        )


@menu.command(app, "列出在容器中运行的实验及其地址。")
def ps(lang: Language = None) -> None:
    """Show the labs that run in containers, with their URLs."""
    with _errors_told(spoken := _asked(lang) or i18n.of_locale()):
        Engine.find()
        found = [running for running in container.find_all(Workspace()) if not running.ended]
        if not found:
            _say(spoken, Bilingual("No lab runs in a container.", "没有在容器中运行的实验。"))
            return
        table = Table(*Bilingual("Lab|Variant|State|URL", "实验|变体|状态|地址").text(spoken).split("|"), box=None)
        for running in found:
            table.add_row(running.lab, running.variant, running.state, running.url)
        Console(highlight=False, width=max(out.width, 160)).print(table)  # a URL is for copying: it is not cut


@menu.command(app, "停止本课程目录下在容器中运行的所有实验。作业会保留。")
def stop(lang: Language = None) -> None:
    """Stop every lab of this checkout that runs in a container. Your work is kept."""
    with _errors_told(spoken := _asked(lang) or i18n.of_locale()):
        workspace, engine = Workspace(), Engine.find()
        labs = {lab.name: lab for lab in workspace.labs()}
        for running in container.find_all(workspace):
            Container(workspace, labs[running.lab], engine, running.variant, spoken).remove()
            _say(spoken, Bilingual(f"Stopped {running.lab}.", f"已停止 {running.lab}。"))


@menu.command(app, "显示实验的 JupyterLab 自上次启动以来的日志。")
def logs(number: Number, lang: Language = None) -> None:
    """Show what a lab's JupyterLab has said since its last start."""
    with _opened(number, lang) as (workspace, lab, _):
        log = workspace.work / ".jupyter" / lab.name / "jupyter.log"
        if found := _find_container(workspace, lab):
            subprocess.run(["docker", "logs", found.id])
        elif log.is_file():
            sys.stdout.write(log.read_text(encoding="utf-8", errors="replace"))
        else:
            start = f"`make lab-{lab.lesson.number}`"
            raise LabError(
                Bilingual(
                    f"Lab {lab.lesson.number} has no log yet: {start} starts it.",
                    f"实验 {lab.lesson.number} 还没有日志：请运行 {start}。",
                )
            )


@menu.command(app, "对作业运行公开检查。只要有未通过的，退出码就是 1。")
def check(number: Number, lang: Language = None) -> None:
    """Run the public checks on your work. Exits 1 while some fail."""
    with _opened(number, lang) as (workspace, lab, spoken):
        notebooks = workspace.notebooks(lab)
        box = _container(workspace, lab, spoken)
        if box is not None:
            raise typer.Exit(_checked_in(box))
        runtime.set_up_venv(workspace.root, lab.lesson.number, "lab")
        release = workspace.release(lab, spoken)
        raise typer.Exit(max(_checked_here(notebook, release / notebook.name, spoken) for notebook in notebooks))


@menu.command(app, "保存一份作业并评分：给出每道题的得分和提示。")
def submit(number: Number, lang: Language = None) -> None:
    """Save a copy of your work and grade it: a score for each problem, and hints."""
    with _opened(number, lang) as (workspace, lab, spoken):
        submission = workspace.hand_in(lab)
        _say(spoken, Bilingual("Saved as", "已保存到"), workspace.shown(submission.folder))
        if importlib.util.find_spec("autograder") is None:
            ungraded = Bilingual(
                "There is no grader in this copy of the course: hand in that folder to your teacher.",
                "这份课程文件中没有评分程序：请把该文件夹交给老师。",
            )
            _say(spoken, ungraded)
            return
        _grade(workspace, lab, submission, spoken)


@menu.command(app, "列出所有实验：哪些已经做好，哪些你已经开始，最近得了多少分。")
def status(lang: Language = None) -> None:
    """Show the labs: which are built, which you have started, and your last score."""
    with _errors_told(spoken := _asked(lang) or i18n.of_locale()):
        workspace = Workspace()
        built = {lab.lesson: lab for lab in workspace.labs()}
        heads = Bilingual("Lab|Title|State|Last submission|Score", "实验|标题|状态|最近提交|得分")
        table = Table(*heads.text(spoken).split("|"))
        unbuilt = (Bilingual("[dim]not built yet[/]", "[dim]尚未完成[/]").text(spoken), "", "")
        for lesson in outline.LESSONS:
            row = _status(workspace, built[lesson], spoken) if lesson in built else unbuilt
            title = built[lesson].title if lesson in built else lesson.title
            table.add_row(lesson.number, title.text(spoken), *row)
        out.print(table)


@menu.command(app, "把实验的作业移到别处，下次从头开始。不会删除任何文件。")
def reset(number: Number, lang: Language = None) -> None:
    """Move your work on a lab aside, so that the next start begins anew. Nothing is deleted."""
    with _opened(number, lang) as (workspace, lab, spoken):
        running = _find_container(workspace, lab)
        if running and not running.ended:  # it would go on saving to the folder under its new name
            raise LabError(
                Bilingual(
                    f"Lab {lab.lesson.number} is running: `make stop` stops it, then reset.",
                    f"实验 {lab.lesson.number} 正在运行：请先运行 `make stop`，再重置。",
                )
            )
        try:
            aside = workspace.reset(lab)
        except OSError as error:
            why = error.strerror
            raise LabError(
                Bilingual(
                    f"Your folder cannot be moved ({why}): inside a container, call `make reset-NN` outside.",
                    "无法移动你的文件夹：如果在容器内，请在容器外运行 `make reset-NN`。",
                )
            ) from None
        kept, anew = workspace.shown(aside), f"`make lab-{lab.lesson.number}`"
        _say(
            spoken, Bilingual(f"Your work is now in {kept}; {anew} starts anew.", f"作业已移到 {kept}；{anew} 重新开始")
        )


def main() -> NoReturn:
    """Entry point of the `lab` script: 0 when done, 1 when checks fail, 2 for a call that cannot work."""
    try:
        sys.exit(app(standalone_mode=False))
    except TyperException as error:  # the call itself is wrong
        if line := menu.complaint(error):
            _tell(line)
        sys.exit(2)
    except i18n.UnknownLanguage as error:
        _tell(error.text.text(i18n.of_terminal()))
        sys.exit(2)


# ---- the language of one call ----------------------------------------------------------------------------


def _asked(lang: str | None) -> Lang | None:
    """What --lang, or LLM101_LANG, asks for; UnknownLanguage for a language that the course is not in."""
    return i18n.parse(lang) if lang else None


@contextmanager
def _opened(number: str, lang: str | None) -> Iterator[tuple[Workspace, Release, Lang]]:
    """The workspace, the lab, and the language to speak: the one asked for, else that of the student's folder."""
    asked = _asked(lang)
    workspace = Workspace()
    with _errors_told(asked or i18n.of_locale()):
        lab = workspace.find(number)
    spoken = asked or workspace.language(lab)
    with _errors_told(spoken):
        yield workspace, lab, spoken


@contextmanager
def _errors_told(lang: Lang) -> Iterator[None]:
    """A LabError becomes one line in the reader's language, and exit code 2."""
    try:
        yield
    except LabError as error:
        _tell(error.text.text(lang))
        raise typer.Exit(2) from None


def _tell(line: str) -> None:
    Console(stderr=True).print(line, markup=False, highlight=False, soft_wrap=True)


def _say(lang: Lang, sentence: Bilingual, *rest: str) -> None:
    out.print(sentence.text(lang), *rest)


# ---- what the commands are made of -------------------------------------------------------------------------


def _container(workspace: Workspace, lab: Release, lang: Lang, services: tuple[str, ...] = ()) -> Container | None:
    """The lab's container, whose images are here; None when the lab is to run in the virtual environment.

    Raises:
        LabError: containers were asked for and there are none, or there are and this lab cannot run in one.
    """
    asked = runtime.asked()
    if asked == "venv" and services:
        raise LabError(
            Bilingual(
                "--with needs containers: leave LAB_RUNTIME=venv out.", "--with 需要容器：请去掉 LAB_RUNTIME=venv。"
            )
        )
    if asked == "venv":
        return None
    try:
        box = Container(workspace, lab, Engine.find(), container.choose_variant(), lang, services)
        known = box.find()
        if known is None or known.ended:
            box.ensure_images()
    except NoContainers as reason:
        _fall_back("container" if services else asked, reason, lang)
        return None
    return box


def _find_container(workspace: Workspace, lab: Release) -> Running | None:
    """The lab's container, running or ended; None where there is none, or no engine."""
    try:
        Engine.find()
    except NoContainers:
        return None
    return next((found for found in container.find_all(workspace) if found.lab == lab.name), None)


def _fall_back(asked: str | None, reason: NoContainers, lang: Lang) -> None:
    """Go on without containers, and say so where Docker is installed. Raises `reason` when they were asked for."""
    if asked == "container":
        raise reason
    if shutil.which("docker"):
        why = reason.why
        _say(lang, Bilingual(f"{why.en}: using the virtual environment.", f"{why.zh}：改用虚拟环境。"))


def _show_running(box: Container, browser: bool) -> bool:
    """Show the lab if it runs already, and return whether it does. Whoever started it goes on following it."""
    known = box.find()
    if known is None or known.ended:
        return False
    running = box.wait_until_up()
    number = box.lab.lesson.number
    _say(box.lang, Bilingual(f"Lab {number} is running already.", f"实验 {number} 已在运行。"))
    out.print(f"JupyterLab: {running.url}", soft_wrap=True)
    if browser:
        webbrowser.open(str(running.url))
    return True


def _checked_here(notebook: Path, release: Path, lang: Lang) -> int:
    """The exit status of a notebook's public checks in a process of their own; LabError when that was ended."""
    status = subprocess.run(
        [sys.executable, "-m", "labkit.rehearsal", notebook, release, lang],
        cwd=notebook.parent,
        env={**os.environ, "MPLBACKEND": "Agg"},
    ).returncode
    if status not in (0, 1, 2):
        raise LabError(
            Bilingual(
                f"{notebook.name} ended the Python that ran it (exit status {status}).",
                f"{notebook.name} 使运行它的 Python 异常退出（退出码 {status}）。",
            )
        )
    return status


def _checked_in(box: Container) -> int:
    """The exit status of the public checks in the lab's container; LabError when they did not come to an end."""
    status = box.check()
    if status not in (0, 1, 2):
        raise LabError(
            Bilingual(
                f"The container that ran the checks ended (exit status {status}).",
                f"运行检查的容器异常退出（退出码 {status}）。",
            )
        )
    return status


def _announce(lang: Lang, urls: dict[str, str]) -> None:
    for name, url in urls.items():
        out.print(f"{name}: {url}", soft_wrap=True)
    _say(lang, Bilingual("Ctrl-C here stops it; your work is kept.", "在此按 Ctrl-C 停止；作业会保留。"))


def _grade(workspace: Workspace, lab: Release, submission: HandIn, lang: Lang) -> None:
    """Have the autograder grade the saved copy, keep its report beside it, and show it."""
    done = _grade_in_container(workspace, lab, submission, lang)
    if done is None:
        runtime.set_up_venv(workspace.root, lab.lesson.number, "grader", "sandbox")
        done = hand_in.here(lab, submission, lang)
    if done.returncode:
        raise LabError(
            Bilingual(
                f"Grading did not work (exit status {done.returncode}). Your submission is saved.",
                f"评分未能完成（退出码 {done.returncode}）。提交已保存。",
            )
        )
    graded = submission.keep_report(done.stdout)
    out.print(scores.render(graded, lang))


def _grade_in_container(
    workspace: Workspace, lab: Release, submission: HandIn, lang: Lang
) -> "subprocess.CompletedProcess[bytes] | None":
    """What the grader's container answers; None when grading is to run in the virtual environment."""
    asked = runtime.asked()
    sources = hand_in.sources(workspace) / lab.name
    if asked == "venv" or not sources.is_dir() or not hand_in.seccomp_profile(workspace).is_file():
        return None
    try:
        return hand_in.in_container(workspace, lab, submission, Engine.find(), lang)
    except NoContainers as reason:
        _fall_back(asked, reason, lang)
        return None


def _status(workspace: Workspace, lab: Release, lang: Lang) -> tuple[str, str, str]:
    """State, time of the last submission and its score."""
    started = workspace.folder(lab).is_dir()
    begun, ready = Bilingual("[green]started[/]", "[green]已开始[/]"), Bilingual("ready", "可开始")
    state = (begun if started else ready).text(lang)
    submissions = workspace.hand_ins(lab)
    if not submissions:
        return state, "", ""
    graded = submissions[-1].report()
    score = scores.points(graded) if graded else Bilingual("not graded", "未评分").text(lang)
    return state, f"{submissions[-1].time:%Y-%m-%d %H:%M}", score


if __name__ == "__main__":
    main()
