"""QuartzDB in process: the services that its HTTP surface calls, with log, planner, rescoring and records."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.peers.port import (
    TOP_K,
    Ask,
    Condition,
    Fields,
    Floats,
    InProcess,
    Setting,
    Written,
    batches,
)

NAMESPACE = "bench"
RECALLS = (0.8, 0.85, 0.9, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.975, 0.98, 0.986, 0.99, 0.993, 0.995, 0.999)
"""As close together as the search parameters of others."""
SETTINGS: list[Setting] = [{"recall": recall} for recall in RECALLS]
FILTERED: list[Setting] = [
    {"recall": recall} for recall in (0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 1)
]


class QuartzDb(InProcess):
    """One namespace of an embedded database."""

    settings = SETTINGS
    filtered = FILTERED

    def __init__(self, engine: str, precision: str = "f32") -> None:
        self._engine = engine
        self._precision = precision

    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        from quartzdb.cli.full_compaction import fold_and_merge_all, release_previous_manifests
        from quartzdb.domain.namespace import EngineChoice, NamespaceSettings, Precision
        from quartzdb.services.record_rules import NewRecord
        from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
        from quartzdb.wiring.settings import DEFAULT_TENANT

        database = open_embedded(EmbeddedSettings(place))
        started = time.perf_counter()
        settings = NamespaceSettings(
            dimension=rows.shape[1],
            engine=EngineChoice(self._engine),
            precision=Precision(self._precision),
        )
        namespace, _ = database.namespaces.create(DEFAULT_TENANT, NAMESPACE, settings)
        for batch in batches(rows, fields):
            records = [
                NewRecord(str(row), vector, known)
                for row, vector, known in zip(batch.ids, batch.vectors, batch.metadata(), strict=True)
            ]
            database.records.upsert(namespace, records)
        acknowledged = time.perf_counter() - started
        fold_and_merge_all(database, namespace)
        took = time.perf_counter() - started
        # What maintenance does an hour later, and `quartzdb compact --reclaim` at once.
        release_previous_manifests(database, namespace)
        return Written(len(rows), acknowledged, took)

    def open(self, place: Path) -> None:
        from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
        from quartzdb.wiring.settings import DEFAULT_TENANT

        self._database = open_embedded(EmbeddedSettings(place))
        self._namespace = self._database.namespaces.get(DEFAULT_TENANT, NAMESPACE)

    def asking(self, setting: Setting, condition: Condition | None) -> Ask:
        from quartzdb.domain.filter import parse
        from quartzdb.services.search import QueryRequest

        search, namespace = self._database.search, self._namespace
        matching = parse({condition.field: {"$lt": condition.below}}) if condition else None

        def ask(query: Floats) -> list[str]:
            request = QueryRequest(vector=query, top_k=TOP_K, condition=matching, **setting)
            return [match.id for match in search.query(namespace, request).matches]

        return ask
