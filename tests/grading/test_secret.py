"""The secret is whole, and the same for all who ask at once, or there is none."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.errors import UserError
from autograder.grading import secret
from autograder.grading.secret import local_secret, read_secret


def test_it_is_made_once_and_for_its_owner_only(tmp_path: Path):
    first = local_secret(tmp_path)
    assert (len(first), local_secret(tmp_path)) == (32, first)
    assert (tmp_path / ".secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [".secret"]


def ask(folder: Path, start, answers) -> None:
    start.wait()
    answers.put(local_secret(folder))


def test_all_who_ask_at_once_get_the_same(tmp_path: Path):
    context = multiprocessing.get_context("fork")
    for round_ in range(20):
        folder = tmp_path / str(round_)
        folder.mkdir()
        start, answers = context.Barrier(4), context.Queue()
        asking = [context.Process(target=ask, args=(folder, start, answers)) for _ in range(4)]
        for process in asking:
            process.start()
        assert len({answers.get(timeout=60) for _ in asking}) == 1
        for process in asking:
            process.join()


def test_a_full_disk_leaves_none_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(secret.os, "fsync", full)
    with pytest.raises(UserError, match=r"\.secret: the secret cannot be written: No space left on device$"):
        local_secret(tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert len(local_secret(tmp_path)) == 32


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"not a hexadecimal number".ljust(64)])
def test_what_is_no_whole_secret_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / ".secret").write_bytes(content)
    with pytest.raises(UserError, match=r"\.secret is no whole secret"):
        local_secret(tmp_path)
    done = subprocess.run([sys.executable, "-m", "autograder.grading.secret", tmp_path], capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert (tmp_path / ".secret").read_bytes() == content


def test_one_of_an_earlier_version_still_counts(tmp_path: Path):
    (tmp_path / "secret").write_text("ab" * 32, encoding="ascii")
    assert read_secret(tmp_path / "secret") == b"\xab" * 32
