"""Namespaces with one published segment each, made straight from vectors: what folding a log of them would leave."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.hlc import Version, stamp_at
from quartzdb.domain.merge import RecordState
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings
from quartzdb.domain.text_fields import TextField
from quartzdb.storage.log.protocol import OVERLAP
from quartzdb.storage.snapshot.build import SegmentBuild
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.wiring.embedded import Database

TENANT = "default"
VOCABULARY = 200_000
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Filled:
    """One namespace, and what is known of it."""

    name: str
    rows: int
    engine: str
    build_seconds: float
    file_bytes: dict[str, int]
    texts: bool = False


def fill(
    database: Database,
    vectors: Floats,
    engine: EngineChoice,
    workspace: Path,
    threads: int,
    texts: Sequence[str] | None = None,
) -> Filled:
    """Build, upload and publish. `texts`: of each record one, in a field that is searched by words."""
    name = f"{engine}-{len(vectors)}" + ("" if texts is None else "-texts")
    declared = {} if texts is None else {"body": TextField()}
    settings = NamespaceSettings(vectors.shape[1], engine=engine, text=declared)
    namespace, _ = database.namespaces.create(TENANT, name, settings)
    shutil.rmtree(workspace, ignore_errors=True)
    begun = time.monotonic()
    stamp = stamp_at(database.clock.unix_ms()) - 2 * OVERLAP
    version = Version(stamp, "aws.bench")
    with SegmentBuild(database.store, namespace, "segment", workspace, threads) as build:
        for number, vector in enumerate(vectors):
            metadata: dict[str, Any] = {"year": 1900 + number % 120, "title": f"The title of record {number}"}
            if texts is not None:
                metadata["body"] = texts[number]
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
        texts is not None,
    )


def upsert_tail(database: Database, namespace: Namespace, vectors: Floats) -> None:
    """A few records that no indexer has seen, as a live namespace always has."""
    from quartzdb.services.record_rules import NewRecord

    database.records.upsert(namespace, [NewRecord(f"new-{n}", vector) for n, vector in enumerate(vectors)])


def texts_of(rows: int, words: int, seed: int = 1) -> list[str]:
    """So many texts of about so many words, which come as often as words do: the n-th as often as 1 / n."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(max(1, words // 2), words * 3 // 2 + 1, size=rows)
    ranks = np.minimum(draw.zipf(1.07, size=int(lengths.sum())), VOCABULARY)
    known = [_word(number) for number in range(VOCABULARY + 1)]
    texts, start = [], 0
    for length in lengths.tolist():
        texts.append(" ".join(known[rank] for rank in ranks[start : start + length].tolist()))
        start += length
    return texts


def _word(number: int) -> str:
    """As many letters as words have, the rare ones more."""
    syllables = (
        "ka",
        "lo",
        "min",
        "ter",
        "su",
        "ra",
        "vel",
        "ti",
        "on",
        "de",
        "pra",
        "ck",
        "um",
        "fe",
        "gis",
        "wo",
    )
    return "".join(syllables[int(digit, 16)] for digit in f"{number + 16:x}")


def query_body(vector: Floats | None, text: str | None = None) -> str:
    """A search for its ten nearest, the ten best by words, or both."""
    asked: dict[str, object] = {"top_k": 10}
    if vector is not None:
        asked["vector"] = [round(float(x), 6) for x in vector]
    if text is not None:
        asked["text"] = {"query": text}
    return json.dumps(asked)
