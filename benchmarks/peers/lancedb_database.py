"""LanceDB: one graph over bytes, or inverted lists of product-quantised codes with refinement."""

from __future__ import annotations

import datetime
import time
import warnings
from pathlib import Path
from typing import Any

from benchmarks.peers.port import (
    DEGREE,
    EF_CONSTRUCTION,
    FIELDS,
    FILTERED_PARAMETERS,
    TOP_K,
    Ask,
    Batch,
    Condition,
    Fields,
    Floats,
    InProcess,
    Setting,
    Written,
    batches,
    settings_of,
)


class LanceDb(InProcess):
    """`kind`: hnsw_sq or ivf_pq."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        if kind == "hnsw_sq":
            self.settings: list[Setting] = [
                *settings_of("ef", (10, 20, 40, 80, 160, 320)),
                *settings_of("ef", (20, 40, 80, 160, 320), refine_factor=2),
            ]
            self.filtered: list[Setting] = [
                *settings_of("ef", FILTERED_PARAMETERS, refine_factor=2),
                *settings_of("ef", FILTERED_PARAMETERS[-2:], refine_factor=10),
                {"flat": True},
            ]
        else:
            self.settings = [
                {"nprobes": probes, "refine_factor": factor}
                for factor in (5, 10, 20)
                for probes in (5, 10, 20, 40, 80)
            ]
            self.filtered = [
                *settings_of("nprobes", (10, 20, 40, 80, 256), refine_factor=10),
                {"nprobes": 256, "refine_factor": 40},
                {"flat": True},
            ]

    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        import lancedb
        import pyarrow as pa
        from lancedb.index import BTree, HnswSq, IvfPq

        width = rows.shape[1]
        started = time.perf_counter()
        columns = [pa.field(name, pa.int64()) for name in ("id", *FIELDS)]
        schema = pa.schema([*columns, pa.field("vector", pa.list_(pa.float32(), width))])
        table = lancedb.connect(str(place)).create_table("bench", schema=schema)
        for batch in batches(rows, fields):
            table.add(_arrow(batch, schema, pa))
        acknowledged = time.perf_counter() - started
        table.optimize()
        # Its default would be a list for each million rows of a graph, and a list for each 4,096 of codes.
        table.create_index(
            "vector",
            config=HnswSq(distance_type="cosine", m=DEGREE, ef_construction=EF_CONSTRUCTION, num_partitions=1)
            if self._kind == "hnsw_sq"
            else IvfPq(distance_type="cosine", num_partitions=256, num_sub_vectors=width // 8),
        )
        for name in FIELDS:
            table.create_index(name, config=BTree())
        with warnings.catch_warnings():
            # That no older version is left to readers is what is meant.
            warnings.simplefilter("ignore", UserWarning)
            table.optimize(cleanup_older_than=datetime.timedelta(0))
        return Written(len(rows), acknowledged, time.perf_counter() - started)

    def open(self, place: Path) -> None:
        import lancedb

        self._table = lancedb.connect(str(place)).open_table("bench")

    def asking(self, setting: Setting, condition: Condition | None) -> Ask:
        expression = f"{condition.field} < {condition.below}" if condition else None
        columns = ["id", *FIELDS, "_distance"]

        def ask(query: Floats) -> list[int]:
            search: Any = self._table.search(query).distance_type("cosine").limit(TOP_K).select(columns)
            if setting.get("flat"):
                search = search.bypass_vector_index()
            if "nprobes" in setting:
                search = search.nprobes(setting["nprobes"])
            if "ef" in setting:
                search = search.nprobes(1).ef(setting["ef"])
            if "refine_factor" in setting:
                search = search.refine_factor(setting["refine_factor"])
            if expression:
                search = search.where(expression, prefilter=True)
            found: list[int] = search.to_arrow()["id"].to_pylist()
            return found

        return ask


def _arrow(batch: Batch, schema: Any, pa: Any) -> Any:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(batch.vectors.ravel()), batch.vectors.shape[1])
    return pa.table(
        {"id": list(batch.ids), "number": batch.number, "place": batch.place, "vector": vectors},
        schema=schema,
    )
