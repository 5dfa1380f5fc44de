"""Erasures, and how far they are, as JSON documents and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from quartzdb.domain.erasure import Erasure, PeerCopy
from quartzdb.domain.errors import InvalidArgument
from quartzdb.replication.ports import SharedErasure
from quartzdb.replication.wire import fields
from quartzdb.replication.wire.fields import within
from quartzdb.replication.wire.limits import ERASURES_MAX

_ID = re.compile(r"^[0-9a-f]{24}$")
_ERASURE = frozenset({"tenant", "namespace", "id", "at_ms", "records", "keys", "by_keys"})
_COPY = frozenset({"gone_ms", "until_ms", "why"})
_WHY_MAX = 500


def erasure_document(one: SharedErasure) -> dict[str, Any]:
    """One erasure; no id and no key."""
    erasure = one.erasure
    return {
        "tenant": one.tenant,
        "namespace": one.namespace,
        "id": erasure.id,
        "at_ms": erasure.at_ms,
        "records": erasure.records,
        "keys": erasure.keys,
        "by_keys": erasure.by_keys,
    }


def copy_document(copy: PeerCopy) -> dict[str, Any]:
    """How far one is."""
    return {"gone_ms": copy.gone_ms, "until_ms": copy.until_ms, "why": copy.why}


def parse_erasures(document: object, position: str = "erasures") -> list[SharedErasure]:
    """Several erasures. Raises InvalidArgument, TooLarge."""
    return fields.list_of(document, position, _shared_erasure, ERASURES_MAX)


def parse_waiting(document: object) -> list[SharedErasure]:
    """The answer that lists them. Raises InvalidArgument."""
    return parse_erasures(fields.object_of(document, "").get("erasures"))


def parse_told(document: object) -> list[PeerCopy]:
    """The answer that says how far each is. Raises InvalidArgument."""
    copies = fields.object_of(document, "").get("copies")
    return fields.list_of(copies, "copies", _copy, ERASURES_MAX)


def parse_noted(document: object, position: str = "erasures") -> list[tuple[SharedErasure, PeerCopy]]:
    """Erasures with how far each is. Raises InvalidArgument, TooLarge."""
    return fields.list_of(document, position, _noted, ERASURES_MAX)


def noted_document(told: Sequence[tuple[SharedErasure, PeerCopy]]) -> list[dict[str, Any]]:
    """The same, written."""
    return [{**erasure_document(one), **copy_document(copy)} for one, copy in told]


def _shared_erasure(document: object, position: str) -> SharedErasure:
    return _erasure(fields.object_of(document, position, _ERASURE), position)


def _noted(document: object, position: str) -> tuple[SharedErasure, PeerCopy]:
    noted = fields.object_of(document, position, _ERASURE | _COPY)
    return _erasure(noted, position), _copy_of(noted, position)


def _copy(document: object, position: str) -> PeerCopy:
    return _copy_of(fields.object_of(document, position), position)


def _erasure(document: Mapping[str, Any], position: str) -> SharedErasure:
    erasure = Erasure(
        fields.text_in(document, "id", position),
        fields.time_in(document, "at_ms", position),
        fields.integer_in(document, "records", position),
        fields.integer_in(document, "keys", position),
        fields.flag_in(document, "by_keys", position),
    )
    if not _ID.fullmatch(erasure.id):
        raise InvalidArgument("An erasure's id is 24 hexadecimal digits.", field=within(position, "id"))
    tenant = fields.text_in(document, "tenant", position)
    return SharedErasure(tenant, fields.text_in(document, "namespace", position), erasure)


def _copy_of(document: Mapping[str, Any], position: str) -> PeerCopy:
    why = document.get("why")
    return PeerCopy(
        fields.time_or_none_in(document, "gone_ms", position),
        fields.time_or_none_in(document, "until_ms", position),
        None if why is None else fields.text(why, within(position, "why"))[:_WHY_MAX],
    )
