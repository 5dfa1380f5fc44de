"""The vector store: documents in one namespace, searched by vector, by words, or by both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from langchain_quartzdb.batches import parts
from langchain_quartzdb.connection import Connection
from langchain_quartzdb.documents import document_of, ids_of, records_of
from langchain_quartzdb.filters import filter_of
from langchain_quartzdb.questions import Mode, check, question
from langchain_quartzdb.relevance import relevance_of
from quartzdb_client import (
    AsyncClient,
    Client,
    NotFound,
    Report,
    upsert_many,
    upsert_many_async,
)
from quartzdb_client.types import Match

BATCH_SIZE = 500
"""Records of one write; several are under way at once."""
IDS_MAX = 1_000
"""Ids of one request."""


class QuartzDBVectorStore(VectorStore):
    """Documents in a namespace, which is made with the first of them; until then nothing is found.

    `mode` of a search: "vector", "text" (BM25) or "hybrid", of which the rankings are fused. Other keywords of searches
    are those of the database's queries: `recall`, `min_score`, `fusion`, `consistency` and so on.

    `metric`, `text_search`, `language` and `settings` (`shards`, `engine`, `precision` …) are for the namespace when it
    is made: one that is there stays as it is. Without `text_search` only mode "vector" works, and records are smaller.
    """

    def __init__(
        self,
        embedding: Embeddings,
        namespace: str = "langchain",
        *,
        text_field: str = "text",
        metric: str = "cosine",
        text_search: bool = True,
        language: str = "english",
        settings: Mapping[str, Any] | None = None,
        batch_size: int = BATCH_SIZE,
        relevance_score_fn: Callable[[float], float] | None = None,
        url: str | None = None,
        api_key: str | None = None,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        self._embedding = embedding
        self._namespace = namespace
        self._text_field = text_field
        self._metric = metric
        self._settings: dict[str, Any] = {"metric": metric, **(settings or {})}
        if text_search:
            self._settings["text"] = {text_field: {"language": language}}
        self._batch_size = batch_size
        self._relevance = relevance_score_fn
        self._connection = Connection(url, api_key, client, async_client)

    @property
    def embeddings(self) -> Embeddings:
        """What makes vectors of texts."""
        return self._embedding

    # --- writing ---

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """A store with these texts. `kwargs` are those of the class."""
        store = cls(embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    @classmethod
    async def afrom_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """The same, to be awaited."""
        store = cls(embedding, **kwargs)
        await store.aadd_texts(texts, metadatas, ids=ids)
        return store

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Write texts over those that have the ids. Raises ValueError, TypeError, QuartzDBError.

        They are written in parts of `batch_size` (the store's), each whole or not at all.
        """
        _nothing_else(kwargs)
        size = batch_size or self._batch_size
        texts = list(texts)
        written = ids_of(len(texts), ids)
        vectors = self._embedding.embed_documents(texts)
        records = records_of(written, texts, vectors, metadatas, self._text_field)
        if records:
            client = self._connection.client
            namespace, first = client.namespace(self._namespace), records[:size]
            try:
                namespace.upsert(first)
            except NotFound:
                client.create_namespace(self._namespace, dimension=len(vectors[0]), **self._settings)
                namespace.upsert(first)
            _check(upsert_many(namespace, records[size:], batch_size=size))
        return written

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """The same, to be awaited."""
        _nothing_else(kwargs)
        size = batch_size or self._batch_size
        texts = list(texts)
        written = ids_of(len(texts), ids)
        vectors = await self._embedding.aembed_documents(texts)
        records = records_of(written, texts, vectors, metadatas, self._text_field)
        if records:
            client = self._connection.async_client
            namespace, first = client.namespace(self._namespace), records[:size]
            try:
                await namespace.upsert(first)
            except NotFound:
                await client.create_namespace(self._namespace, dimension=len(vectors[0]), **self._settings)
                await namespace.upsert(first)
            _check(await upsert_many_async(namespace, records[size:], batch_size=size))
        return written

    def delete(
        self, ids: list[str] | None = None, *, filter: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> bool:
        """Delete documents by id, or all that match a filter; all there are, where neither is given.

        Ids that have none are no error. Raises ValueError for both.
        """
        _nothing_else(kwargs)
        _one_of(ids, filter)
        namespace = self._connection.client.namespace(self._namespace)
        try:
            if ids is None:
                namespace.delete_matching(filter_of(filter) or {})
            else:
                for part in parts(ids, IDS_MAX):
                    namespace.delete(part)
        except NotFound:
            return True  # no namespace: nothing is there
        return True

    async def adelete(
        self, ids: list[str] | None = None, *, filter: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> bool:
        """The same, to be awaited."""
        _nothing_else(kwargs)
        _one_of(ids, filter)
        namespace = self._connection.async_client.namespace(self._namespace)
        try:
            if ids is None:
                await namespace.delete_matching(filter_of(filter) or {})
            else:
                for part in parts(ids, IDS_MAX):
                    await namespace.delete(part)
        except NotFound:
            return True  # no namespace: nothing is there
        return True

    # --- reading ---

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents that are there, in the order of the ids."""
        namespace = self._connection.client.namespace(self._namespace)
        try:
            found = [one for part in parts(ids, IDS_MAX) for one in namespace.fetch(part).records]
        except NotFound:
            return []
        return [document_of(one, self._text_field) for one in found]

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The same, to be awaited."""
        namespace = self._connection.async_client.namespace(self._namespace)
        try:
            found = [one for part in parts(ids, IDS_MAX) for one in (await namespace.fetch(part)).records]
        except NotFound:
            return []
        return [document_of(one, self._text_field) for one in found]

    def similarity_search(
        self,
        query: str,
        k: int = 4,
        filter: Mapping[str, Any] | None = None,
        *,
        mode: Mode = "vector",
        **kwargs: Any,
    ) -> list[Document]:
        """The best `k` documents, best first."""
        found = self.similarity_search_with_score(query, k, filter, mode=mode, **kwargs)
        return [document for document, _ in found]

    async def asimilarity_search(
        self,
        query: str,
        k: int = 4,
        filter: Mapping[str, Any] | None = None,
        *,
        mode: Mode = "vector",
        **kwargs: Any,
    ) -> list[Document]:
        """The same, to be awaited."""
        found = await self.asimilarity_search_with_score(query, k, filter, mode=mode, **kwargs)
        return [document for document, _ in found]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        filter: Mapping[str, Any] | None = None,
        *,
        mode: Mode = "vector",
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """With scores, of which the higher are the better: those of the metric, BM25's, or fused ones."""
        check(mode)
        vector = None if mode == "text" else self._embedding.embed_query(query)
        return self._scored(self._ask(question(mode, query, vector, k, filter, self._text_field, kwargs)))

    async def asimilarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        filter: Mapping[str, Any] | None = None,
        *,
        mode: Mode = "vector",
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """The same, to be awaited."""
        check(mode)
        vector = None if mode == "text" else await self._embedding.aembed_query(query)
        asked = question(mode, query, vector, k, filter, self._text_field, kwargs)
        return self._scored(await self._aask(asked))

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, filter: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[Document]:
        """The nearest `k` documents to a vector."""
        asked = question("vector", "", embedding, k, filter, self._text_field, kwargs)
        return [document for document, _ in self._scored(self._ask(asked))]

    async def asimilarity_search_by_vector(
        self, embedding: list[float], k: int = 4, filter: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[Document]:
        """The same, to be awaited."""
        asked = question("vector", "", embedding, k, filter, self._text_field, kwargs)
        return [document for document, _ in self._scored(await self._aask(asked))]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """`k` of the nearest `fetch_k` that differ among each other: the less `lambda_mult`, the more."""
        return self.max_marginal_relevance_search_by_vector(
            self._embedding.embed_query(query), k, fetch_k, lambda_mult, filter, **kwargs
        )

    async def amax_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The same, to be awaited."""
        return await self.amax_marginal_relevance_search_by_vector(
            await self._embedding.aembed_query(query), k, fetch_k, lambda_mult, filter, **kwargs
        )

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The same by a vector."""
        asked = question("vector", "", embedding, fetch_k, filter, self._text_field, kwargs)
        return self._different(embedding, self._ask({**asked, "include_vectors": True}), k, lambda_mult)

    async def amax_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The same by a vector, to be awaited."""
        asked = question("vector", "", embedding, fetch_k, filter, self._text_field, kwargs)
        matches = await self._aask({**asked, "include_vectors": True})
        return self._different(embedding, matches, k, lambda_mult)

    # --- relevance: scores of vectors alone have a range that is known ---

    def _similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        if self._relevance is None:
            _by_vector_alone(kwargs)
            try:
                metric = self._connection.client.namespace(self._namespace).describe().metric
            except NotFound:
                return []
            self._relevance = relevance_of(metric)
        return super()._similarity_search_with_relevance_scores(query, k, **kwargs)

    async def _asimilarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        if self._relevance is None:
            _by_vector_alone(kwargs)
            try:
                described = await self._connection.async_client.namespace(self._namespace).describe()
            except NotFound:
                return []
            self._relevance = relevance_of(described.metric)
        return await super()._asimilarity_search_with_relevance_scores(query, k, **kwargs)

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return self._relevance or relevance_of(self._metric)

    # --- what searches share ---

    def _ask(self, asked: Mapping[str, Any]) -> list[Match]:
        try:
            return self._connection.client.namespace(self._namespace).query(**asked).matches
        except NotFound:
            return []  # no namespace: no documents

    async def _aask(self, asked: Mapping[str, Any]) -> list[Match]:
        try:
            return (await self._connection.async_client.namespace(self._namespace).query(**asked)).matches
        except NotFound:
            return []  # no namespace: no documents

    def _scored(self, matches: Iterable[Match]) -> list[tuple[Document, float]]:
        return [(document_of(match, self._text_field), match.score) for match in matches]

    def _different(
        self, embedding: Sequence[float], matches: list[Match], k: int, lambda_mult: float
    ) -> list[Document]:
        vectors = [list(match.vector or ()) for match in matches]
        places = maximal_marginal_relevance(np.asarray(embedding), vectors, lambda_mult, k)
        return [document_of(matches[place], self._text_field) for place in places]


def _check(report: Report) -> None:
    if report.parts_failed:
        raise report.parts_failed[0].error


def _nothing_else(kwargs: Mapping[str, Any]) -> None:
    if kwargs:
        raise TypeError(f"There is no argument {', '.join(map(repr, kwargs))}.")


def _one_of(ids: Sequence[str] | None, filter: Mapping[str, Any] | None) -> None:
    if ids is not None and filter is not None:
        raise ValueError("Give ids or a filter of what to delete, not both.")


def _by_vector_alone(kwargs: Mapping[str, Any]) -> None:
    if kwargs.get("mode", "vector") != "vector":
        raise ValueError(
            "Scores of words and fused ones have no range that relevance could be told from: search by vector, "
            "use similarity_search_with_score, or give the store a `relevance_score_fn`."
        )
