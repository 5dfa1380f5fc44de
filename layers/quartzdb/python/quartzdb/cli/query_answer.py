"""What `quartzdb query` prints: an answer as JSON, or as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import orjson

from quartzdb.cli.output import print_table

if TYPE_CHECKING:
    from quartzdb.domain.record import Match
    from quartzdb.services.search import QueryAnswer
    from quartzdb.storage.index.grouping import FoundGroup

_METADATA_CHARACTERS = 100


def answer_document(
    answer: QueryAnswer, promised: float | None = None, *, explain: bool = False
) -> dict[str, object]:
    """An answer as JSON; `promised_recall`, `groups` and `cursor` only where there are such."""
    document: dict[str, object] = {
        "matches": [_match_document(match, explain=explain) for match in answer.matches],
        "exact": answer.work.exact,
        "rows_scored": answer.work.rows_scored,
        "segments": answer.work.segments,
        "tail_rows": answer.work.tail_rows,
        "milliseconds": round(answer.milliseconds, 3),
    }
    if promised is not None:
        document["promised_recall"] = promised
    if answer.groups is not None:
        document["groups"] = [
            {
                "value": _value(group),
                "matches": [_match_document(match, explain=explain) for match in group.matches],
            }
            for group in answer.groups
        ]
    if answer.cursor is not None:
        document["cursor"] = answer.cursor
    return document


def print_answer(answer: QueryAnswer, promised: float | None, *, explain: bool) -> None:
    """A row for each match, and what the answer took."""
    titles = ["id", "score", *(["found by"] if explain else []), "metadata"]
    if answer.groups is None:
        print_table(titles, [_row(match, explain=explain) for match in answer.matches])
    else:
        rows = [
            [str(_value(group)), *_row(match, explain=explain)]
            for group in answer.groups
            for match in group.matches
        ]
        print_table(["group", *titles], rows)
    work = answer.work
    segments = "1 segment" if work.segments == 1 else f"{work.segments} segments"
    click.echo(
        f"{answer.returned} matches in {answer.milliseconds:.1f} ms, {'exact' if work.exact else 'approximate'}: "
        f"{work.rows_scored:,} rows scored in {segments} and among {work.tail_rows:,} recent writes."
    )
    if promised is not None:
        click.echo(f"Promised: {promised:g} of the nearest, as was measured when the index was built.")
    if answer.cursor is not None:
        click.echo(f"What comes after: --cursor {answer.cursor}")


def _value(group: FoundGroup) -> object:
    from quartzdb.domain.fieldkey import decode

    return decode(group.key)


def _row(match: Match, *, explain: bool) -> list[str]:
    return [match.id, f"{match.score:.4f}", *([_explained(match)] if explain else []), _shortened(match)]


def _match_document(match: Match, *, explain: bool) -> dict[str, object]:
    document: dict[str, object] = {
        "id": match.id,
        "score": match.score,
        # By words, or by several parts, there are no distances.
        **({"distance": match.distance} if match.explained is None else {}),
        "version": str(match.version),
        "metadata": dict(match.metadata or {}),
    }
    if explain and match.explained is not None:
        document["explain"] = {part.value: one._asdict() for part, one in match.explained.items()}
    if match.vector is not None and match.vector.size:
        document["vector"] = match.vector
    return document


def _explained(match: Match) -> str:
    parts = match.explained or {}
    return ", ".join(f"{part} {one.rank} ({one.score:.4f})" for part, one in parts.items()) or "vector"


def _shortened(match: Match) -> str:
    text = orjson.dumps(dict(match.metadata)).decode() if match.metadata else ""
    return text if len(text) <= _METADATA_CHARACTERS else text[:_METADATA_CHARACTERS] + "…"
