"""Retrieval by words."""

from __future__ import annotations

from typing import Any

from haystack import component, default_from_dict, default_to_dict
from haystack.dataclasses import Document
from haystack.document_stores.types import FilterPolicy, apply_filter_policy

from haystack_integrations.document_stores.quartzdb import QuartzDBDocumentStore
from haystack_integrations.document_stores.quartzdb.document_store import question


@component
class QuartzDBBM25Retriever:
    """The documents whose `content` has the words of a query, by BM25. `"in quotes"` is a phrase, `begin*` a beginning.

    `options` are those of the database's queries, as {"min_score": 0.5}. Filters of a run take the place of `filters`,
    or are added to them where the policy is MERGE.
    """

    def __init__(
        self,
        document_store: QuartzDBDocumentStore,
        *,
        filters: dict[str, Any] | None = None,
        top_k: int = 10,
        return_embedding: bool = False,
        filter_policy: FilterPolicy = FilterPolicy.REPLACE,
        options: dict[str, Any] | None = None,
    ) -> None:
        if not isinstance(document_store, QuartzDBDocumentStore):
            raise TypeError("document_store is a QuartzDBDocumentStore.")
        self.document_store = document_store
        self.filters = filters
        self.top_k = top_k
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
            return_embedding=self.return_embedding,
            filter_policy=self.filter_policy.value,
            options=self.options,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> QuartzDBBM25Retriever:
        """What `to_dict` gave."""
        given = data["init_parameters"]
        given["document_store"] = QuartzDBDocumentStore.from_dict(given["document_store"])
        given["filter_policy"] = FilterPolicy.from_str(given["filter_policy"])
        retriever: QuartzDBBM25Retriever = default_from_dict(cls, data)
        return retriever

    @component.output_types(documents=list[Document])
    def run(
        self,
        query: str,
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
    ) -> dict[str, list[Document]]:
        """The best documents, best first."""
        return {"documents": self.document_store.retrieve(self._asked(query, filters, top_k))}

    @component.output_types(documents=list[Document])
    async def run_async(
        self,
        query: str,
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
    ) -> dict[str, list[Document]]:
        """The same, to be awaited."""
        return {"documents": await self.document_store.retrieve_async(self._asked(query, filters, top_k))}

    def _asked(
        self,
        query: str,
        filters: dict[str, Any] | None,
        top_k: int | None,
    ) -> dict[str, Any]:
        return question(
            text=query,
            filters=apply_filter_policy(self.filter_policy, self.filters, filters),
            top_k=self.top_k if top_k is None else top_k,
            return_embedding=self.return_embedding,
            **self.options,
        )
