"""Search by words beside bm25s, tantivy and SQLite FTS5: how good answers are, how fast, and what the index takes.

    python -m benchmarks.text --data DIR            quality on a collection, then speed on short texts of its words
    python -m benchmarks.text --texts 100000        speed alone, on short texts of the words of docs/

Needs the environment of `make bench-peers` (.venv-peers). One thread; each search is one call, timed by the clock and
by the thread's own time, which other load on the machine changes less.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.text_collection import (
    Collection,
    ndcg,
    read_collection,
    recall,
    short_questions,
    short_texts,
)
from benchmarks.text_contenders import Bm25s, Contender, Fts5, QuartzDB, Tantivy

SEED = 7
QUESTIONS = 500
DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a directory with docs.jsonl, queries.jsonl and qrels.tsv")
    parser.add_argument("--texts", type=int, default=100_000, help="how many short texts; 0: no speed")
    parser.add_argument("--only", action="append", help="names of contenders, such as QuartzDB")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    arguments = parser.parse_args()
    figures: dict[str, object] = {"conditions": conditions()}
    print(figures["conditions"])
    sources = [path.read_text() for path in sorted(DOCS.rglob("*.md"))]
    if arguments.data is not None:
        collection = read_collection(arguments.data)
        sources = [text for _, text in collection.documents]
        figures["quality"] = [
            quality(one, collection) for one in (*ours_of_fields(), *others()) if chosen(one, arguments.only)
        ]
        table(figures["quality"])
    if arguments.texts:
        texts = short_texts(sources, arguments.texts, SEED)
        questions = short_questions(texts, QUESTIONS, SEED)
        contenders = [QuartzDB("QuartzDB", one_field=True), *others()]
        measured: list[dict[str, object]] = []
        figures["speed"] = measured
        for one in contenders:
            if chosen(one, arguments.only):
                measured.append(speed(one, texts, questions))
                print(f"measured: {measured[-1]}", file=sys.stderr)
        table(measured)
    figures["load_after"] = os.getloadavg()
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1))


def ours_of_fields() -> list[Contender]:
    """The ways in which title and text can be declared and weighed."""
    return [
        QuartzDB("QuartzDB, title and text"),
        QuartzDB("QuartzDB, one field", one_field=True),
        QuartzDB("QuartzDB, title 2, text 1", weights={"title": 2.0, "text": 1.0}),
    ]


def others() -> list[Contender]:
    """The peers."""
    return [Bm25s(), Tantivy(), Fts5()]


def chosen(contender: Contender, only: Sequence[str] | None) -> bool:
    """Whether it is to be measured."""
    return not only or any(contender.name.startswith(one) for one in only)


def quality(contender: Contender, collection: Collection) -> dict[str, object]:
    """Over all questions to which anything is relevant."""
    with tempfile.TemporaryDirectory() as place:
        contender.build(collection.documents, Path(place))
        answers = [
            ([collection.ids[n] for n in contender.search(question, 100)], relevant)
            for question, relevant in collection.judged
        ]
        return {
            "name": contender.name,
            "nDCG@10": round(statistics.fmean(ndcg(ranked, relevant) for ranked, relevant in answers), 4),
            "recall@100": round(
                statistics.fmean(recall(ranked, relevant) for ranked, relevant in answers), 4
            ),
            "questions": len(answers),
            "index / text": round(contender.index_bytes / collection.text_bytes, 3),
        }


def speed(contender: Contender, texts: Sequence[str], questions: Sequence[str]) -> dict[str, object]:
    """Building, and searching for ten, after each question was asked once."""
    with tempfile.TemporaryDirectory() as place:
        begun, busy = time.perf_counter(), time.process_time()
        contender.build([("", text) for text in texts], Path(place))
        took, worked = time.perf_counter() - begun, time.process_time() - busy
        for question in questions:
            contender.search(question, 10)
        by_clock = [timed(contender, question, time.perf_counter) for question in questions]
        by_thread = [timed(contender, question, time.thread_time) for question in questions]
        size = sum(len(text.encode()) for text in texts)
        return {
            "name": contender.name,
            "texts": len(texts),
            "texts/s": round(len(texts) / took),
            "texts/CPU s": round(len(texts) / worked),
            "p50 ms": percentile(by_clock, 50),
            "p99 ms": percentile(by_clock, 99),
            "p50 CPU ms": percentile(by_thread, 50),
            "index / text": round(contender.index_bytes / size, 3),
        }


def timed(contender: Contender, question: str, clock: Callable[[], float]) -> float:
    """Milliseconds of one search."""
    begun = clock()
    contender.search(question, 10)
    return 1e3 * (clock() - begun)


def percentile(times: Sequence[float], percent: int) -> float:
    """Of so many times that each is one of a hundred at least."""
    return round(statistics.quantiles(times, n=100)[percent - 1], 2)


def conditions() -> str:
    """What figures depend on beside the programs."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pystemmer", "bm25s", "tantivy"))
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    machine = f"{platform.machine()}, {os.cpu_count()} processors, load {load}"
    return f"{machine}, Python {platform.python_version()}, {packages}"


def table(rows: object) -> None:
    """As Markdown."""
    assert isinstance(rows, list)
    if not rows:
        return
    names = list(rows[0])
    print("\n| " + " | ".join(names) + " |")
    print("|" + "|".join(" --- " for _ in names) + "|")
    for row in rows:
        print(
            "| "
            + " | ".join(f"{row[name]:,}" if isinstance(row[name], int) else str(row[name]) for name in names)
            + " |"
        )


if __name__ == "__main__":
    main()
