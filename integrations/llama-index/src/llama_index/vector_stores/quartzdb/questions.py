"""What is asked of the database for each of LlamaIndex's query modes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from llama_index.vector_stores.quartzdb.nodes import SPARSE, TEXT, SparseVectors

SparseFunction = Callable[[list[str]], SparseVectors]

PREFETCH_FACTOR = 4
"""Of marginal relevance: how many times as many are looked at."""
TOP_K_MAX = 1_000
"""More no query of the database gives."""

_Mode = VectorStoreQueryMode


def question(
    query: VectorStoreQuery,
    filter: Mapping[str, Any] | None,
    sparse_query: SparseFunction | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """The arguments of a query. Raises ValueError for a mode that there is not, and for what a mode lacks."""
    asked: dict[str, Any] = {"top_k": query.similarity_top_k, "filter": filter}
    match query.mode:
        case _Mode.DEFAULT:
            asked["vector"] = _vector(query)
        case _Mode.MMR:
            asked |= {"vector": _vector(query), "include_vectors": True}
            candidates = min(query.similarity_top_k * PREFETCH_FACTOR, TOP_K_MAX)
            asked["top_k"] = max(query.similarity_top_k, candidates)
        case _Mode.TEXT_SEARCH:
            asked["text"] = _text(query)
        case _Mode.SPARSE:
            asked["sparse"] = _sparse(query, sparse_query)
        case _Mode.HYBRID:
            asked["vector"] = _vector(query)
            other = "text" if sparse_query is None else "sparse"
            asked[other] = _text(query) if sparse_query is None else _sparse(query, sparse_query)
            if query.hybrid_top_k is not None:
                asked["top_k"] = query.hybrid_top_k
            if query.alpha is not None:
                weights = {"vector": query.alpha, other: 1 - query.alpha}
                asked["fusion"] = {"method": "weighted", **weights}
        case _:
            modes = ", ".join(
                mode.value for mode in (_Mode.DEFAULT, _Mode.HYBRID, _Mode.TEXT_SEARCH, _Mode.SPARSE)
            )
            raise ValueError(f"There is no mode {query.mode.value!r} here: it is one of {modes}, mmr.")
    return {**asked, **options}


def _vector(query: VectorStoreQuery) -> list[float]:
    if query.query_embedding is None:
        raise ValueError(f"Mode {query.mode.value!r} needs a `query_embedding`.")
    return query.query_embedding


def _text(query: VectorStoreQuery) -> dict[str, Any]:
    return {"query": _words(query), "fields": {TEXT: 1.0}}


def _sparse(query: VectorStoreQuery, sparse_query: SparseFunction | None) -> dict[str, Any]:
    if sparse_query is None:
        raise ValueError("Mode 'sparse' needs a store with `sparse_doc_fn` and `sparse_query_fn`.")
    [indices], [values] = sparse_query([_words(query)])
    return {"indices": list(indices), "values": list(values), "field": SPARSE}


def _words(query: VectorStoreQuery) -> str:
    if not query.query_str:
        raise ValueError(f"Mode {query.mode.value!r} needs a `query_str`.")
    return query.query_str
