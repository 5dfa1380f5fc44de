"""What a namespace declares, between sites: the members `text` and `sparse` of its settings, left out where there are
none. A site that only passes them on keeps them as the text of one JSON object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from quartzdb.domain.declared_fields import parse_sparse, parse_text, text_document
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.replication.ports import SharedNamespace
from quartzdb.replication.wire.fields import within

DECLARED_BYTES_MAX = 64 * 1024
_MEMBERS = ("text", "sparse")


def declared_by(settings: NamespaceSettings) -> str:
    """What a namespace of this site declares; the same fields always give the same text."""
    return _encoded({"text": text_document(settings.text), "sparse": list(settings.sparse)})


def declared_in(document: Mapping[str, Any], position: str = "") -> str:
    """What settings of another site declare, whether this one understands it or not. Raises InvalidArgument."""
    found = {name: document[name] for name in _MEMBERS if document.get(name) is not None}
    if not isinstance(found.get("text", {}), dict) or not isinstance(found.get("sparse", []), list):
        raise InvalidArgument(
            "Declared fields are an object `text` and an array `sparse`.", field=within(position, "text")
        )
    encoded = _encoded(found)
    if len(encoded) > DECLARED_BYTES_MAX:
        raise InvalidArgument(
            f"Declared fields take at most {DECLARED_BYTES_MAX} bytes.", field=within(position, "text")
        )
    return encoded


def declared_members(declared: str) -> dict[str, Any]:
    """The members of settings."""
    members: dict[str, Any] = orjson.loads(declared) if declared else {}
    return members


def settings_as(wanted: SharedNamespace) -> NamespaceSettings:
    """Those of a namespace that is created as a peer has it. Raises InvalidArgument for what this release lacks."""
    members = declared_members(wanted.declared)
    return NamespaceSettings(
        wanted.dimension,
        wanted.metric,
        text=parse_text(members.get("text", {}), field="settings.text"),
        sparse=parse_sparse(members.get("sparse", []), field="settings.sparse"),
    )


def _encoded(members: Mapping[str, Any]) -> str:
    there = {name: value for name, value in members.items() if value}
    return orjson.dumps(there, option=orjson.OPT_SORT_KEYS).decode() if there else ""
