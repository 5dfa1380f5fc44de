"""Chroma in process: a PersistentClient over its graph."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.peers.port import (
    DEGREE,
    EF_CONSTRUCTION,
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

SETTINGS = settings_of("ef_search", (10, 14, 20, 24, 28, 34, 40, 48, 56, 67, 80, 95, 112, 160, 320))
FILTERED = settings_of("ef_search", (20, 40, 112, 320))


class Chroma(InProcess):
    """One collection. How hard it tries is the collection's, and is read when the graph is loaded."""

    settings = SETTINGS
    filtered = FILTERED

    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        return fill(_client(place), rows, fields)

    def open(self, place: Path) -> None:
        self._place = place
        self._collection = _client(place).get_collection("bench", embedding_function=None)
        self._setting: Setting = setting_of(self._collection.configuration_json)

    def asking(self, setting: Setting, condition: Condition | None) -> Ask:
        if setting != self._setting:
            self._collection.modify(configuration={"hnsw": dict(setting)})
            _forget()
            self._collection = _client(self._place).get_collection("bench", embedding_function=None)
            self._setting = setting
        matching = where(condition) if condition else None

        def ask(query: Floats) -> list[str]:
            found: list[str] = self._collection.query(
                query_embeddings=query,
                n_results=TOP_K,
                where=matching,
                include=["metadatas", "distances"],
            )["ids"][0]
            return found

        return ask


def setting_of(configuration: Any) -> Setting:
    """What a collection was last told."""
    return {"ef_search": configuration["hnsw"]["ef_search"]}


def where(condition: Condition) -> dict[str, Any]:
    """A filter in Chroma's words."""
    return {condition.field: {"$lt": condition.below}}


def fill(client: Any, rows: Floats, fields: Fields) -> Written:
    """Create the collection and write all rows. Chroma adds to its graph as it goes."""
    started = time.perf_counter()
    graph = {"space": "cosine", "ef_construction": EF_CONSTRUCTION, "max_neighbors": DEGREE, "ef_search": 100}
    collection = client.create_collection("bench", embedding_function=None, configuration={"hnsw": graph})
    for batch in batches(rows, fields):
        collection.add(
            ids=[str(row) for row in batch.ids], embeddings=batch.vectors, metadatas=batch.metadata()
        )
    acknowledged = time.perf_counter() - started
    # Reads see what was acknowledged: the first one brings the graph up to the last write.
    collection.query(query_embeddings=rows[0], n_results=1)
    return Written(len(rows), acknowledged, time.perf_counter() - started)


def quiet() -> Any:
    """Settings that tell its makers nothing."""
    from chromadb.config import Settings

    return Settings(anonymized_telemetry=False)


def _client(place: Path) -> Any:
    import chromadb

    return chromadb.PersistentClient(str(place), settings=quiet())


def _forget() -> None:
    # Clients of one directory share what they have loaded, as long as the process lives.
    from chromadb.api.shared_system_client import SharedSystemClient

    SharedSystemClient.clear_system_cache()
