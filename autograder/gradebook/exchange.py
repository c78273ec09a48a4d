"""nbgrader's collect for hostile submissions: it follows no link, and no forged name ends the batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.exchange.default import ExchangeCollect

from autograder.gradebook.submitted import TIMESTAMP, parse_time, read_file

MAX_FILES = 100


class Collect(ExchangeCollect):
    """Takes each student's last submission, as nbgrader does, and copies regular files only."""

    src_records: list[dict[str, Any]]

    def _path_to_record(self, path: str) -> dict[str, Any]:
        """Sender and time from the name `sender+lab+time[+random]`, which is whatever the sender wrote."""
        name = Path(path).name
        parts = name.rsplit("+", 3)
        return {"username": parts[0], "filename": name, "timestamp": parse_time(parts[2], Path(path))}

    def init_src(self) -> None:
        """Keeps the submissions of students on the roster only: a sender may also write the name `..+lab+time`."""
        super().init_src()
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            roster = {student.id for student in gradebook.students}
        self.src_records = [record for record in self.src_records if record["username"] in roster]

    def do_copy(self, src: str, dest: str, log: object = None) -> None:
        """Copies regular files of bounded number and size; links, pipes and folders are not copied."""
        submission, target = Path(src), Path(dest)
        if submission.is_symlink():
            raise RuntimeError("the submission is a symbolic link")
        names = sorted(path.name for path in submission.iterdir())
        if len(names) > MAX_FILES:
            raise RuntimeError(f"the submission has {len(names)} files, more than {MAX_FILES}")
        target.mkdir(parents=True)
        for name in names:
            content = read_file(submission / name, 1000 * self.coursedir.max_file_size)
            if content is not None:
                (target / name).write_bytes(content)
        # The sender's own timestamp.txt may hold no time at all, and then nbgrader would fail at it every time.
        record = next(record for record in self.src_records if record["filename"] == submission.name)
        (target / TIMESTAMP).write_text(f"{record['timestamp']} UTC", encoding="ascii")
