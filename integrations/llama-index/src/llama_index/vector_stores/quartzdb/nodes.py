"""Nodes as records.

A node's metadata is the record's own, so that filters and other clients see each field; the text is a field beside it.
What else a node has is one field of JSON, as in LlamaIndex's other stores, without what stands beside it already.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from llama_index.core.schema import BaseNode, MetadataMode, TextNode
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

TEXT = "text"
SPARSE = "_sparse"
NODE_ID = "_node_id"
DOCUMENT = "ref_doc_id"
EMPTY = "_empty"
"""Names of fields that are empty arrays: no filter of the database finds these."""

_CONTENT = "_node_content"
_TYPE = "_node_type"
OWN = frozenset({TEXT, SPARSE, NODE_ID, EMPTY, _CONTENT, _TYPE, DOCUMENT, "document_id", "doc_id"})
"""Fields with a meaning here. Metadata of the same name is kept in the JSON alone."""

SparseVectors = tuple[Sequence[Sequence[int]], Sequence[Sequence[float]]]
"""Indices and values of several texts."""


class Shown(Protocol):
    """A record of an answer."""

    @property
    def id(self) -> str: ...

    @property
    def metadata(self) -> dict[str, Any] | None: ...

    @property
    def vector(self) -> Any: ...


def record_of(node: BaseNode, sparse: Mapping[str, Any] | None) -> dict[str, Any]:
    """A node as it is stored. Raises ValueError where it has no embedding."""
    stored = node_to_metadata_dict(node, remove_text=True)
    content = json.loads(stored[_CONTENT])
    mine: dict[str, Any] = content.get("metadata") or {}
    content["metadata"] = {name: value for name, value in mine.items() if name in OWN}
    stored[_CONTENT] = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    stored[TEXT] = node.get_content(metadata_mode=MetadataMode.NONE)
    stored[NODE_ID] = node.node_id
    empty = [name for name, value in mine.items() if value == []]
    for name, value in ((EMPTY, empty), (SPARSE, sparse)):
        stored.pop(name, None)
        if value:
            stored[name] = value
    return {"id": node.node_id, "vector": node.get_embedding(), "metadata": stored}


def node_of(record: Shown) -> BaseNode:
    """A record as a node, with an embedding where its vector was asked for.

    One that something else wrote is a text node of its field `text`.
    """
    stored = record.metadata or {}
    node: BaseNode
    if _CONTENT in stored:
        node = metadata_dict_to_node(stored, text=stored.get(TEXT))
    else:
        node = TextNode(id_=record.id, text=str(stored.get(TEXT, "")))
    node.metadata = {**{name: value for name, value in stored.items() if name not in OWN}, **node.metadata}
    if record.vector is not None:
        node.embedding = record.vector.tolist()
    return node
