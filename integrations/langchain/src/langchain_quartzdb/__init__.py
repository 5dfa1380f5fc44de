"""QuartzDB in LangChain."""

from langchain_quartzdb.byte_store import QuartzDBByteStore

__all__ = ["QuartzDBByteStore"]
