"""What this site takes over from another one: changes that it would also have taken from a client, and versions that no
clock error explains away. Everything is checked before anything is applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quartzdb.domain.change import Change, Patch, Upsert
from quartzdb.domain.errors import ClockSkew, InvalidArgument, InvalidVersion, TooLarge
from quartzdb.domain.hlc import Version
from quartzdb.domain.metadata import check_metadata
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.record import check_id
from quartzdb.domain.vector import check_finite
from quartzdb.replication.wire.limits import CHANGES_MAX, CLOCK_SKEW_MS_MAX, FOREIGN_METADATA_BYTES_MAX
from quartzdb.services.keyvalue import check_content, check_key
from quartzdb.services.record_rules import MetadataPatch, check_comparable, check_fields, check_own_vector
from quartzdb.storage.ports import Item


def check_changes(namespace: Namespace, changes: Sequence[Change]) -> None:
    """Raises InvalidArgument, which names the place, for what the namespace cannot take."""
    settings = namespace.settings
    if not settings.holds_records:
        raise InvalidArgument(
            f"The namespace {namespace.name!r} holds key-values only.",
            field="feed",
            hint="Leave `records` alone.",
        )
    for position, change in enumerate(changes):
        place = f"changes[{position}]"
        check_id(change.id, f"{place}.id")
        if isinstance(change, Upsert):
            if settings.dimension is None:
                check_own_vector(namespace, change.vector, f"{place}.vector")
            else:
                check_finite(change.vector, f"{place}.vector")
                check_comparable(change.vector, settings.dimension, settings.metric, f"{place}.vector")
            check_metadata(change.metadata, field=f"{place}.metadata", bytes_max=FOREIGN_METADATA_BYTES_MAX)
        elif isinstance(change, Patch):
            patch = MetadataPatch(change.id, change.set, tuple(change.unset))
            check_fields(patch, place, bytes_max=FOREIGN_METADATA_BYTES_MAX)


def check_items(items: Sequence[Item]) -> None:
    """Raises InvalidArgument, which names the place, for what no key-value table takes."""
    for position, item in enumerate(items):
        place = f"changes[{position}]"
        if item.value is None:
            check_key(item.key, f"{place}.key")
        else:
            check_content(item.key, item.value, item.content_type, f"{place}.")


def check_count(count: int) -> None:
    """Raises TooLarge for more changes than one request may have."""
    if count > CHANGES_MAX:
        raise TooLarge(f"There are {count} changes; at most {CHANGES_MAX} are taken.", field="changes")


def check_versions(versions: Iterable[Version], now_ms: int) -> None:
    """Raises ClockSkew for a version that is too far ahead, InvalidVersion for one that nobody issued.

    Measured against this machine's clock alone. Measured against the versions seen, a site whose clock runs ahead would
    drag all others along, half a second at a time.
    """
    for position, version in enumerate(versions):
        if version.stamp <= 0 or not version.writer:
            raise InvalidVersion("This is no version of a change.", field=f"changes[{position}].version")
        ahead_ms = version.milliseconds - now_ms
        if ahead_ms > CLOCK_SKEW_MS_MAX:
            raise ClockSkew(
                f"A change is {ahead_ms} ms ahead of this site's clock; at most {CLOCK_SKEW_MS_MAX} ms is taken.",
                field=f"changes[{position}].version",
                hint="Nothing was applied. Check that both sites' clocks are synchronised (NTP).",
            )
