"""Every database that takes part, by the name that tables use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from benchmarks.peers.port import Peer


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a peer is. `shares`: the peer whose index it serves; such a peer is a server."""

    family: str
    module: str
    attribute: str
    package: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    shares: str | None = None

    def make(self) -> Peer:
        """Its adapter. Nothing of the database is imported yet."""
        peer: Peer = getattr(import_module(f"benchmarks.peers.{self.module}"), self.attribute)(
            **self.arguments
        )
        return peer


def _quartzdb(engine: str, precision: str = "f32") -> Entry:
    arguments = {"engine": engine, "precision": precision}
    return Entry("QuartzDB", "quartzdb_database", "QuartzDb", "quartzdb", arguments)


def _served(engine: str) -> Entry:
    return Entry(
        "QuartzDB", "quartzdb_server", "QuartzDbServer", "quartzdb", {"engine": engine}, f"QuartzDB {engine}"
    )


def _zvec(kind: str) -> Entry:
    return Entry("zvec", "zvec_database", "Zvec", "zvec", {"kind": kind})


def _qdrant(int8: bool) -> Entry:
    return Entry("Qdrant", "qdrant_edge_database", "QdrantEdge", "qdrant-edge-py", {"int8": int8})


def _lancedb(kind: str) -> Entry:
    return Entry("LanceDB", "lancedb_database", "LanceDb", "lancedb", {"kind": kind})


PEERS: Mapping[str, Entry] = {
    "QuartzDB ivf": _quartzdb("ivf"),
    "QuartzDB ivf f16": _quartzdb("ivf", "f16"),
    "QuartzDB hnsw": _quartzdb("hnsw"),
    "zvec HNSW int8": _zvec("int8"),
    "zvec HNSW f32": _zvec("f32"),
    "zvec HNSW RaBitQ": _zvec("rabitq"),
    "Qdrant Edge int8": _qdrant(int8=True),
    "Qdrant Edge f32": _qdrant(int8=False),
    "Chroma": Entry("Chroma", "chroma_database", "Chroma", "chromadb"),
    "LanceDB HNSW_SQ": _lancedb("hnsw_sq"),
    "LanceDB IVF_PQ": _lancedb("ivf_pq"),
    "milvus-lite HNSW": Entry("milvus-lite", "milvus_lite_database", "MilvusLite", "milvus-lite"),
    "sqlite-vec": Entry("sqlite-vec", "sqlite_vec_database", "SqliteVec", "sqlite-vec"),
    "hnswlib": Entry("hnswlib", "libraries", "Hnswlib", "hnswlib"),
    "brute force": Entry("numpy", "libraries", "BruteForce", "numpy"),
    "QuartzDB ivf, HTTP": _served("ivf"),
    "QuartzDB hnsw, HTTP": _served("hnsw"),
    "Chroma, HTTP": Entry("Chroma", "chroma_server", "ChromaServer", "chromadb", shares="Chroma"),
}
