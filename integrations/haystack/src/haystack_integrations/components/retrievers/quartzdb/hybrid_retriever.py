"""Retrieval by words and by embeddings."""

from __future__ import annotations

from typing import Any

from haystack import component, default_from_dict, default_to_dict
from haystack.dataclasses import Document, SparseEmbedding
from haystack.document_stores.types import FilterPolicy, apply_filter_policy

from haystack_integrations.document_stores.quartzdb import QuartzDBDocumentStore
from haystack_integrations.document_stores.quartzdb.document_store import question


@component
class QuartzDBHybridRetriever:
    """The best documents of several rankings: by words, by an embedding, and by a sparse embedding where one is given.

    `fusion` is how rankings are made one: reciprocal ranks where it is None, or {"method": "weighted", "vector": 0.7,
    "text": 0.3}. Documents without an embedding are not seen.

    `options` are those of the database's queries, as {"min_score": 0.5}. Filters of a run take the place of `filters`,
    or are added to them where the policy is MERGE.
    """

    def __init__(
        self,
        document_store: QuartzDBDocumentStore,
        *,
        filters: dict[str, Any] | None = None,
        top_k: int = 10,
        fusion: dict[str, Any] | None = None,
        return_embedding: bool = False,
        filter_policy: FilterPolicy = FilterPolicy.REPLACE,
        options: dict[str, Any] | None = None,
    ) -> None:
        if not isinstance(document_store, QuartzDBDocumentStore):
            raise TypeError("document_store is a QuartzDBDocumentStore.")
        self.document_store = document_store
        self.filters = filters
        self.top_k = top_k
        self.fusion = fusion
        self.return_embedding = return_embedding
        self.filter_policy = filter_policy
        self.options = options or {}

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a pipeline's file."""
        return default_to_dict(
            self,
            document_store=self.document_store.to_dict(),
            filters=self.filters,
            top_k=self.top_k,
            fusion=self.fusion,
            return_embedding=self.return_embedding,
            filter_policy=self.filter_policy.value,
            options=self.options,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> QuartzDBHybridRetriever:
        """What `to_dict` gave."""
        given = data["init_parameters"]
        given["document_store"] = QuartzDBDocumentStore.from_dict(given["document_store"])
        given["filter_policy"] = FilterPolicy.from_str(given["filter_policy"])
        retriever: QuartzDBHybridRetriever = default_from_dict(cls, data)
        return retriever

    @component.output_types(documents=list[Document])
    def run(
        self,
        query: str,
        query_embedding: list[float],
        query_sparse_embedding: SparseEmbedding | None = None,
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
    ) -> dict[str, list[Document]]:
        """The best documents, best first, with fused scores."""
        return {
            "documents": self.document_store.retrieve(
                self._asked(query, query_embedding, query_sparse_embedding, filters, top_k)
            )
        }

    @component.output_types(documents=list[Document])
    async def run_async(
        self,
        query: str,
        query_embedding: list[float],
        query_sparse_embedding: SparseEmbedding | None = None,
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
    ) -> dict[str, list[Document]]:
        """The same, to be awaited."""
        return {
            "documents": await self.document_store.retrieve_async(
                self._asked(query, query_embedding, query_sparse_embedding, filters, top_k)
            )
        }

    def _asked(
        self,
        query: str,
        query_embedding: list[float],
        query_sparse_embedding: SparseEmbedding | None,
        filters: dict[str, Any] | None,
        top_k: int | None,
    ) -> dict[str, Any]:
        return question(
            text=query,
            embedding=query_embedding,
            sparse=query_sparse_embedding,
            filters=apply_filter_policy(self.filter_policy, self.filters, filters),
            top_k=self.top_k if top_k is None else top_k,
            return_embedding=self.return_embedding,
            fusion=self.fusion,
            **self.options,
        )
