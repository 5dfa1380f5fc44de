"""A namespace whose records lie in several segments, some rows of them dead, and in the tail."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.domain.vector import Vector
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.wiring.embedded import Database
from tests.embedded import Embedded

VALUES: list[Any] = [
    None,
    True,
    False,
    -3,
    0,
    0.5,
    2**60,
    2**60 + 1,
    "",
    "a",
    "b",
    "ä",
    "z" * 300,
    [1],
    {"b": 1},
]

Model = dict[str, Mapping[str, Any]]


def metadata(draw: random.Random) -> dict[str, Any]:
    fields: dict[str, Any] = {"group": draw.randrange(6), "few": draw.choice(["x", "y"])}
    if draw.random() < 0.8:
        fields["v"] = draw.choice(VALUES)
    if draw.random() < 0.5:
        fields["o"] = {"deep": draw.randrange(40)}
    if draw.random() < 0.7:
        fields["tags"] = [draw.choice(["red", "green", "blue", 7, None]) for _ in range(draw.randrange(4))]
    return fields


def ones(_: random.Random) -> Vector:
    """The same vector for all."""
    return np.ones(2, np.float32)


def filled(
    site: Embedded,
    seed: int,
    shards: int,
    *,
    metric: Metric = Metric.COSINE,
    vector: Callable[[random.Random], Vector] = ones,
) -> tuple[Database, Namespace, Model]:
    """Segments in which some rows are dead, and a tail; an id may be prefixed by another."""
    database, draw = site.open(), random.Random(seed)
    namespace, _ = database.namespaces.create("t", f"n{seed}", NamespaceSettings(2, metric, shards=shards))
    model: Model = {}
    for turn in range(4):
        ids = draw.sample([f"r{number}" for number in range(150)], 90 if turn < 3 else 25)
        records = [NewRecord(one, vector(draw), metadata(draw)) for one in ids]
        database.records.upsert(namespace, records)
        model |= {record.id: record.metadata for record in records}
        doomed = draw.sample(sorted(model), 8)
        database.records.delete(namespace, doomed)
        model = {one: kept for one, kept in model.items() if one not in doomed}
        if turn < 3:
            site.clock.seconds += 40
            for shard in namespace.each_shard:
                database.indexer.fold(shard)
                database.readers.of(shard).reload()
    patched = draw.choice(sorted(model))
    database.records.patch(namespace, [MetadataPatch(patched, {"v": "patched"}, ())])
    model[patched] = {**model[patched], "v": "patched"}
    return database, namespace, model
