"""QuartzDB as a document store of Haystack."""

from haystack_integrations.document_stores.quartzdb.document_store import QuartzDBDocumentStore

__all__ = ["QuartzDBDocumentStore"]
