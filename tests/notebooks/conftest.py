"""A small lab on disk whose parts a test can spoil one at a time."""

import shutil
from pathlib import Path

import pytest

from autograder.lab import Lab

SAMPLE = Path(__file__).parent / "lab-99-double"
collect_ignore = ["lab-99-double"]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    shutil.copytree(SAMPLE, tmp_path / "solutions" / SAMPLE.name)
    return Lab.load(tmp_path / "solutions" / SAMPLE.name)


@pytest.fixture
def edit(lab: Lab):
    """Replaces text in a file of the lab."""

    def replace(old: str, new: str, file: str = "double.py") -> None:
        path = lab.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return replace
