"""The same month at others, by their list prices. Their dates and sources are in docs/costs.md.

Only what is charged is compared: not recall, latency, limits, or what else one gets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.costs.months import GB, Workload

_MILLION = 1_000_000
_GIB = 2**30
_TIB = 2**40
_RETURNED_BYTES = 2_000
"""Ten matches with ids, scores and metadata."""


def pinecone(work: Workload) -> float:
    """Serverless, Standard: 1 read unit a GB of namespace and query, 5 write units a request, and a monthly minimum."""
    size = work.vectors * work.record_bytes / GB
    queries = work.queries * max(0.25, size) * 16 / _MILLION
    writes = work.writes * max(5, -(-work.record_bytes // 1_024)) * 4 / _MILLION
    return max(50, 0.33 * size + queries + writes)


def turbopuffer(work: Workload) -> float:
    """Launch: a query pays for the namespace's bytes (at least 1.28 GB), a write for at least 10 KB; 16 a month."""
    size = work.vectors * work.record_bytes / GB
    queries = work.queries * (max(1.28, size) / 1_000_000 * 1.00 + _RETURNED_BYTES / GB * 0.05)
    writes = work.writes * max(10_000, work.record_bytes) / GB * 2.00
    return max(16, 0.33 * size + queries + writes)


def s3_vectors(work: Workload) -> float:
    """A put pays for at least 128 KB, a query for the bytes of the index, the first 100,000 vectors twice as much."""
    first = min(work.vectors, 100_000)
    a_query = work.record_bytes * (first * 0.004 + (work.vectors - first) * 0.002) / _TIB
    puts = work.writes * max(128 * 1_024, work.record_bytes) / _GIB * 0.20
    stored = work.vectors * work.record_bytes / _GIB * 0.06
    return stored + puts + work.queries * (2.50 / _MILLION + a_query)


def vectorize(work: Workload) -> float:
    """Dimensions of stored and queried vectors alike, and a little for storage; writes are free. Workers Paid: 5."""
    stored = work.vectors * work.dimension
    return 5 + (stored + work.queries * work.dimension) * 0.01 / _MILLION + stored * 0.05 / (100 * _MILLION)


def upstash(work: Workload) -> float:
    """Pay as you go: every operation alike, and storage of vectors and metadata."""
    stored = work.vectors * (work.dimension * 4 + work.metadata_bytes) / GB
    return (work.queries + work.writes) * 0.40 / 100_000 + stored * 0.25


PEERS: Mapping[str, Callable[[Workload], float]] = {
    "Pinecone serverless (Standard)": pinecone,
    "turbopuffer (Launch)": turbopuffer,
    "Amazon S3 Vectors": s3_vectors,
    "Cloudflare Vectorize": vectorize,
    "Upstash Vector (pay as you go)": upstash,
}
