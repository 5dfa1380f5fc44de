"""Documents as records: the text is a metadata field among the document's own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from langchain_core.documents import Document


class Shown(Protocol):
    """A record of an answer."""

    @property
    def id(self) -> str: ...

    @property
    def metadata(self) -> dict[str, Any] | None: ...


def ids_of(count: int, ids: Sequence[str | None] | None) -> list[str]:
    """An id for each of so many texts: the one given, or a new one. Raises ValueError where there are more or less."""
    if ids is None:
        ids = [None] * count
    if len(ids) != count:
        raise ValueError(f"There are {len(ids)} ids for {count} texts: give one for each, or None.")
    return [one or str(uuid.uuid4()) for one in ids]


def records_of(
    ids: Sequence[str],
    texts: Sequence[str],
    vectors: Iterable[Sequence[float]],
    metadatas: Sequence[Mapping[str, Any]] | None,
    text_field: str,
) -> list[dict[str, Any]]:
    """The records of texts. Of an id that comes twice the last one counts. Raises ValueError, TypeError."""
    if metadatas is not None and len(metadatas) != len(texts):
        raise ValueError(f"There are {len(metadatas)} metadatas for {len(texts)} texts: give one for each.")
    records: dict[str, dict[str, Any]] = {}
    for one, text, vector, metadata in zip(ids, texts, vectors, metadatas or [{}] * len(texts), strict=True):
        if text_field in metadata:
            raise ValueError(
                f"The metadata of document {one} has a field {text_field!r}, which is where its text goes. "
                "Rename it, or give the store another `text_field`."
            )
        try:
            json.dumps(metadata)
        except TypeError as error:
            raise TypeError(
                f"The metadata of document {one} is no JSON: {error}. Dates go in as texts, by isoformat()."
            ) from error
        records[one] = {"id": one, "vector": vector, "metadata": {**metadata, text_field: text}}
    return list(records.values())


def document_of(record: Shown, text_field: str) -> Document:
    """A record as a document. One that something else wrote, without text, has an empty one."""
    metadata = dict(record.metadata or {})
    text = metadata.pop(text_field, "")
    return Document(id=record.id, page_content=text, metadata=metadata)
