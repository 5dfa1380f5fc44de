"""Use cases of key-value items: get, put, delete, list and batches, with expiry and compare-and-set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from quartzdb.domain.clock import Clock
from quartzdb.domain.condition import ABSENT, Condition
from quartzdb.domain.cursor import decode_cursor, encode_cursor
from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.errors import (
    DuplicateId,
    InvalidArgument,
    InvalidKey,
    KeyNotFound,
    NotActiveSite,
    OutcomeUnknown,
    PreconditionFailed,
    TooLarge,
    Unavailable,
)
from quartzdb.domain.freeing import freeing
from quartzdb.domain.hlc import HybridClock, Version
from quartzdb.domain.limits import (
    CHANGES_DAYS,
    CONTENT_TYPE_CHARACTERS_MAX,
    DAY_MS,
    KEY_CHARACTERS_MAX,
    KV_BATCH_BYTES_MAX,
    KV_BATCH_ITEMS_MAX,
    TTL_SECONDS_MAX,
    TTL_SECONDS_MIN,
    VALUE_BYTES_MAX,
)
from quartzdb.domain.metadata import json_type
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.outcomes import once_written
from quartzdb.domain.values import dataclass
from quartzdb.services.consistency import ActiveSite, honour
from quartzdb.services.page import Page, check_limit
from quartzdb.storage.key_history import forget_values, notes_for
from quartzdb.storage.log.protocol import answered_in_time
from quartzdb.storage.ports import Beside, Expect, Item, KeyValueTable

DEFAULT_CONTENT_TYPE: Final = "application/octet-stream"
_PUT_ATTEMPTS_MAX = 8
_LATE_ATTEMPTS_MAX = 2
"""Puts again after one that took too long. What is late even then, a comparison of the two sites finds."""
_VALUES_AT_ONCE = 32
"""Values read by one look-up, so that what is held beyond a limit on bytes stays bounded."""


@dataclass(frozen=True, slots=True)
class NewItem:
    """A value to be stored; `ttl_seconds` None keeps it for ever."""

    key: str
    value: bytes
    content_type: str = DEFAULT_CONTENT_TYPE
    ttl_seconds: float | None = None


class KeyValues:
    """One instance serves every namespace. Keys are compared code point by code point, never normalised."""

    def __init__(
        self,
        table: KeyValueTable,
        versions: HybridClock,
        clock: Clock,
        *,
        active: ActiveSite = lambda _: True,
        history_kept_ms: int = CHANGES_DAYS * DAY_MS,
    ) -> None:
        self._table = table
        self._versions = versions
        self._clock = clock
        self._active = active
        self._history_kept_ms = history_kept_ms

    def get(self, namespace: Namespace, key: str) -> Item:
        """The live item of a key. Raises KeyNotFound."""
        check_key(key)
        item = self._table.get(namespace.partition, [key]).get(key)
        if item is None or not item.live(self._clock.unix_ms()):
            raise KeyNotFound(f"There is no key {_shown(key)}.", field="key")
        return item

    def get_many(self, namespace: Namespace, keys: Sequence[str]) -> Mapping[str, Item]:
        """The live items of those keys that have one. Raises TooLarge where they have more than KV_BATCH_BYTES_MAX."""
        _check_batch(keys)
        now_ms = self._clock.unix_ms()
        live: dict[str, Item] = {}
        size = 0
        for first in range(0, len(keys), _VALUES_AT_ONCE):
            check_deadline()
            found = self._table.get(namespace.partition, keys[first : first + _VALUES_AT_ONCE])
            live |= {key: item for key, item in found.items() if item.live(now_ms)}
            size += sum(len(item.value or b"") for item in found.values())
            if size > KV_BATCH_BYTES_MAX:
                raise TooLarge(
                    f"The values have more than {KV_BATCH_BYTES_MAX} bytes together.",
                    field="keys",
                    hint="Name fewer keys, or get large values one by one.",
                )
        return live

    def put(
        self,
        namespace: Namespace,
        item: NewItem,
        *,
        match: Condition | None = None,
        after: Version | None = None,
    ) -> Version:
        """Store a value. Raises PreconditionFailed where `match` does not hold; nothing is changed then."""
        check_item(item)
        return self._write(namespace, lambda version: self._stored(item, version), match, after)[0]

    def delete(
        self, namespace: Namespace, key: str, *, match: Condition | None = None, after: Version | None = None
    ) -> tuple[Version, bool]:
        """Delete a key; one that does not exist is no error. Returns the version, and whether it existed."""
        check_key(key)
        with freeing():
            return self._write(namespace, lambda version: _tombstone(key, version), match, after)

    def put_many(
        self, namespace: Namespace, items: Sequence[NewItem], *, after: Version | None = None
    ) -> Version:
        """Store all values or none."""
        self.check_put_many(items)
        return self._write_many(
            namespace,
            lambda version: [self._stored(item, version) for item in items],
            after,
        )[0]

    def check_put_many(self, items: Sequence[NewItem]) -> None:
        """Raises what is wrong with values to be stored, whatever is there."""
        _check_batch([item.key for item in items], "items", ".key", items_max=self._table.batch_items_max)
        for position, item in enumerate(items):
            check_item(item, f"items[{position}].")
        size = sum(len(item.value) for item in items)
        if size > KV_BATCH_BYTES_MAX:
            raise TooLarge(
                f"The batch has {size} bytes of values; at most {KV_BATCH_BYTES_MAX} are accepted.",
                field="items",
                hint="Split the batch.",
            )

    def check_delete_many(self, keys: Sequence[str]) -> None:
        """Raises what is wrong with keys to be deleted."""
        _check_batch(keys, items_max=self._table.batch_items_max)

    def delete_many(
        self, namespace: Namespace, keys: Sequence[str], *, after: Version | None = None
    ) -> tuple[Version, int]:
        """Delete all keys; returns the version and how many existed."""
        self.check_delete_many(keys)
        with freeing():
            return self._write_many(
                namespace, lambda version: [_tombstone(key, version) for key in keys], after
            )

    def forget_values(self, namespace: Namespace, keys: Sequence[str], before: Version) -> None:
        """Take what the history has of values of those keys out of it: they were erased."""
        if namespace.settings.key_history:
            now_ms = self._clock.unix_ms()
            forget_values(self._table, namespace.partition, before, now_ms, frozenset(keys))

    def list(
        self,
        namespace: Namespace,
        *,
        prefix: str = "",
        cursor: str | None = None,
        limit: int = 100,
        values: bool = False,
    ) -> Page[Item]:
        """A page of live items in code point order of their keys; values only when asked for.

        With values a page ends early, though never empty, where they would have more than KV_BATCH_BYTES_MAX.
        """
        if prefix:
            check_key(prefix, "prefix")
        listing = f"keys/{namespace.generation}/{prefix}"
        after = decode_cursor(listing, cursor) if cursor else None
        items: list[Item] = []
        size, more = 0, True
        while more and len(items) < check_limit(limit):
            wanted = limit - len(items)
            check_deadline()
            page = self._table.list(
                namespace.partition,
                prefix=prefix,
                after=after,
                limit=min(wanted, _VALUES_AT_ONCE) if values else wanted,
                now_ms=self._clock.unix_ms(),
                values=values,
            )
            more = page.more
            for item in page.items:
                size += len(item.value or b"")
                if items and size > KV_BATCH_BYTES_MAX:
                    return Page(items, encode_cursor(listing, items[-1].key))
                items.append(item)
                after = item.key
        return Page(items, encode_cursor(listing, items[-1].key) if more else None)

    def _write(
        self,
        namespace: Namespace,
        item_at: Callable[[Version], Item],
        match: Condition | None,
        after: Version | None,
    ) -> tuple[Version, bool]:
        honour(self._versions, after)
        if match is not None and not self._active(namespace):
            raise NotActiveSite(
                "This site is not the active one, so it cannot know what the key is now.",
                field="key",
                hint="Send it to the active site, or without its condition: then the later write wins.",
            )
        for _ in range(_PUT_ATTEMPTS_MAX):
            begun, version = self._clock.monotonic(), self._versions.now()
            now_ms = self._clock.unix_ms()
            item = item_at(version)
            expect = None if match is None else self._expected(namespace, item.key, match, now_ms)
            stored, previous = self._table.put(
                namespace.partition, item, expect, beside=self._notes(namespace)
            )
            live = previous if previous is not None and previous.live(now_ms) else None
            if stored:
                return self._in_time(namespace, lambda at: [item_at(at)], version, begun), live is not None
            if match is not None:
                _check_condition(item.key, match, live)
            if previous is not None and previous.version >= version:
                # A stored version is later than this clock: follow it, so that the last write is the one that stays.
                self._versions.resume_after(previous.version.stamp)
        raise Unavailable("Other writers of this key were always faster.", field="key", hint="Try again.")

    def _expected(self, namespace: Namespace, key: str, match: Condition, now_ms: int) -> Expect:
        """The version at which the key must be when it is put; where several would do, the one that it is at now."""
        if match == ABSENT:
            return Expect(None, now_ms)
        if match.versions is not None and len(match.versions) == 1 and not match.negated:
            return Expect(next(iter(match.versions)), now_ms)
        item = self._table.get(namespace.partition, [key]).get(key)
        live = item if item is not None and item.live(now_ms) else None
        _check_condition(key, match, live)
        return Expect(live.version if live else None, now_ms)

    def _in_time(
        self,
        namespace: Namespace,
        items_at: Callable[[Version], Sequence[Item]],
        version: Version,
        begun: float,
    ) -> Version:
        """The version at which what was stored stays.

        A put that took too long landed at a place in the change feed that a reader may be past by now. So it is put
        once more at a new one, unless somebody else has put the key since.
        """
        for _ in range(_LATE_ATTEMPTS_MAX):
            if answered_in_time(self._clock, version, begun):
                return version
            begun, again = self._clock.monotonic(), self._versions.now()
            now_ms = self._clock.unix_ms()
            with once_written():
                stored = [
                    self._table.put(
                        namespace.partition,
                        item,
                        Expect(None if item.value is None else version, now_ms),
                        beside=self._notes(namespace),
                    ).stored
                    for item in items_at(again)
                ]
            if not any(stored):
                return version
            version = again
        return version

    def _write_many(
        self,
        namespace: Namespace,
        items_at: Callable[[Version], Sequence[Item]],
        after: Version | None,
    ) -> tuple[Version, int]:
        honour(self._versions, after)
        now_ms = self._clock.unix_ms()
        existed: int | None = None
        for attempt in range(_PUT_ATTEMPTS_MAX):
            begun, version = self._clock.monotonic(), self._versions.now()
            with once_written(attempt > 0):
                outcomes = self._table.put_many(
                    namespace.partition, items_at(version), beside=self._notes(namespace)
                )
            if existed is None:  # a second attempt would find the items of the first
                existed = sum(1 for o in outcomes if o.previous is not None and o.previous.live(now_ms))
            lost = [o.previous.version.stamp for o in outcomes if not o.stored and o.previous is not None]
            if not lost:
                return self._in_time(namespace, items_at, version, begun), existed
            # Written whole again under a later version: putting an item twice changes nothing.
            self._versions.resume_after(max(lost))
        raise OutcomeUnknown(
            "Other writers of these keys were always faster. A part of the write may have been made.",
            field="keys",
            hint="Send it again: it will not be applied twice.",
        )

    def _notes(self, namespace: Namespace) -> Beside | None:
        return notes_for(namespace, self._history_kept_ms)

    def _stored(self, item: NewItem, version: Version) -> Item:
        expires_at_ms = (
            None if item.ttl_seconds is None else self._clock.unix_ms() + int(item.ttl_seconds * 1000)
        )
        return Item(item.key, version, version.stamp, item.value, item.content_type, expires_at_ms)


def check_key(key: object, field: str = "key") -> str:
    """The key, if it may be one. Raises InvalidKey."""
    if not isinstance(key, str):
        raise InvalidKey(f"A key is a string, not {json_type(key)}.", field=field)
    if not 1 <= len(key) <= KEY_CHARACTERS_MAX:
        raise InvalidKey(f"A key has 1 to {KEY_CHARACTERS_MAX} characters, not {len(key)}.", field=field)
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise InvalidKey(
            "The key has half of a surrogate pair, which no text encoding can carry.", field=field
        ) from error
    return key


def check_item(item: NewItem, prefix: str = "") -> None:
    """Raises what is wrong with a value to be stored."""
    check_content(item.key, item.value, item.content_type, prefix)
    if item.ttl_seconds is not None and not TTL_SECONDS_MIN <= item.ttl_seconds <= TTL_SECONDS_MAX:
        raise InvalidArgument(
            f"A time to live is {TTL_SECONDS_MIN} to {TTL_SECONDS_MAX} seconds, not {item.ttl_seconds}.",
            field=f"{prefix}ttl_seconds",
            hint="Leave it out to keep the value for ever; delete the key to end it now.",
        )


def check_content(key: str, value: bytes, content_type: str, prefix: str = "") -> None:
    """Raises what is wrong with a key and what is stored under it, whoever stores it."""
    check_key(key, f"{prefix}key")
    if len(value) > VALUE_BYTES_MAX:
        raise TooLarge(
            f"The value has {len(value)} bytes; at most {VALUE_BYTES_MAX} are accepted.",
            field=f"{prefix}value",
        )
    if not 0 < len(content_type) <= CONTENT_TYPE_CHARACTERS_MAX or not all(
        " " <= c <= "~" for c in content_type
    ):
        raise InvalidArgument(
            f"A content type has 1 to {CONTENT_TYPE_CHARACTERS_MAX} printable ASCII characters.",
            field=f"{prefix}content_type",
        )


def _check_batch(
    keys: Sequence[str], field: str = "keys", within: str = "", *, items_max: int = KV_BATCH_ITEMS_MAX
) -> None:
    """Raises what is wrong with keys that come at `field[0]within`, `field[1]within`, …"""
    items_max = min(items_max, KV_BATCH_ITEMS_MAX)
    if not 1 <= len(keys) <= items_max:
        raise TooLarge(f"A batch has 1 to {items_max} entries, not {len(keys)}.", field=field)
    seen: set[str] = set()
    for position, key in enumerate(keys):
        place = f"{field}[{position}]{within}"
        check_key(key, place)
        if key in seen:
            raise DuplicateId(f"The key {_shown(key)} comes twice in one batch.", field=place)
        seen.add(key)


def _tombstone(key: str, version: Version) -> Item:
    return Item(key, version, version.stamp, None)


def _check_condition(key: str, match: Condition, live: Item | None) -> None:
    version = live.version if live else None
    if not match.holds(version):
        raise PreconditionFailed(
            match.failure(f"The key {_shown(key)}", version),
            field="key",
            hint="Read the key again and decide anew.",
        )


def _shown(key: str) -> str:
    return repr(key if len(key) <= 80 else key[:80] + "…")
