"""zvec: a graph over rows, over rows of one byte a coordinate with refinement, or over RaBitQ codes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

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

LINEAR = {"is_linear": True}


class Zvec(InProcess):
    """`kind`: f32, int8 or rabitq. Only int8 has what a refiner needs."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        refined = {"is_using_refiner": True}
        self.settings = settings_of("ef")
        self.filtered = [*settings_of("ef", FILTERED_PARAMETERS), {"ef": 300, **LINEAR}]
        if kind == "int8":
            self.settings = [
                setting
                for ef in SEARCH_PARAMETERS
                for setting in ({"ef": ef}, {"ef": ef, **refined, "scale_factor": 2.0})
            ] + settings_of("ef", SEARCH_PARAMETERS[3:], **refined)
            self.filtered = [
                *settings_of("ef", FILTERED_PARAMETERS, **refined, scale_factor=2.0),
                *settings_of("ef", FILTERED_PARAMETERS[1::2], **refined),
                {"ef": 300, **refined, **LINEAR},
            ]

    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        import zvec

        self._start()
        started = time.perf_counter()
        schema = zvec.CollectionSchema(
            "bench",
            fields=[
                zvec.FieldSchema(
                    name,
                    zvec.DataType.INT64,
                    nullable=False,
                    index_param=zvec.InvertIndexParam(enable_range_optimization=True),
                )
                for name in FIELDS
            ],
            vectors=[
                zvec.VectorSchema(
                    "vector", zvec.DataType.VECTOR_FP32, rows.shape[1], index_param=self._index()
                )
            ],
        )
        collection = zvec.create_and_open(str(place), schema)
        for batch in batches(rows, fields):
            written = collection.insert(
                [
                    zvec.Doc(id=str(row), vectors={"vector": vector}, fields=known)
                    for row, vector, known in zip(batch.ids, batch.vectors, batch.metadata(), strict=True)
                ]
            )
            if not all(status.ok() for status in written):
                raise RuntimeError(f"zvec refused a row: {written}")
        acknowledged = time.perf_counter() - started
        collection.optimize()
        collection.flush()
        took = time.perf_counter() - started
        collection.close()
        return Written(len(rows), acknowledged, took)

    def open(self, place: Path) -> None:
        import zvec

        self._start()
        self._collection = zvec.open(str(place))

    def asking(self, setting: Setting, condition: Condition | None) -> Ask:
        import zvec

        make = zvec.HnswRabitqQueryParam if self._kind == "rabitq" else zvec.HnswQueryParam
        param = make(**setting)
        expression = f"{condition.field} < {condition.below}" if condition else None

        def ask(query: Floats) -> list[str]:
            found = self._collection.query(
                zvec.Query("vector", vector=query, param=param), topk=TOP_K, filter=expression
            )
            return [document.id for document in found]

        return ask

    def _start(self) -> None:
        import zvec

        zvec.init(log_level=zvec.LogLevel.ERROR)

    def _index(self) -> Any:
        import zvec

        common = {"metric_type": zvec.MetricType.COSINE, "m": DEGREE, "ef_construction": EF_CONSTRUCTION}
        if self._kind == "rabitq":
            return zvec.HnswRabitqIndexParam(**common)
        if self._kind == "int8":
            return zvec.HnswIndexParam(**common, quantize_type=zvec.QuantizeType.INT8)
        return zvec.HnswIndexParam(**common)
