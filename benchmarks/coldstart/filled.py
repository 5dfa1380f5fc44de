"""Namespaces with one published segment each, made straight from vectors: what folding a log of them would leave."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quartzdb.domain.hlc import Version, stamp_at
from quartzdb.domain.merge import RecordState
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings
from quartzdb.storage.log.protocol import OVERLAP
from quartzdb.storage.snapshot.build import SegmentBuild
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.wiring.embedded import Database

TENANT = "default"
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Filled:
    """One namespace, and what is known of it."""

    name: str
    rows: int
    engine: str
    build_seconds: float
    file_bytes: dict[str, int]


def fill(database: Database, vectors: Floats, engine: EngineChoice, workspace: Path, threads: int) -> Filled:
    """Build, upload and publish."""
    name = f"{engine}-{len(vectors)}"
    namespace, _ = database.namespaces.create(
        TENANT, name, NamespaceSettings(vectors.shape[1], engine=engine)
    )
    shutil.rmtree(workspace, ignore_errors=True)
    begun = time.monotonic()
    stamp = stamp_at(database.clock.unix_ms()) - 2 * OVERLAP
    version = Version(stamp, "aws.bench")
    with SegmentBuild(database.store, namespace, "segment", workspace, threads) as build:
        for number, vector in enumerate(vectors):
            metadata = {"year": 1900 + number % 120, "title": f"The title of record {number}"}
            build.writer.add(f"record-{number:08d}", RecordState(version, vector, metadata))
        segment = build.finish(seed=1)
    manifest = Manifest(namespace.partition, sequence=1, watermark=stamp, segments=(segment,))
    if database.store.publish(manifest, None) is None:
        raise RuntimeError(f"{name} is there already")
    return Filled(
        name,
        len(vectors),
        segment.shape.engine,
        time.monotonic() - begun,
        {file: ref.size for file, ref in segment.files.items()},
    )


def upsert_tail(database: Database, namespace: Namespace, vectors: Floats) -> None:
    """A few records that no indexer has seen, as a live namespace always has."""
    from quartzdb.services.record_rules import NewRecord

    database.records.upsert(namespace, [NewRecord(f"new-{n}", vector) for n, vector in enumerate(vectors)])


def query_body(vector: Floats) -> str:
    """A search for its ten nearest."""
    return json.dumps({"vector": [round(float(x), 6) for x in vector], "top_k": 10})
