"""`quartzdb compact`: fold and merge everything now instead of when the background work finds it worth its while."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from quartzdb.cli.data_dir import default_engine_option, find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.failure import Failure
from quartzdb.cli.full_compaction import (
    FullCompaction,
    fold_and_merge_all,
    fold_and_rewrite,
    reclaim_at_once,
    release_previous_manifests,
    scrub_files,
)
from quartzdb.cli.output import json_option, notice, print_json, print_table
from quartzdb.cli.stats import every_namespace

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace
    from quartzdb.wiring.embedded import Database


@click.command(
    epilog="""\b
Examples:
  quartzdb compact
  quartzdb compact --namespace docs --json
  quartzdb compact --reclaim
  quartzdb compact --table NAME --bucket NAME --namespace docs"""
)
@location_options
@click.option("--namespace", "name", help="Only this one. Default: all.")
@click.option(
    "--reclaim",
    is_flag=True,
    help="Also give back at once what is kept for an hour in case the new segments prove damaged: the ones before, and"
    " the log. Checks every byte first. In a directory, nothing of deleted records is left in its files then, and it"
    " works on a full disk, too.",
)
@default_engine_option
@json_option
def compact(
    location: DatabaseLocation, name: str | None, reclaim: bool, default_engine: str, as_json: bool
) -> None:
    """Fold recent writes into segments and merge all segments of a namespace into one.

    Never needed for correctness: a server, or a deployment's functions, do this bit by bit in the background. It pays
    after a large import. They go on meanwhile; files that they may still read are removed later. On AWS the segments
    that are merged come to this machine and what they are merged into goes back.

    Of a namespace that another site has, too, writes and deletions of the last 7 days are kept for that one. What
    change feeds have stays, unless --reclaim is given: then they begin anew.
    """
    kept = location.recorded_retention()
    database = location.open(default_engine=default_engine, retention=kept, keep_changes=not reclaim)
    wanted: Sequence[Namespace]
    wanted = list(every_namespace(database)) if name is None else [find_namespace(database, name)]
    from quartzdb.domain.freeing import freeing

    results = []
    left: list[str] = []
    with freeing(reclaim):
        if reclaim:
            wanted = reclaim_at_once(database, wanted)
        for namespace in wanted:
            if not namespace.settings.holds_records:
                continue  # key-values only: nothing to fold
            done = _compacted(database, namespace, reclaim=reclaim, quiet=as_json)
            if done is None:
                left.append(namespace.name)
                continue
            if reclaim:
                release_previous_manifests(database, namespace)
            held = database.namespaces.stats(namespace)
            results.append(
                {
                    "namespace": namespace.name,
                    "folded_entries": done.entries,
                    "folded_records": done.folded_records,
                    "merged_segments": done.merged_segments,
                    "records": held.records,
                    "tail_rows": held.tail_rows,
                    "segments": len(held.segments),
                }
            )
        if reclaim:
            scrub_files(database)
            database.short()  # takes back what was reserved
    if left:
        raise Failure(
            f"The disk has no room to build all segments of these namespaces anew: {', '.join(left)}.",
            hint="Nothing is lost. Delete what is not needed, or free some space, and give the command again.",
        )
    shared = [one.name for one in wanted if kept.shared(one.tenant, one.name)]
    if shared:
        notice(
            f"{', '.join(shared)}: shared with another site. What it may still need stays: writes and deletions of the"
            " last 7 days.",
            quiet=as_json,
        )
    if as_json:
        print_json({"namespaces": results})
        return
    columns = ["namespace", "folded records", "merged segments", "segments now", "records"]
    print_table(
        columns,
        [
            [
                str(result["namespace"]),
                f"{result['folded_records']:,}",
                f"{result['merged_segments']:,}",
                f"{result['segments']:,}",
                f"{result['records']:,}",
            ]
            for result in results
        ],
    )


def _compacted(
    database: Database, namespace: Namespace, *, reclaim: bool, quiet: bool
) -> FullCompaction | None:
    """None where the disk has no room for all of it, though all that may be used for it was."""
    from quartzdb.domain.errors import StorageFull

    def compacted() -> FullCompaction:
        return fold_and_merge_all(database, namespace, say=lambda text: notice(text, quiet=quiet))

    if not reclaim:
        return compacted()
    with suppress(StorageFull):
        if not database.short():
            return compacted()
    with database.release_reserve(), suppress(StorageFull):
        return fold_and_rewrite(database, namespace)
    return None
