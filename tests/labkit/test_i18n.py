"""Two languages: every sentence is there in both, and the reader's is chosen where it is shown."""

import pickle
from pathlib import Path

import pytest

from autograder.lab import REPOSITORY
from labkit import i18n
from labkit.i18n import Bilingual, NotHere, WrongArgument
from tests.english import sayings, sentences

PACKAGES = ("assignments/labkit", "assignments/launcher", "autograder")
SOURCES = sorted(
    file for package in PACKAGES for file in (REPOSITORY / package).rglob("*.py") if "lab-00-example" not in file.parts
)
SAID = [(file, *said) for file in SOURCES for said in sayings(file.read_text(encoding="utf-8"), "Bilingual", "told")]


def test_sentences_are_found():
    assert len(SAID) > 150


@pytest.mark.parametrize(("file", "en", "zh"), SAID, ids=[f"{file.stem}-{en[:30]}" for file, en, _ in SAID])
def test_the_chinese_of_a_sentence_is_chinese(file: Path, en: str, zh: str):
    assert sentences(zh) == []
    assert zh or sentences(en) == [], f"{file}: {en!r} has no Chinese"


def test_an_error_of_ours_speaks_the_language_of_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = WrongArgument(Bilingual("two ids", "两个编号"))
    assert str(error) == "two ids"
    (tmp_path / "lab.toml").write_text('lang = "zh"')
    assert str(error) == "两个编号"


@pytest.mark.parametrize(("kind", "builtin"), [(WrongArgument, ValueError), (NotHere, FileNotFoundError)])
def test_an_error_of_ours_is_pythons_too_and_crosses_to_another_process(kind, builtin):
    error = pickle.loads(pickle.dumps(kind(Bilingual("gone", "不见了"))))
    assert isinstance(error, builtin)
    assert error.text == Bilingual("gone", "不见了")


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LLM101_LANG": "en"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LLM101_LANG": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LLM101_LANG": "fr"}, "zh"),
        ({}, "en"),
    ],
)
def test_the_language_of_a_terminal(monkeypatch, environment, lang):
    for name in ("LLM101_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert i18n.of_terminal() == lang
