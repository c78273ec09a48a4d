"""`lab` in a Chinese terminal: its help, and what it says of a call that cannot work, have no English sentence."""

import os
import subprocess
import sys

import pytest

from launcher import cli
from tests.english import sentences

CALLS = [
    "start", "start 05 --port x", "start 05 --port", "start 05 --port 0", "start 05 --with radio", "start 05 06",
    "start 05 --browser=yes", "start 05 --loud", "begin 05", "start 06", "start 77", "check 02 --port 1",
]  # fmt: skip


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """What each call of `lab` says in a Chinese terminal; one process makes them all."""
    calls = [*(f"{command.callback.__name__} --help" for command in cli.app.registered_commands), "--help", *CALLS]
    return dict(zip(calls, _said(calls, "zh_CN.UTF-8"), strict=True))


def _said(calls: list[str], locale: str) -> list[str]:
    script = (
        "import os, sys\nfrom launcher import cli\n"
        f"for call in {calls!r}:\n"
        "    sys.argv = ['lab', *call.split()]\n"
        "    if os.fork() == 0:\n"
        "        os.dup2(1, 2)\n"
        "        cli.main()\n"
        "    os.wait()\n"
        "    print('\\0', end='', flush=True)\n"
    )
    names = ("LLM101_LANG", "LC_ALL", "LC_MESSAGES")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**environment, "LANG": locale, "COLUMNS": "200", "PYTHONUTF8": "1", "LAB_RUNTIME": "venv"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\0")[:-1]


def test_no_help_has_an_english_sentence(said):
    helps = {call: text for call, text in said.items() if call.endswith("--help")}
    assert len(helps) == len(cli.app.registered_commands) + 1
    assert {call: found for call, text in helps.items() if (found := sentences(text))} == {}
    assert "打开实验" in helps["start --help"]


def test_no_line_about_a_wrong_call_has_an_english_sentence(said):
    assert {call: found for call in CALLS if (found := sentences(said[call]))} == {}
    assert all(said[call].strip() for call in CALLS)


def test_a_line_about_a_wrong_call_says_what_is_wrong(said):
    assert said["start"] == "缺少参数 NN。请看 `lab start --help`。\n"
    assert said["begin 05"] == "没有命令 begin。请看 `lab --help`。\n"
    assert all("无法理解" not in said[call] for call in CALLS)


def test_the_english_help_would_be_found():
    (english,) = _said(["start --help"], "C.UTF-8")
    assert "Show this message and exit" in sentences(english)
