"""The command `quartzdb demo`."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quartzdb.cli.data_dir import data_dir_option, open_database
from quartzdb.cli.numbers import WholeNumber
from quartzdb.cli.output import json_option, notice, print_facts, print_json, print_table, size_text

if TYPE_CHECKING:
    from quartzdb.cli.demo.build import BuiltDemo
    from quartzdb.cli.demo.embedding import Embedder
    from quartzdb.domain.namespace import Namespace
    from quartzdb.wiring.embedded import Database

_RECALL_AT = 10
_SUMMARY_CHARACTERS = 90


@click.command(
    epilog="""\b
Examples:
  quartzdb demo
  quartzdb demo "split a string on commas"
  quartzdb demo --serve
  quartzdb demo "send an email" --top-k 5 --module smtplib
  quartzdb demo "compress a file with gzip" --json | jq '.matches[0].name'"""
)
@click.argument("question", required=False)
@data_dir_option
@click.option("--rebuild", is_flag=True, help="Build the demo anew, as after an upgrade of Python.")
@click.option("--top-k", type=WholeNumber(1, 100), default=10, show_default=True, help="How many answers.")
@click.option("--serve", "serves", is_flag=True, help="Serve it, with a playground in the browser.")
@click.option("--port", type=WholeNumber(0, 65_535), default=8787, show_default=True, help="With --serve.")
@click.option("--module", help="Only what this module defines: a filter on the metadata.")
@json_option
def demo(
    question: str | None,
    data_dir: Path,
    rebuild: bool,
    top_k: int,
    serves: bool,
    port: int,
    module: str | None,
    as_json: bool,
) -> None:
    """Search the documentation of Python's standard library by meaning.

    The first time, this reads every docstring of the standard library of the Python that runs it, turns each into a
    vector with WordLlama on this machine, with no network, and writes them to the namespace `demo`. Then it answers
    QUESTION, and measures the answer: its latency, and how many of the ten truly nearest it found, by comparing with
    all vectors one by one.

    Works beside a server on the same directory, which serves the namespace as any other. With --serve it is one itself,
    on this machine alone: whoever reaches it may search the demo by words and meaning, in a page of the documentation.
    """
    if serves and question is not None:
        raise click.UsageError("With --serve questions are asked in the browser: leave QUESTION out.")
    database = open_database(data_dir, create=True)
    from quartzdb.cli.demo.build import build_demo, find_demo
    from quartzdb.cli.demo.embedding import Embedder

    present = None if rebuild else find_demo(database, database.tenant)
    embedder = Embedder() if present is None or question is not None else None
    built_now = present is None
    if present is None:
        assert embedder is not None
        notice("building the demo; this is needed once", quiet=as_json)
        present = build_demo(database, database.tenant, embedder, quiet=as_json)
    namespace, built = present
    if serves:
        _serve(data_dir, port, as_json=as_json)
        return
    if question is None:
        _tell_of_demo(database, namespace, built, built_now=built_now, as_json=as_json)
        return
    assert embedder is not None
    answer = _answer(database, namespace, embedder, question, top_k, module)
    if as_json:
        print_json(answer)
    else:
        _print_answer(answer)


def _serve(data_dir: Path, port: int, *, as_json: bool) -> None:
    from quartzdb.cli.demo.build import NAMESPACE
    from quartzdb.cli.serve.additions import additions
    from quartzdb.cli.serve.command import run
    from quartzdb.cli.serve.playground import Playground
    from quartzdb.cli.serve.settings import WorkerSettings

    settings = WorkerSettings(data_dir, os.getpid(), "warning")
    run(settings, "127.0.0.1", port, added=[*additions(data_dir), Playground(NAMESPACE)], as_json=as_json)


def _tell_of_demo(
    database: Database, namespace: Namespace, built: BuiltDemo, *, built_now: bool, as_json: bool
) -> None:
    from quartzdb.cli.demo.build import EXAMPLES

    held, settings = database.namespaces.stats(namespace), namespace.settings
    if as_json:
        print_json(
            {
                "namespace": namespace.name,
                **asdict(built),
                "built_now": built_now,
                "tail_rows": held.tail_rows,
                "segment_bytes": held.segment_bytes,
                "segments": [{"engine": s.engine, "rows": s.rows, "bytes": s.bytes} for s in held.segments],
                "examples": list(EXAMPLES),
            }
        )
        return
    segments = (
        ", ".join(f"{segment.rows:,} rows, {segment.engine}" for segment in held.segments) or "none yet"
    )
    print_facts(
        {
            "namespace": namespace.name,
            "records": f"{held.records:,} docstrings of Python {built.python}, {settings.dimension} numbers each",
            "segments": f"{segments} ({size_text(held.segment_bytes)})",
            "tail": f"{held.tail_rows:,} rows",
            "built in": f"{built.read_seconds:.1f} s reading, {built.embed_seconds:.1f} s embedding, "
            f"{built.write_seconds:.1f} s writing, {built.settle_seconds:.1f} s folding",
        }
    )
    click.echo("\nNow ask it something:")
    for example in EXAMPLES:
        click.echo(f'  quartzdb demo "{example}"')
    click.echo("\nOr look at a neighbourhood:\n  quartzdb query --namespace demo --id gzip-open --top-k 5")


def _answer(
    database: Database,
    namespace: Namespace,
    embedder: Embedder,
    question: str,
    top_k: int,
    module: str | None,
) -> dict[str, Any]:
    from quartzdb.cli.demo.exact import exact_search, recall
    from quartzdb.domain.filter import parse
    from quartzdb.services.search import QueryRequest

    begun = time.perf_counter()
    vector = embedder.embed_one(question)
    embed_ms = (time.perf_counter() - begun) * 1000
    condition = None if module is None else parse({"module": module})
    request = QueryRequest(vector=vector, top_k=top_k, condition=condition)
    # Asked twice: the first time opens the segment, which a server has done long ago.
    begun = time.perf_counter()
    database.search.query(namespace, request)
    first_ms = (time.perf_counter() - begun) * 1000
    found = database.search.query(namespace, request)
    for_recall = database.search.query(namespace, QueryRequest(vector=vector, top_k=_RECALL_AT))
    exact_ids, exact_ms, compared = exact_search(database, namespace, vector, _RECALL_AT)
    return {
        "question": question,
        "matches": [_match(match.id, match.score, dict(match.metadata or {})) for match in found.matches],
        "milliseconds": round(found.milliseconds, 3),
        "first_query_milliseconds": round(first_ms, 3),
        "embed_milliseconds": round(embed_ms, 3),
        "exact": found.work.exact,
        "recall_at_10": recall([match.id for match in for_recall.matches], exact_ids),
        "exact_search_milliseconds": round(exact_ms, 3),
        "vectors_compared": compared,
    }


def _match(record_id: str, score: float, metadata: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": record_id,
        "name": metadata.get("name", record_id),
        "signature": metadata.get("signature", ""),
        "kind": metadata.get("kind", ""),
        "summary": metadata.get("summary", ""),
        "score": score,
    }


def _shortened(text: str) -> str:
    return text if len(text) <= _SUMMARY_CHARACTERS else text[: _SUMMARY_CHARACTERS - 1] + "…"


def _print_answer(answer: dict[str, Any]) -> None:
    rows = [
        [f"{match['score']:.3f}", match["name"], _shortened(match["summary"])] for match in answer["matches"]
    ]
    print_table(["score", "name", "what it does"], rows)
    how = "exact" if answer["exact"] else "approximate"
    click.echo(
        f"\n{answer['milliseconds']:.2f} ms for the search ({how}), "
        f"{answer['embed_milliseconds']:.2f} ms to embed the question.\n"
        f"recall@10 {answer['recall_at_10']:.2f}: compared just now with all {answer['vectors_compared']:,} vectors by "
        f"brute force, which took {answer['exact_search_milliseconds']:.2f} ms."
    )
