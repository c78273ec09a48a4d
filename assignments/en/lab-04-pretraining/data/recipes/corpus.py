"""Write a small corpus for the recipes from the texts that come with the course.

    python corpus.py zh            # zh.jsonl: Chinese, with one document in ten of English mixed in (replay)
    python corpus.py code          # code.jsonl: Python, with replay likewise

One document in each line: {"text": "..."}. It is there to try the recipes with; for a model that is to learn something,
put your own documents in a file of the same form.
"""

import argparse
import json
import random
from pathlib import Path

from labkit import corpora


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domain", choices=["zh", "code"])
    parser.add_argument("--replay", type=float, default=0.1, help="share of the documents that are general English")
    parser.add_argument("--max-bytes", type=int, default=5_000_000, help="of the domain's text")
    parser.add_argument("--folder", type=Path, default=Path("."))
    options = parser.parse_args()
    documents = corpora.load(options.domain, max_bytes=options.max_bytes)
    general = corpora.load("en")
    wanted = round(len(documents) * options.replay / (1 - options.replay))
    mixed = documents + general[:wanted]
    random.Random(0).shuffle(mixed)
    file = options.folder / f"{options.domain}.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for text in mixed:
            lines.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    print(f"{file}: {len(documents):,} documents of {options.domain}, {len(mixed) - len(documents):,} of English")
    print(f"sources: {corpora.sources(options.domain)}; {corpora.sources('en')}")


if __name__ == "__main__":
    main()
