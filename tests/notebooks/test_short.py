"""What lab.toml says about the tests that run notebooks whole."""

import pytest

from autograder import source
from autograder.lab import Lab


@pytest.mark.parametrize("lab", Lab.all(), ids=lambda lab: lab.id)
def test_what_is_to_be_shorter_stands_in_its_notebook(lab: Lab):
    for name, short in lab.short.items():
        text = source.source_path(lab, name).read_text(encoding="utf-8")
        assert [part for part in short if part not in text] == []
