"""A peer that knows only `/api/*`, as a destination: of what changed, the present state here is written there.

So the order of changes does not matter, and writing twice is harmless. What cannot be said there is counted, never
dropped in silence; whatever the peer had for it before stays there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import reduce

from quartzdb.domain.change import Change, Metadata
from quartzdb.domain.clock import Clock
from quartzdb.domain.merge import UNKNOWN, RecordState, apply
from quartzdb.domain.record import is_contract_id
from quartzdb.domain.vector import Vector
from quartzdb.replication.ports import (
    Applied,
    Changes,
    ContractApi,
    Feed,
    PeerRefused,
    Replica,
    SharedNamespace,
)
from quartzdb.storage.ports import Item

logger = logging.getLogger(__name__)

LOOKED_UP_AT_ONCE = 100
INSERTED_AT_ONCE = 100
VALUE_CHARACTERS_IN_LOG_MAX = 80


class ContractPeer:
    """Destination of a pump. Not thread-safe. `site` is the peer's name."""

    def __init__(self, site: str, local: Replica, api: ContractApi, clock: Clock) -> None:
        self.site = site
        self._local = local
        self._api = api
        self._clock = clock

    def apply(self, namespace: SharedNamespace, feed: Feed, changes: Changes) -> Applied:
        """Write the present state of what changed. Raises Unavailable; some of it may then be written."""
        ids = list(dict.fromkeys(change.key if isinstance(change, Item) else change.id for change in changes))
        done = Applied(0, 0)
        for first in range(0, len(ids), LOOKED_UP_AT_ONCE):
            part = ids[first : first + LOOKED_UP_AT_ONCE]
            present = self._local.fetch(namespace, feed, part)
            items = [change for change in present if isinstance(change, Item)]
            records = [change for change in present if not isinstance(change, Item)]
            for more in (self._put_items(items), self._put_records(records)):
                done = Applied(*(a + b for a, b in zip(done, more, strict=True)))
        return done

    def _put_records(self, changes: Sequence[Change]) -> Applied:
        states: dict[str, list[Change]] = {}
        for change in changes:
            states.setdefault(change.id, []).append(change)
        inserts: list[tuple[str, Vector, Metadata]] = []
        applied = known = unreplayable = 0
        now_ms = self._clock.unix_ms()
        for record_id, parts in states.items():
            state: RecordState = reduce(apply, parts, UNKNOWN)
            if state.version.site == self.site:
                known += 1  # it has that, or something newer that is still on its way here
            elif not is_contract_id(record_id):
                # The peer has no record of that name, and takes none.
                logger.warning("the peer does not take the record %r: its contract has no such id", record_id)
                unreplayable += 1
            elif state.vector is not None and state.expires_at_ms is None:
                inserts.append((record_id, state.vector, state.visible_metadata()))
            elif state.vector is not None and (state.expires_at_ms or 0) > now_ms:
                # Nor what it had before: it would show that for ever.
                logger.warning(
                    "the peer cannot be told when the record %r expires: it has none then", record_id
                )
                self._api.delete_vector(record_id)
                unreplayable += 1
            else:
                self._api.delete_vector(record_id)
                applied += 1
        refused_in_all = 0
        for first in range(0, len(inserts), INSERTED_AT_ONCE):
            refused_in_all += self._insert(inserts[first : first + INSERTED_AT_ONCE])
        return Applied(applied + len(inserts) - refused_in_all, known, unreplayable + refused_in_all)

    def _insert(self, records: Sequence[tuple[str, Vector, Metadata]]) -> int:
        """How many the peer does not take."""
        try:
            left = set(self._api.insert_vectors(records))
        except PeerRefused:
            left = {record_id for record_id, _, _ in records}
        refused = 0
        for record_id, vector, metadata in records:
            if record_id not in left:
                continue
            # Alone, because only then a refusal is certain to be of this one, and for good.
            try:
                self._api.insert_vector(record_id, vector, metadata)
            except PeerRefused as refusal:
                logger.warning("the peer does not take the record %r: %s", record_id, refusal)
                refused += 1
        return refused

    def _put_items(self, items: Sequence[Item]) -> Applied:
        applied = known = unreplayable = 0
        now_ms = self._clock.unix_ms()
        for item in items:
            if item.version.site == self.site:
                known += 1
            elif not item.live(now_ms):
                self._api.delete(item.key)
                applied += 1
            elif self._put(item):
                applied += 1
            else:
                unreplayable += 1
        return Applied(applied, known, unreplayable)

    def _put(self, item: Item) -> bool:
        shown = item.key[:VALUE_CHARACTERS_IN_LOG_MAX]
        if item.expires_at_ms is not None:
            logger.warning("the peer cannot be told when the key %r expires, so it is not told of it", shown)
            return False
        try:
            text = (item.value or b"").decode("utf-8")
        except UnicodeDecodeError:
            logger.warning("the value of the key %r is no text, so the peer is not told of it", shown)
            return False
        try:
            self._api.put(item.key, text)
        except PeerRefused as refusal:
            logger.warning("the peer does not take the key %r: %s", shown, refusal)
            return False
        return True
