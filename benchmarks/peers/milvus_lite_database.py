"""milvus-lite: Milvus's client and, in a process that it starts, a small Milvus over faiss."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.memory import descendants
from benchmarks.peers.port import (
    DEGREE,
    EF_CONSTRUCTION,
    FIELDS,
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

FILE = "milvus.db"


class MilvusLite(InProcess):
    """One collection with a graph over the rows."""

    settings = settings_of("ef", (10, 20, 40, 80, 160, 320))
    filtered = settings_of("ef", (20, 40, 112, 320))
    _client: Any = None

    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        from pymilvus import DataType, MilvusClient

        place.mkdir()
        client = MilvusClient(str(place / FILE))
        started = time.perf_counter()
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        for name in FIELDS:
            schema.add_field(name, DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=rows.shape[1])
        indexes = client.prepare_index_params()
        indexes.add_index(
            "vector",
            index_type="HNSW",
            metric_type="COSINE",
            params={"M": DEGREE, "efConstruction": EF_CONSTRUCTION},
        )
        client.create_collection("bench", schema=schema, index_params=indexes)
        for batch in batches(rows, fields):
            client.insert(
                "bench",
                [
                    {"id": row, "vector": vector, **known}
                    for row, vector, known in zip(batch.ids, batch.vectors, batch.metadata(), strict=True)
                ],
            )
        acknowledged = time.perf_counter() - started
        client.flush("bench")
        client.load_collection("bench")
        took = time.perf_counter() - started
        client.close()
        return Written(len(rows), acknowledged, took)

    def open(self, place: Path) -> None:
        from pymilvus import MilvusClient

        self._client = MilvusClient(str(place / FILE))
        self._client.load_collection("bench")

    def asking(self, setting: Setting, condition: Condition | None) -> Ask:
        expression = f"{condition.field} < {condition.below}" if condition else ""
        params = {"params": dict(setting)}

        def ask(query: Floats) -> list[int]:
            found = self._client.search(
                "bench",
                data=[query],
                limit=TOP_K,
                filter=expression,
                output_fields=list(FIELDS),
                search_params=params,
            )
            return [hit["id"] for hit in found[0]]

        return ask

    def processes(self) -> Sequence[int]:
        (own,) = super().processes()
        return (own, *descendants(own))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
