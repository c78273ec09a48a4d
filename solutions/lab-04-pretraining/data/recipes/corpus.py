"""Write a small corpus for the recipes from the texts that come with the course.

    python corpus.py zh            # zh.jsonl: Chinese, and English as a tenth of all bytes (replay)
    python corpus.py code          # code.jsonl: Python, with replay likewise

One document in each line: {"text": "..."}. It is there to try the recipes with; for a model that is to learn something,
put your own documents in a file of the same form. The share of replay is counted in bytes, since documents of the two kinds
differ in length. To count it in tokens, as training does, use the tokenizer of your model and `mix` of the notebook `data`.
"""

import argparse
import json
import random
from itertools import accumulate
from pathlib import Path

from labkit import corpora


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domain", choices=["zh", "code"])
    parser.add_argument("--replay", type=float, default=0.1, help="share of the bytes that are general English")
    parser.add_argument("--max-bytes", type=int, default=5_000_000, help="of the domain's text")
    parser.add_argument("--folder", type=Path, default=Path("."))
    options = parser.parse_args()
    documents = corpora.load(options.domain, max_bytes=options.max_bytes)
    wanted = size(documents) * options.replay / (1 - options.replay)
    general = beginning(corpora.load("en"), wanted)
    mixed = documents + general
    random.Random(0).shuffle(mixed)
    file = options.folder / f"{options.domain}.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for text in mixed:
            lines.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    print(f"{file}: {len(documents):,} documents of {options.domain}, {len(general):,} of English")
    print(f"replay: {size(general) / size(mixed):.1%} of {size(mixed):,} bytes")
    print(f"sources: {corpora.sources(options.domain)}; {corpora.sources('en')}")


def size(documents: list[str]) -> int:
    """Bytes of all documents."""
    return sum(len(text.encode()) for text in documents)


def beginning(documents: list[str], n_bytes: float) -> list[str]:
    """The first documents, as many as come nearest to n_bytes."""
    ends = list(accumulate((len(text.encode()) for text in documents), initial=0))
    return documents[: min(range(len(ends)), key=lambda n: abs(ends[n] - n_bytes))]


if __name__ == "__main__":
    main()
