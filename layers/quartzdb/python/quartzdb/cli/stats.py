"""`quartzdb stats`: what the database holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.output import json_option, print_facts, print_json, print_table, size_text

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace, NamespaceSettings
    from quartzdb.services.namespaces import NamespaceStats
    from quartzdb.wiring.embedded import Database


@click.command(
    epilog="""\b
Examples:
  quartzdb stats
  quartzdb stats --namespace docs
  quartzdb stats --json | jq '.namespaces[] | {name, records}'"""
)
@location_options
@click.option("--namespace", "name", help="Only this one, with its segments.")
@json_option
def stats(location: DatabaseLocation, name: str | None, as_json: bool) -> None:
    """Show what each namespace holds.

    `tail` counts rows of recent writes that are searched in memory until they are folded into a segment; `dead` counts
    rows in segments that were replaced or deleted since and go at the next compaction.
    """
    database = location.open()
    wanted = every_namespace(database) if name is None else iter([find_namespace(database, name)])
    found = [(namespace, database.namespaces.stats(namespace)) for namespace in wanted]
    if as_json:
        print_json({**location.document(), "namespaces": [stats_document(*entry) for entry in found]})
        return
    if name is None:
        columns = [
            "namespace",
            "dimension",
            "metric",
            "records",
            "tail",
            "dead",
            "segments",
            "on disk",
            "keys",
        ]
        print_table(columns, [_row(*entry) for entry in found])
        return
    for namespace, held in found:
        print_facts(
            {
                "namespace": namespace.name,
                "dimension": dimension_text(namespace.settings),
                "metric": str(namespace.settings.metric),
                "shards": str(namespace.settings.shards),
                "records": f"{held.records:,}",
                "tail rows": f"{held.tail_rows:,}",
                "dead rows": f"{held.deleted_rows:,}",
                "on disk": size_text(held.segment_bytes),
                "keys": f"{held.keys:,} ({size_text(held.key_value_bytes)})",
            }
        )
        if held.degraded:
            click.echo(f"DEGRADED: {held.degraded}")
        if held.segments:
            print_table(
                ["segment", "shard", "engine", "rows", "live", "on disk"],
                [
                    [s.name, str(s.shard), s.engine, f"{s.rows:,}", f"{s.live_rows:,}", size_text(s.bytes)]
                    for s in held.segments
                ],
            )


def every_namespace(database: Database) -> Iterator[Namespace]:
    """All namespaces, in name order."""

    cursor: str | None = None
    while True:
        page = database.namespaces.list(database.tenant, cursor=cursor, limit=1_000)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def dimension_text(settings: NamespaceSettings) -> str:
    """The dimension, or what it means that there is none."""
    if settings.dimension is not None:
        return str(settings.dimension)
    return "none: searched by text" if settings.holds_records else "none: key-values only"


def stats_document(namespace: Namespace, held: NamespaceStats) -> dict[str, object]:
    """A namespace's figures as JSON."""
    from quartzdb.domain.declared_fields import text_document

    return {
        "name": namespace.name,
        "dimension": namespace.settings.dimension,
        "metric": namespace.settings.metric,
        "engine": namespace.settings.engine,
        "precision": namespace.settings.precision,
        "shards": namespace.settings.shards,
        "purge_after_days": namespace.settings.purge_after_days,
        "text": text_document(namespace.settings.text),
        "sparse": list(namespace.settings.sparse),
        "key_history": namespace.settings.key_history,
        "created_at_ms": namespace.created_at_ms,
        "records": held.records,
        "tail_rows": held.tail_rows,
        "deleted_rows": held.deleted_rows,
        "segment_bytes": held.segment_bytes,
        "keys": held.keys,
        "key_value_bytes": held.key_value_bytes,
        "degraded": held.degraded,
        "segments": [
            {
                "name": segment.name,
                "shard": segment.shard,
                "engine": segment.engine,
                "rows": segment.rows,
                "live_rows": segment.live_rows,
                "bytes": segment.bytes,
                "parameters": dict(segment.parameters),
            }
            for segment in held.segments
        ],
    }


def _row(namespace: Namespace, held: NamespaceStats) -> list[str]:
    settings = namespace.settings
    return [
        namespace.name + (" (DEGRADED)" if held.degraded else ""),
        str(settings.dimension or "-"),
        str(settings.metric) if settings.dimension else "-",
        f"{held.records:,}",
        f"{held.tail_rows:,}",
        f"{held.deleted_rows:,}",
        str(len(held.segments)),
        size_text(held.segment_bytes),
        f"{held.keys:,}",
    ]
