"""A mirrored write as changes: what a raw `/api/*` request, which the peer has accepted, did to which ids and keys.

The version is the time of acceptance, and then the request itself: so any number of copies in any order end in one
state, and of two writes in one millisecond every copy agrees on the same winner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

import orjson

from quartzdb.domain.change import Change, Delete, Upsert
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.hlc import Version, stamp_at
from quartzdb.domain.metadata import check_metadata
from quartzdb.domain.record import check_contract_id
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import parse_vector
from quartzdb.replication.ports import MirroredWrite, SharedNamespace
from quartzdb.services.keyvalue import check_key
from quartzdb.services.record_rules import check_comparable
from quartzdb.storage.ports import Item

TEXT = "text/plain; charset=utf-8"
"""The content type of what `/api/put` stores."""
BATCH_MAX = 100


@dataclass(frozen=True, slots=True)
class Named:
    """Something to be looked up at the peer: `key`, or else the id of a record.

    The edge did not have its value, or does not know whether the write was done. `deleted`: it was a deletion.
    """

    name: str
    key: bool
    version: Version
    deleted: bool = False


Mirrored = Sequence[Change] | Sequence[Item] | Named


def version_of(write: MirroredWrite, peer: str) -> Version:
    """The version of what it wrote."""
    request = hashlib.sha256(write.request_id.encode()).hexdigest()[:12]
    return Version(stamp_at(write.at_ms), f"{peer}.mirror-{request}")


def read_mirrored(write: MirroredWrite, namespace: SharedNamespace, peer: str) -> Mirrored:
    """What it did. Raises InvalidArgument for what the peer cannot have accepted."""
    version = version_of(write, peer)
    path = write.path.partition("?")[0]
    for method, start, read in _ROUTES:
        if write.method == method and (path == start.rstrip("/") or path.startswith(start)):
            name = unquote(path[len(start) :], errors="strict") if path.startswith(start) else ""
            return read(write, name, version, namespace)
    raise InvalidArgument(f"{write.method} {path[:80]!r} is no write of the contract.", field="path")


def _put(write: MirroredWrite, name: str, version: Version, _: SharedNamespace) -> Mirrored:
    if write.body is None:
        return Named(check_key(name), key=True, version=version)
    document = _document(write.body)
    value = document.get("value")
    if not isinstance(value, str):
        raise InvalidArgument("A value is a string.", field="value")
    key = check_key(document.get("key"))
    return [Item(key, version, version.stamp, _encoded(value), TEXT)]


def _delete_key(write: MirroredWrite, name: str, version: Version, _: SharedNamespace) -> Mirrored:
    if write.body is None:
        return Named(check_key(name), key=True, version=version, deleted=True)
    return [Item(check_key(name), version, version.stamp, None)]


def _insert(write: MirroredWrite, name: str, version: Version, namespace: SharedNamespace) -> Mirrored:
    if write.body is None:
        return Named(check_contract_id(name), key=False, version=version)
    return [upsert_of(_document(write.body), version, namespace)]


def _batch_insert(write: MirroredWrite, name: str, version: Version, namespace: SharedNamespace) -> Mirrored:
    del name
    if write.body is None:
        raise InvalidArgument("A batch that is mirrored without its body names no id.", field="body")
    records = _document(write.body).get("vectors")
    if not isinstance(records, list) or not 1 <= len(records) <= BATCH_MAX:
        raise InvalidArgument(f"A batch has 1 to {BATCH_MAX} vectors.", field="vectors")
    changes: dict[str, Change] = {}
    for document in records:
        try:
            change = upsert_of(document, version, namespace)
        except InvalidArgument:
            continue  # each succeeds or fails by itself: this one failed at the peer, too
        changes[change.id] = change  # of two with one id the later stays
    return list(changes.values())


def _delete_record(write: MirroredWrite, name: str, version: Version, _: SharedNamespace) -> Mirrored:
    if write.body is None:
        return Named(check_contract_id(name), key=False, version=version, deleted=True)
    return [Delete(check_contract_id(name or _document(write.body).get("id")), version)]


def upsert_of(document: Any, version: Version, namespace: SharedNamespace) -> Upsert:
    """A record as the contract has it. Raises InvalidArgument."""
    if not isinstance(document, dict) or namespace.dimension is None:
        raise InvalidArgument("A record is a JSON object.", field="vectors")
    record_id = check_contract_id(document.get("id"))
    vector = parse_vector(document.get("vector"))
    check_comparable(vector, namespace.dimension, namespace.metric)
    metadata = document.get("metadata")
    return Upsert(record_id, version, vector, check_metadata({} if metadata is None else metadata))


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except ValueError as error:
        raise InvalidArgument("The body is not JSON.", field="body") from error
    if not isinstance(document, dict):
        raise InvalidArgument("The body is not a JSON object.", field="body")
    return document


def _encoded(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument("The value has half of a surrogate pair.", field="value") from error


_Read = Callable[[MirroredWrite, str, Version, SharedNamespace], Mirrored]
_ROUTES: tuple[tuple[str, str, _Read], ...] = (
    ("POST", "/api/put/", _put),
    ("DELETE", "/api/delete/", _delete_key),
    ("POST", "/api/vector/insert/", _insert),
    ("POST", "/api/vector/batch-insert/", _batch_insert),
    ("DELETE", "/api/vector/delete/", _delete_record),
)
