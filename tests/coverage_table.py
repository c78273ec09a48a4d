"""Prints what `make coverage` measured, a room (a package) on a line: branch coverage, of the whole and of each.

What runs in the sandbox (autograder/worker) and in programs that tests start is not seen.
"""

import json
import tempfile
from collections import defaultdict
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    coverage = Coverage(config_file=str(ROOT / "pyproject.toml"))
    coverage.load()  # pytest-cov has combined what the workers measured
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        coverage.json_report(outfile=file.name)
        found = json.load(file)
    rooms: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, entry in found["files"].items():
        part = entry["summary"]
        covered = part["covered_lines"] + part["covered_branches"]
        total = part["num_statements"] + part["num_branches"]
        for room in ("all", str(Path(name).parent).removeprefix("assignments/")):
            rooms[room][0] += covered
            rooms[room][1] += total
    for room, (covered, total) in sorted(rooms.items(), key=lambda item: (item[0] == "all", item[0])):
        print(f"{room:26}{100 * covered / max(total, 1):6.1f} %  of {total:6,} lines and branches")


if __name__ == "__main__":
    main()
