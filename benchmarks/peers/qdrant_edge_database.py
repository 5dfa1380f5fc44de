"""qdrant-edge-py: Qdrant's engine in process, over full rows or over bytes with rescoring."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.peers.port import (
    DEGREE,
    EF_CONSTRUCTION,
    FIELDS,
    FILTERED_PARAMETERS,
    SEARCH_PARAMETERS,
    TOP_K,
    Ask,
    Condition,
    Fields,
    Floats,
    InProcess,
    Setting,
    Written,
    batches,
    settings_of,
)

FULL_SCAN_KB = 10_000
"""Qdrant's own: what a filter leaves is scanned where it is no more than this."""


class QdrantEdge(InProcess):
    """One shard, its payload fields indexed."""

    def __init__(self, int8: bool) -> None:
        self._int8 = int8
        self.settings = settings_of("hnsw_ef")
        self.filtered = [
            *settings_of("hnsw_ef", FILTERED_PARAMETERS),
            *settings_of("hnsw_ef", FILTERED_PARAMETERS[1::2], acorn=True),
            {"exact": True},
        ]
        if int8:
            more = {"oversampling": 2.0}
            self.settings = [
                setting for ef in SEARCH_PARAMETERS for setting in ({"hnsw_ef": ef}, {"hnsw_ef": ef, **more})
            ]
            self.filtered = [
                *settings_of("hnsw_ef", FILTERED_PARAMETERS),
                *settings_of("hnsw_ef", FILTERED_PARAMETERS, **more),
                *settings_of("hnsw_ef", FILTERED_PARAMETERS[1::2], **more, acorn=True),
                {"exact": True},
            ]

    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        import qdrant_edge as q

        place.mkdir()
        started = time.perf_counter()
        config = q.EdgeConfig(
            vectors=q.EdgeVectorParams(size=rows.shape[1], distance=q.Distance.Cosine),
            hnsw_config=q.HnswIndexConfig(
                m=DEGREE, ef_construct=EF_CONSTRUCTION, full_scan_threshold=FULL_SCAN_KB
            ),
            quantization_config=q.ScalarQuantizationConfig(
                type=q.ScalarType.Int8, quantile=0.99, always_ram=True
            )
            if self._int8
            else None,
            # Below its own thresholds nothing is indexed, and a segment per processor is what it makes of the rest.
            optimizers=q.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1_000),
        )
        shard = q.EdgeShard.create(str(place), config)
        for name in FIELDS:
            shard.update(q.UpdateOperation.create_field_index(name, q.PayloadSchemaType.Integer))
        for batch in batches(rows, fields):
            points = [
                q.Point(row, vector, known)
                for row, vector, known in zip(
                    batch.ids, batch.vectors.tolist(), batch.metadata(), strict=True
                )
            ]
            shard.update(q.UpdateOperation.upsert_points(points))
        acknowledged = time.perf_counter() - started
        while shard.optimize():
            pass
        shard.flush()
        took = time.perf_counter() - started
        if shard.info().indexed_vectors_count != len(rows):
            raise RuntimeError(f"Qdrant indexed {shard.info().indexed_vectors_count} of {len(rows)} rows.")
        shard.close()
        return Written(len(rows), acknowledged, took)

    def open(self, place: Path) -> None:
        import qdrant_edge as q

        self._shard = q.EdgeShard.load(str(place))

    def asking(self, setting: Setting, condition: Condition | None) -> Ask:
        import qdrant_edge as q

        params = q.SearchParams(
            hnsw_ef=setting.get("hnsw_ef"),
            exact=setting.get("exact", False),
            quantization=q.QuantizationSearchParams(rescore=True, oversampling=setting.get("oversampling"))
            if self._int8
            else None,
            acorn=q.AcornSearchParams(enable=True) if setting.get("acorn") else None,
        )
        matching = None
        if condition:
            below = q.FieldCondition(key=condition.field, range=q.RangeFloat(lt=condition.below))
            matching = q.Filter(must=[below])

        def ask(query: Floats) -> list[int]:
            found = self._shard.query(
                q.QueryRequest(
                    limit=TOP_K,
                    query=q.Query.Nearest(query),
                    filter=matching,
                    params=params,
                    with_payload=True,
                )
            )
            return [point.id for point in found]

        return ask
