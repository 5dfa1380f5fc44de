"""This site as an ErasingSite: its own erasures that wait for the other site, and the other's that it does.

An erasure of the other site is begun here as if it had been sent here: with the same id, it has all files rewritten
without what is dead. The deletions themselves come by the feed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.erasure import Erasure, PeerCopy
from quartzdb.domain.freeing import freeing
from quartzdb.domain.hlc import Version, stamp_at
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import Namespace
from quartzdb.replication.ports import SharedErasure, SharedNamespace
from quartzdb.replication.shared_namespaces import Shared, SharedNamespaceLookup
from quartzdb.replication.wire.limits import ERASURES_MAX
from quartzdb.services.erasures import KEY_TOMBSTONES_DAYS, heads_of
from quartzdb.storage.erasure_ledger import ErasureLedger
from quartzdb.storage.key_history import forget_values
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS
from quartzdb.storage.ports import ChangeLog, KeyValueTable, NamespaceCatalog

_DAY_MS = 24 * 3_600_000
_ERASED = "erased"
"""The writer of what is left of a note when its value was erased."""


class LocalErasures:
    """ErasingSite over this site's ports. Thread-safe."""

    def __init__(
        self,
        site: str,
        *,
        catalog: NamespaceCatalog,
        log: ChangeLog,
        table: KeyValueTable,
        clock: Clock,
        shared: Shared,
    ) -> None:
        self._site = site
        self._shared = shared
        self._lookup = SharedNamespaceLookup(catalog, clock, shared)
        self._ledger = ErasureLedger(table)
        self._table = table
        self._log = log
        self._clock = clock

    @property
    def site(self) -> str:
        """Its name."""
        return self._site

    def erasures_waiting(self) -> Sequence[SharedErasure]:
        """Those of its own of which it has not heard that the other site's copy is gone."""
        return [
            SharedErasure(partition.tenant, partition.namespace, erasure)
            for partition, erasure in self._ledger.waiting(self._shared, ERASURES_MAX, self._clock.unix_ms())
        ]

    def erase(self, asked: Sequence[SharedErasure]) -> Sequence[PeerCopy]:
        """Do the other site's. Raises NamespaceNotFound for what is not shared; nothing is begun then."""
        found = [self._find(one) for one in asked]
        return [self._erase(one, namespace) for one, namespace in zip(asked, found, strict=True)]

    def note_erased(self, told: Sequence[tuple[SharedErasure, PeerCopy]]) -> None:
        """Take note of how far its own are at the other site; those that it does not know are passed over."""
        for one, copy in told:
            namespace = self._find(one)
            if namespace is not None:
                self._ledger.note_peer(namespace, one.erasure, copy, self._clock.unix_ms())

    def _find(self, one: SharedErasure) -> Namespace | None:
        return self._lookup.find(SharedNamespace(one.tenant, one.namespace, None, Metric.COSINE))

    def _erase(self, one: SharedErasure, namespace: Namespace | None) -> PeerCopy:
        now_ms = self._clock.unix_ms()
        if namespace is None:
            return PeerCopy(gone_ms=now_ms)  # it never had anything
        known = self._ledger.get(namespace, one.erasure.id)
        if known is None:
            # Its time here is that of its beginning here: names of keys are kept from then on.
            known = replace(one.erasure, at_ms=now_ms, gone_ms=None)
            if known.by_keys and namespace.settings.key_history:
                # Which keys is not told: no value stays in the history.
                until = Version(stamp_at(now_ms + CLOCK_ERROR_MAX_MS), _ERASED)
                forget_values(self._table, namespace.partition, until, now_ms)
            with freeing():
                self._ledger.add(namespace, known, heads_of(self._log, namespace, known))
        return _told(known, now_ms)


def _told(known: Erasure, now_ms: int) -> PeerCopy:
    if known.gone_ms is None:
        return PeerCopy(why="the other site has begun to rewrite its files")
    names_gone_ms = known.at_ms + KEY_TOMBSTONES_DAYS * _DAY_MS if known.by_keys else 0
    if now_ms < names_gone_ms:
        return PeerCopy(until_ms=names_gone_ms, why="the other site keeps the names of deleted keys, too")
    return PeerCopy(gone_ms=max(known.gone_ms, names_gone_ms))
