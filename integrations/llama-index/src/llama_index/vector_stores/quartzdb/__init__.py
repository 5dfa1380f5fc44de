"""QuartzDB as a vector store of LlamaIndex."""

from llama_index.vector_stores.quartzdb.vector_store import QuartzDBVectorStore

__all__ = ["QuartzDBVectorStore"]
