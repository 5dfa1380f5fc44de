"""`quartzdb query`: the nearest records of a namespace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.json_text import given_vector, parsed
from quartzdb.cli.numbers import Number, WholeNumber
from quartzdb.cli.output import json_option, print_json
from quartzdb.cli.query_answer import answer_document, print_answer
from quartzdb.domain.limits import GROUP_MATCHES_MAX, GROUPS_ASKED_MAX

if TYPE_CHECKING:
    from quartzdb.domain.grouping import GroupBy


@click.command(
    epilog="""\b
Examples:
  quartzdb query --namespace docs --vector '[0.1, 0.2, 0.3]' --top-k 5
  quartzdb query --namespace docs --vector-file question.json --filter '{"year": {"$gte": 1960}}'
  quartzdb query --namespace demo --id gzip-open
  quartzdb query --namespace notes --text 'desert "red planet" mars*'
  quartzdb query --namespace docs --text 'red planet' --vector-file question.json --explain
  quartzdb query --namespace notes --text sand --group-by author --per-group 1
  quartzdb query --namespace notes --text sand --top-k 50 --page
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
@click.option(
    "--text",
    "text_given",
    metavar="WORDS",
    help='Words to find in text fields: plain ones, "a phrase", begin*. Or JSON: {"query": "…", "fields": {}}.',
)
@click.option(
    "--sparse", metavar="JSON", help='A sparse vector: {"indices": [3, 17], "values": [0.5, 1.25]}.'
)
@click.option(
    "--fusion",
    metavar="JSON",
    help='How several of these become one ranking: {"k": 60}, or {"method": "weighted", "vector": 0.7, "text": 0.3}.',
)
@click.option(
    "--explain", is_flag=True, help="Say where each match stands by vector, text and sparse vector."
)
@click.option("--top-k", type=WholeNumber(1, 1_000), default=10, show_default=True, help="How many matches.")
@click.option(
    "--recall",
    type=Number(0.5, 1),
    help="What share of the true nearest to find, 0.5 to 1: less is faster, 1 is exact. Without it, some .98.",
)
@click.option(
    "--min-recall",
    type=Number(0.5, 1),
    help="What share to find at least: never less than the usual. The answer says what is promised.",
)
@click.option("--min-score", type=float, help="Of the best, only those with at least this score.")
@click.option("--group-by", metavar="FIELD", help="The best groups by the values of a metadata field.")
@click.option(
    "--groups",
    type=WholeNumber(1, GROUPS_ASKED_MAX),
    default=10,
    show_default=True,
    help="With --group-by: how many.",
)
@click.option(
    "--per-group",
    type=WholeNumber(1, GROUP_MATCHES_MAX),
    default=3,
    show_default=True,
    help="With --group-by: how many matches of each.",
)
@click.option("--distinct", metavar="FIELD", help="Of each value of a metadata field the best match.")
@click.option("--page", is_flag=True, help="Answer with a cursor for what comes after, where there is more.")
@click.option("--cursor", help="The cursor of the page before, with the same question.")
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
    text_given: str | None,
    sparse: str | None,
    fusion: str | None,
    explain: bool,
    top_k: int,
    recall: float | None,
    min_recall: float | None,
    min_score: float | None,
    group_by: str | None,
    groups: int,
    per_group: int,
    distinct: str | None,
    page: bool,
    cursor: str | None,
    filter_text: str | None,
    with_vectors: bool,
    as_json: bool,
) -> None:
    """Find the records nearest to a vector, or by words in the fields that a namespace declares as text.

    Give one of --vector, --vector-file and --id, or --text, or --sparse; of several, both rankings become one. A higher
    score is better, whatever the metric. Filters know $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains $and
    $or $not.
    """
    near = sum(given is not None for given in (vector_text, vector_file, record_id))
    if near > 1 or (near == 0 and text_given is None and sparse is None):
        raise click.UsageError(
            "Give exactly one of --vector, --vector-file and --id, or --text, or --sparse, alone or beside it."
        )
    condition = None if filter_text is None else parsed(filter_text, "--filter")
    database = location.open()
    from quartzdb.domain.filter import parse
    from quartzdb.domain.query_documents import parse_fusion, parse_sparse_query, parse_text_query
    from quartzdb.services.search import QueryRequest

    request = QueryRequest(
        vector=given_vector(vector_text, vector_file),
        id=record_id,
        top_k=top_k,
        condition=None if condition is None else parse(condition),
        include_values=with_vectors,
        recall=recall,
        min_recall=min_recall,
        min_score=min_score,
        group_by=_grouped(group_by, per_group, groups),
        distinct=distinct,
        paged=page or cursor is not None,
        cursor=cursor,
        text=None if text_given is None else parse_text_query(_text(text_given), "--text"),
        sparse=None if sparse is None else parse_sparse_query(parsed(sparse, "--sparse"), "--sparse"),
        fusion=None if fusion is None else parse_fusion(parsed(fusion, "--fusion"), "--fusion"),
    )
    answer = database.search.query(find_namespace(database, name), request)
    promised = request.promised(exact=answer.work.exact)
    if as_json:
        print_json(answer_document(answer, promised, explain=explain))
    else:
        print_answer(answer, promised, explain=explain)


def _grouped(field: str | None, per_group: int, groups: int) -> GroupBy | None:
    if field is None:
        asked = [name for name in ("groups", "per_group") if _typed(name)]
        if asked:
            raise click.UsageError(f"--{asked[0].replace('_', '-')} belongs to --group-by.")
        return None
    from quartzdb.domain.grouping import GroupBy

    return GroupBy(field, per_group, groups)


def _typed(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _text(given: str) -> object:
    return parsed(given, "--text") if given.lstrip().startswith("{") else {"query": given}
