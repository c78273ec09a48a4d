"""Grades a folder of notebooks with our grader, twice; a JSON line per submission. For bench/grading.py."""

import json
import sys
import time
from pathlib import Path

from autograder.grading.grader import Grader
from autograder.lab import Lab

SECRET = b"the same inputs in every run"


def main(folder: Path) -> None:
    with Grader(Lab.load(folder / "lab"), SECRET) as grader:
        for notebook in sorted(folder.glob("*.ipynb")) * 2:
            started = time.perf_counter()
            report = grader.grade(notebook)
            seconds = time.perf_counter() - started
            scores = {test.name: test.points for problem in report.problems for test in problem.tests}
            print(json.dumps({"submission": notebook.stem, "seconds": seconds, "scores": scores}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
