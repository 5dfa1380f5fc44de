"""Committing: one write is one log entry in each shard that it touches, all or none, and acknowledged only when every
later strong read must see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quartzdb.domain.change import Change
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import OutcomeUnknown
from quartzdb.domain.hlc import HybridClock, Version
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.storage.log.codec import encode_entry
from quartzdb.storage.log.protocol import ACKNOWLEDGE_WITHIN_MS, answered_in_time
from quartzdb.storage.ports import ChangeLog, StampBehind

ATTEMPTS_MAX = 8


class LogWriter:
    """Appends this process's writes. Thread-safe; no counters, no locks, no coordination between processes."""

    def __init__(self, log: ChangeLog, versions: HybridClock, clock: Clock) -> None:
        self._log = log
        self._versions = versions
        self._clock = clock

    def append(
        self, partition: Partition, changes: Sequence[Change], *, after: Version | None = None
    ) -> Version:
        """Commit the changes as one entry; returns the version that those of version OWN have got.

        `after` is a version token that the write must be ordered after. Raises ClockSkew for a token from too far
        ahead, OutcomeUnknown where nobody can say whether it was committed; sending it again is then safe.
        """
        return self._commit({partition: encode_entry(changes)}, after)

    def write(
        self, namespace: Namespace, changes: Sequence[Change], *, after: Version | None = None
    ) -> Version:
        """Commit the changes in the shards that their ids belong to, all or none; else as `append`."""
        if namespace.settings.shards == 1:
            return self.append(namespace.partition, changes, after=after)
        spread: dict[Partition, list[Change]] = {}
        for change in changes:
            spread.setdefault(namespace.partition_of(change.id), []).append(change)
        return self._commit({partition: encode_entry(some) for partition, some in spread.items()}, after)

    def _commit(self, bodies: Mapping[Partition, bytes], after: Version | None) -> Version:
        if after is not None:
            self._versions.observe(after)
        if self._log.ordered:
            return self._append_next(bodies)
        for _ in range(ATTEMPTS_MAX):
            begun = self._clock.monotonic()
            version = self._versions.now()
            try:
                self._append(bodies, version)
            except StampBehind as behind:
                self._versions.resume_after(behind.head)
                continue
            if answered_in_time(self._clock, version, begun):
                return version
        raise OutcomeUnknown(
            f"The log did not acknowledge a write within {ACKNOWLEDGE_WITHIN_MS} ms, {ATTEMPTS_MAX} times over.",
            hint="Send it again: it will not be applied twice.",
        )

    def _append(self, bodies: Mapping[Partition, bytes], version: Version) -> None:
        # One entry needs no transaction, which costs twice as much.
        if len(bodies) > 1:
            self._log.append_together(bodies, version)
            return
        for partition, body in bodies.items():
            self._log.append(partition, version, body)

    def _append_next(self, bodies: Mapping[Partition, bytes]) -> Version:
        if len(bodies) > 1:
            return self._log.append_next_together(bodies, self._later_than)
        ((partition, body),) = bodies.items()
        return self._log.append_next(partition, body, self._later_than)

    def _later_than(self, head: int) -> Version:
        self._versions.resume_after(head)
        return self._versions.now()
