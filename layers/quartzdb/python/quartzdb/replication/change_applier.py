"""Making another site's changes this site's own, with the versions they were born with.

What is known already is not written again, so a page that is repeated costs a look and no growth of the log. Records
are one write: all or none. Keys are as many transactions as the table needs (one of 100 on DynamoDB, one for all in
SQLite): where a later one fails, earlier ones stay, and the error is Unavailable. Sending the page again mends that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from quartzdb.domain.change import Change, Upsert
from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import HybridClock
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import Namespace, Precision
from quartzdb.replication.change_validation import check_changes, check_count, check_items, check_versions
from quartzdb.replication.ports import Applied
from quartzdb.replication.repair.shard_digests import ShardDigests
from quartzdb.services.record_rules import F16_MAX, F16_MIN, as_stored
from quartzdb.storage.index.segments.outline import UNHEARD_OF, Outline
from quartzdb.storage.key_history import notes_for
from quartzdb.storage.log.append import LogWriter
from quartzdb.storage.ports import Item, KeyValueTable


class ChangeApplier:
    """One per process."""

    def __init__(
        self,
        table: KeyValueTable,
        states: ShardDigests,
        writer: LogWriter,
        versions: HybridClock,
        clock: Clock,
        *,
        history_kept_ms: int,
    ) -> None:
        self._table = table
        self._states = states
        self._writer = writer
        self._versions = versions
        self._clock = clock
        self._history_kept_ms = history_kept_ms

    def records(self, namespace: Namespace, changes: Sequence[Change]) -> Applied:
        """Apply changes of records. Raises InvalidArgument, ClockSkew, Unavailable: nothing is applied then."""
        check_count(len(changes))
        check_changes(namespace, changes)
        check_versions((change.version for change in changes), self._clock.unix_ms())
        present = self._states.outlines(namespace, {change.id for change in changes})
        fresh = _news(present, changes)
        if fresh:
            self._follow(max(change.version.stamp for change in fresh))
            self._writer.write(namespace, [_rounded(namespace, change) for change in fresh])
        return Applied(len(fresh), len(changes) - len(fresh))

    def items(self, namespace: Namespace, items: Sequence[Item]) -> Applied:
        """Apply changes of keys. Raises InvalidArgument, ClockSkew: nothing is applied then. Raises Unavailable."""
        check_count(len(items))
        check_items(items)
        check_versions((item.version for item in items), self._clock.unix_ms())
        if items:
            self._follow(max(item.version.stamp for item in items))
        stored = 0
        notes = notes_for(namespace, self._history_kept_ms)
        for first in range(0, len(items), self._table.batch_items_max):
            appended = self._versions.now().stamp
            some = [
                replace(item, appended=appended)
                for item in items[first : first + self._table.batch_items_max]
            ]
            stored += sum(put.stored for put in self._table.put_many(namespace.partition, some, beside=notes))
        return Applied(stored, len(items) - stored)

    def _follow(self, stamp: int) -> None:
        # Whoever writes here next has seen these changes, so that write must win over them.
        self._versions.resume_after(stamp)


def _news(present: dict[str, Outline], changes: Sequence[Change]) -> list[Change]:
    """Those of the changes that change something, one after the other."""
    known = dict(present)
    fresh: list[Change] = []
    for change in changes:
        before = known.get(change.id, UNHEARD_OF)
        after = before.after(change)
        if after is not before:
            known[change.id] = after
            fresh.append(change)
    return fresh


def _rounded(namespace: Namespace, change: Change) -> Change:
    # As for a client's write: a record reads the same before and after it is folded.
    if (
        not isinstance(change, Upsert)
        or not change.vector.size
        or namespace.settings.precision is not Precision.F16
    ):
        return change
    vector = change.vector
    largest = float(np.max(np.abs(vector)))
    vanishes = 0 < largest <= F16_MIN / 2 and namespace.settings.metric is Metric.COSINE
    if largest > F16_MAX or vanishes:
        # A client would be refused. Here that would stop the feed for ever, so it is scaled: its direction stays.
        vector = (vector.astype(np.float64) * (F16_MAX / largest)).astype(np.float32)
    return replace(change, vector=as_stored(namespace, vector))
