"""A real Chromium opens the started lab, runs its first cells and sees their results.

The pictures of the README are taken here: LLM101_SCREENSHOTS=docs .venv/bin/python -m pytest tests/browser
"""

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
START = """
import sys
from pathlib import Path
from launcher import cli, workspace
workspace.Workspace.__init__.__defaults__ = (Path(sys.argv.pop(1)),)
cli.main()
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")]


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    """Starts the lab as `lab start 05` does, with the student's work in a temporary folder; gives the URL."""
    (tmp_path / "assignments").mkdir()
    for lang in ("en", "zh"):
        shutil.copytree(REPOSITORY / "assignments" / lang, tmp_path / "assignments" / lang)
    servers = []

    def run(lang: str) -> str:
        environment = {**os.environ, "COLUMNS": "300", "LAB_RUNTIME": "venv"}
        command = [sys.executable, "-c", START, str(tmp_path), "start", "05", "--no-browser", "--lang", lang]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        servers.append(server)
        return _url(server)

    yield run
    for server in servers:
        server.send_signal(signal.SIGINT)
        server.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_started_lab_runs_its_first_cells(start, browser, tmp_path: Path, lang: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 960})
    page.goto(start(lang))
    first = page.locator(".jp-Notebook .jp-CodeCell").first
    expect(first).to_be_visible(timeout=90_000)
    title = {"en": "LoRA", "zh": "微调"}[lang]
    expect(page.locator(".jp-Notebook h1").first).to_contain_text(title)

    _run_cells(page, 4)  # imports, profile, model, and the first surprise
    outputs = page.locator(".jp-Notebook .jp-CodeCell").nth(3).locator(".jp-OutputArea-output")
    expect(outputs.first).to_contain_text("The capital of Peru is Lima")
    expect(page.locator(".jp-Notebook [data-mime-type='application/vnd.jupyter.error']")).to_have_count(0)
    _picture(page, tmp_path, f"lab-05{'' if lang == 'en' else '-zh'}.png")


def _url(server: "subprocess.Popen[str]") -> str:
    """The URL that `lab start` announces."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=lambda: [lines.put(line) for line in server.stdout or ()], daemon=True).start()
    while True:
        line = lines.get(timeout=90)
        if "http://" in line:
            return next(word for word in line.split() if word.startswith("http://"))


def _run_cells(page: Page, count: int) -> None:
    """Runs the first `count` code cells, one after another, with Shift+Enter."""
    for index in range(count):
        cell = page.locator(".jp-Notebook .jp-CodeCell").nth(index)
        cell.scroll_into_view_if_needed()
        cell.locator(".jp-Editor").click()
        page.keyboard.press("Shift+Enter")
        expect(cell.locator(".jp-InputPrompt")).to_have_text(r"[" + str(index + 1) + "]:", timeout=120_000)


def _picture(page: Page, folder: Path, name: str) -> None:
    page.keyboard.press("Escape")
    if page.locator("#filebrowser").is_visible():
        page.keyboard.press("Control+b")
    page.locator(".jp-Notebook h2").first.evaluate("heading => heading.scrollIntoView()")
    page.wait_for_timeout(1000)
    path = Path(os.environ.get("LLM101_SCREENSHOTS") or folder) / name
    page.screenshot(path=path)
    assert path.stat().st_size > 20_000
