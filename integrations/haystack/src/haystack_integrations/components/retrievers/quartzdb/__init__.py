"""Retrievers over QuartzDB: by embeddings, by words, and by both."""

from haystack_integrations.components.retrievers.quartzdb.bm25_retriever import QuartzDBBM25Retriever
from haystack_integrations.components.retrievers.quartzdb.embedding_retriever import (
    QuartzDBEmbeddingRetriever,
)
from haystack_integrations.components.retrievers.quartzdb.hybrid_retriever import QuartzDBHybridRetriever

__all__ = ["QuartzDBBM25Retriever", "QuartzDBEmbeddingRetriever", "QuartzDBHybridRetriever"]
