"""`quartzdb compact`: fold and merge everything now instead of when the background work finds it worth its while."""

from __future__ import annotations

import click

from quartzdb.cli.data_dir import default_engine_option, find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.full_compaction import fold_and_merge_all, release_previous_manifests, scrub_files
from quartzdb.cli.output import json_option, notice, print_json, print_table
from quartzdb.cli.stats import every_namespace


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
    " the log. Checks every byte first. In a directory, nothing of deleted records is left in its files then.",
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
    """
    database = location.open(default_engine=default_engine)
    wanted = every_namespace(database) if name is None else [find_namespace(database, name)]
    results = []
    for namespace in wanted:
        if namespace.settings.dimension is None:
            continue  # key-values only: nothing to fold
        done = fold_and_merge_all(database, namespace, say=lambda text: notice(text, quiet=as_json))
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
