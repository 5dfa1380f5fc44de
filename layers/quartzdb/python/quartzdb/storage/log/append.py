"""Committing: one write is one log entry in each shard that it touches, all or none, and acknowledged only when every
later strong read must see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from quartzdb.domain.change import Change
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import OutcomeUnknown, Unavailable
from quartzdb.domain.hlc import HybridClock, Version
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.outcomes import once_written
from quartzdb.domain.values import dataclass
from quartzdb.storage.log.codec import decode_entry, encode_entry
from quartzdb.storage.log.protocol import ACKNOWLEDGE_WITHIN_MS, answered_in_time
from quartzdb.storage.ports import ChangeLog, LogPage, StampBehind

ATTEMPTS_MAX = 8


@dataclass(frozen=True, slots=True)
class Fence:
    """A place in an unordered log that is kept for one write; `begun` is when, on the monotonic clock."""

    key: Version
    begun: float


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
        return self._commit(_by_partition(namespace, changes), after)

    @property
    def ordered(self) -> bool:
        """Whether what was decided from a read is written with `write_next_if`, or else behind a fence."""
        return self._log.ordered

    def write_next_if(
        self,
        namespace: Namespace,
        changes: Sequence[Change],
        since: Mapping[Partition, int],
        holds: Callable[[Sequence[Change]], bool],
    ) -> Version | None:
        """As `write` to an ordered log, if `holds` accepts the changes that came after the stamps in `since`.

        It is asked when no other change can come between. None: nothing is written; read again.
        """

        def check(pages: Sequence[LogPage]) -> bool:
            if any(
                page.floor > seen for page, seen in zip(pages, (since[one] for one in bodies), strict=True)
            ):
                return False  # some of them were trimmed by now
            return holds([c for page in pages for key, body in page.entries for c in decode_entry(body, key)])

        bodies = _by_partition(namespace, changes)
        return self._log.append_next_if(bodies, self._later_than, since, check)

    def fence(self, namespace: Namespace, ids: Iterable[str]) -> Fence:
        """Begin a decision in an unordered log: what a read from now on finds in those shards up to the fence is all
        that is ever acknowledged there.
        """
        shards = namespace.by_shard(ids)
        for _ in range(ATTEMPTS_MAX):
            begun = self._clock.monotonic()
            key = self._versions.now()
            try:
                for shard in shards:
                    self._log.fence(shard.partition, key)
                return Fence(key, begun)
            except StampBehind as behind:
                self._versions.resume_after(behind.head)
        raise Unavailable("Other writers of these records were always faster.", hint="Try again in a moment.")

    def write_fenced(self, namespace: Namespace, changes: Sequence[Change], fence: Fence) -> Version | None:
        """As `write` to an unordered log, if no later fence was set since. None: nothing is written; begin again."""
        if not answered_in_time(self._clock, fence.key, fence.begun):
            return None
        if not self._log.append_fenced(_by_partition(namespace, changes), fence.key):
            return None
        if answered_in_time(self._clock, fence.key, fence.begun):
            return fence.key
        raise OutcomeUnknown(
            f"The log did not acknowledge a write within {ACKNOWLEDGE_WITHIN_MS} ms.",
            hint="Read the records and decide anew.",
        )

    def _commit(self, bodies: Mapping[Partition, bytes], after: Version | None) -> Version:
        if after is not None:
            self._versions.observe(after)
        if self._log.ordered:
            return self._append_next(bodies)
        for attempt in range(ATTEMPTS_MAX):
            begun = self._clock.monotonic()
            version = self._versions.now()
            try:
                # What an earlier attempt appended, too late or behind a fence, stays.
                with once_written(attempt > 0):
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


def _by_partition(namespace: Namespace, changes: Sequence[Change]) -> dict[Partition, bytes]:
    if namespace.settings.shards == 1:
        return {namespace.partition: encode_entry(changes)}
    spread: dict[Partition, list[Change]] = {}
    for change in changes:
        spread.setdefault(namespace.partition_of(change.id), []).append(change)
    return {partition: encode_entry(some) for partition, some in spread.items()}
