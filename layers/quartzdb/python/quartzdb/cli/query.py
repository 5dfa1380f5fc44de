"""`quartzdb query`: the nearest records of a namespace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.json_text import given_vector, parsed
from quartzdb.cli.numbers import Number, WholeNumber
from quartzdb.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from quartzdb.domain.record import Match
    from quartzdb.services.search import QueryAnswer

_METADATA_CHARACTERS = 100


@click.command(
    epilog="""\b
Examples:
  quartzdb query --namespace docs --vector '[0.1, 0.2, 0.3]' --top-k 5
  quartzdb query --namespace docs --vector-file question.json --filter '{"year": {"$gte": 1960}}'
  quartzdb query --namespace demo --id gzip-open
  quartzdb query --namespace demo --id gzip-open --filter '{"module": {"$ne": "gzip"}}' --json | jq '.matches[].id'"""
)
@location_options
@click.option("--namespace", "name", required=True, help="Where to search.")
@click.option(
    "--vector",
    "vector_text",
    metavar="JSON",
    help="The question: a JSON list of numbers, or base64 of little-endian f32.",
)
@click.option(
    "--vector-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The same in a file: JSON, base64, or .npy.",
)
@click.option("--id", "record_id", help="Ask with the vector of this record; it is then its own best match.")
@click.option("--top-k", type=WholeNumber(1, 1_000), default=10, show_default=True, help="How many matches.")
@click.option(
    "--recall",
    type=Number(0.5, 1),
    help="What share of the true nearest to find, 0.5 to 1: less is faster, 1 is exact. Without it, some .98.",
)
@click.option("--filter", "filter_text", metavar="JSON", help="Only records whose metadata match.")
@click.option(
    "--vectors", "with_vectors", is_flag=True, help="Answer with the matches' vectors too (with --json)."
)
@json_option
def query(
    location: DatabaseLocation,
    name: str,
    vector_text: str | None,
    vector_file: Path | None,
    record_id: str | None,
    top_k: int,
    recall: float | None,
    filter_text: str | None,
    with_vectors: bool,
    as_json: bool,
) -> None:
    """Find the records nearest to a vector.

    Give exactly one of --vector, --vector-file and --id. A higher score is better, whatever the metric. Filters know
    $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains $and $or $not.
    """
    if sum(given is not None for given in (vector_text, vector_file, record_id)) != 1:
        raise click.UsageError("Give exactly one of --vector, --vector-file and --id.")
    condition = None if filter_text is None else parsed(filter_text, "--filter")
    database = location.open()
    from quartzdb.domain.filter import parse
    from quartzdb.services.search import QueryRequest

    answer = database.search.query(
        find_namespace(database, name),
        QueryRequest(
            vector=given_vector(vector_text, vector_file),
            id=record_id,
            top_k=top_k,
            condition=None if condition is None else parse(condition),
            include_values=with_vectors,
            recall=recall,
        ),
    )
    if as_json:
        print_json(answer_document(answer))
        return
    rows = [[match.id, f"{match.score:.4f}", _shortened(match)] for match in answer.matches]
    print_table(["id", "score", "metadata"], rows)
    work = answer.work
    segments = "1 segment" if work.segments == 1 else f"{work.segments} segments"
    click.echo(
        f"{len(rows)} matches in {answer.milliseconds:.1f} ms, {'exact' if work.exact else 'approximate'}: "
        f"{work.rows_scored:,} rows scored in {segments} and among {work.tail_rows:,} recent writes."
    )


def answer_document(answer: QueryAnswer) -> dict[str, object]:
    """An answer as JSON."""
    return {
        "matches": [_match_document(match) for match in answer.matches],
        "exact": answer.work.exact,
        "rows_scored": answer.work.rows_scored,
        "segments": answer.work.segments,
        "tail_rows": answer.work.tail_rows,
        "milliseconds": round(answer.milliseconds, 3),
    }


def _match_document(match: Match) -> dict[str, object]:
    document: dict[str, object] = {
        "id": match.id,
        "score": match.score,
        "distance": match.distance,
        "version": str(match.version),
        "metadata": dict(match.metadata or {}),
    }
    if match.vector is not None:
        document["vector"] = match.vector
    return document


def _shortened(match: Match) -> str:
    text = orjson.dumps(dict(match.metadata)).decode() if match.metadata else ""
    return text if len(text) <= _METADATA_CHARACTERS else text[:_METADATA_CHARACTERS] + "…"
