"""Checkpoints and repairs as bytes, and their directions as text. Owns that format; does no I/O.

Fields that a document does not have take their defaults, and those that nobody knows are left out: two releases may
share one table while one replaces the other.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TypeVar

from quartzdb.domain.errors import Corrupted
from quartzdb.replication.ports import Checkpoint, Direction, Feed, RepairState, SharedPart

T = TypeVar("T", Checkpoint, RepairState)


def direction_name(direction: Direction) -> str:
    """The text form; no part of a direction has a slash."""
    parts = (direction.source, direction.destination, direction.tenant, direction.namespace, direction.feed)
    return "/".join(parts)


def parse_direction(name: str) -> Direction:
    """Read the text form back."""
    source, destination, tenant, namespace, feed = name.split("/")
    return Direction(source, destination, tenant, namespace, Feed(feed))


def encode_state(state: Checkpoint | RepairState) -> bytes:
    """As JSON."""
    return json.dumps(asdict(state), separators=(",", ":")).encode()


def encode_part(part: SharedPart) -> bytes:
    """As JSON."""
    return json.dumps(asdict(part), separators=(",", ":")).encode()


def decode_part(document: bytes) -> SharedPart:
    """Read it back. Raises Corrupted."""
    try:
        known = json.loads(document)
        tenants = known["tenants"]
        return SharedPart(bool(known["all_namespaces"]), None if tenants is None else tuple(tenants))
    except (ValueError, TypeError, KeyError) as error:
        raise Corrupted(
            f"What is stored of the other site cannot be read: {error}.",
            hint="Start the server once more as one of two sites: it writes that anew.",
        ) from error


def decode_state(kind: type[T], document: bytes) -> T:
    """Read it back. Raises Corrupted."""
    try:
        known = json.loads(document)
        return kind(**{field.name: known[field.name] for field in fields(kind) if field.name in known})
    except (ValueError, TypeError) as error:
        raise Corrupted(
            f"A stored {kind.__name__} of replication cannot be read: {error}.",
            hint="Begin again with `quartzdb replication repair --from-the-beginning`.",
        ) from error
