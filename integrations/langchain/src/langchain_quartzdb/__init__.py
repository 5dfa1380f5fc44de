"""QuartzDB in LangChain: a vector store, a key-value store and a cache of what models answer."""

from langchain_quartzdb.byte_store import QuartzDBByteStore
from langchain_quartzdb.llm_cache import QuartzDBCache
from langchain_quartzdb.vector_store import QuartzDBVectorStore

__all__ = ["QuartzDBByteStore", "QuartzDBCache", "QuartzDBVectorStore"]
