"""Documents as records.

A document's metadata is the record's, so that patches reach each field. What else it has stands beside it, under names
that begin with "_".
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Protocol

from haystack.dataclasses import ByteStream, Document, SparseEmbedding

ID = "_id"
CONTENT = "_content"
BLOB = "_blob"
SPARSE = "_sparse_embedding"
EMBEDDED = "_embedded"
"""False in a document without an embedding. Its record has one, since each has, that no search is told of."""

OWN = frozenset({ID, CONTENT, BLOB, SPARSE, EMBEDDED})
"""Names that no metadata may have."""


class Shown(Protocol):
    """A record of an answer."""

    @property
    def id(self) -> str: ...

    @property
    def metadata(self) -> dict[str, Any] | None: ...

    @property
    def vector(self) -> Any: ...


def check(documents: object) -> Sequence[Document]:
    """The documents. Raises ValueError for what is something else."""
    if not isinstance(documents, list) or not all(isinstance(one, Document) for one in documents):
        raise ValueError("Documents are given as a list of haystack.Document.")
    return documents


def record_of(document: Document, dimension: int) -> dict[str, Any]:
    """A document as it is stored. Raises ValueError where its metadata has a name that is taken, TypeError
    where it is no JSON.
    """
    taken = OWN & document.meta.keys()
    if taken:
        raise ValueError(
            f"The metadata of document {document.id} has a field {min(taken)!r}, which is taken: rename it."
        )
    try:
        json.dumps(document.meta)
    except TypeError as error:
        raise TypeError(
            f"The metadata of document {document.id} is no JSON: {error}. Dates go in as texts, by isoformat()."
        ) from error
    metadata = {**document.meta, ID: document.id}
    vector: Sequence[float] | None = document.embedding
    if vector is None:
        vector = [1.0] + [0.0] * (dimension - 1)
        metadata[EMBEDDED] = False
    if document.content is not None:
        metadata[CONTENT] = document.content
    if document.blob is not None:
        blob = document.blob
        data = b64encode(blob.data).decode("ascii")
        metadata[BLOB] = {"data": data, "meta": blob.meta, "mime_type": blob.mime_type}
    if document.sparse_embedding is not None:
        metadata[SPARSE] = document.sparse_embedding.to_dict()
    return {"id": document.id, "vector": vector, "metadata": metadata}


def document_of(record: Shown, score: float | None = None) -> Document:
    """A record as a document: with an embedding where the record's vector was asked for, and is one."""
    metadata = dict(record.metadata or {})
    metadata.pop(ID, None)
    embedded = metadata.pop(EMBEDDED, True)
    blob = metadata.pop(BLOB, None)
    sparse = metadata.pop(SPARSE, None)
    return Document(
        id=record.id,
        content=metadata.pop(CONTENT, None),
        blob=blob and ByteStream(b64decode(blob["data"]), blob["meta"], blob["mime_type"]),
        embedding=record.vector.tolist() if embedded and record.vector is not None else None,
        sparse_embedding=sparse and SparseEmbedding.from_dict(sparse),
        meta=metadata,
        score=score,
    )
