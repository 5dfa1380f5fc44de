"""Writes that depend on what their records are: decided from a read, and done only if that is still true.

In an ordered log the writer looks, when nobody can come between, at what came since the read. In any other it fences
its place in the log off before it reads: then whoever would have come between appends behind it instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from quartzdb.domain.change import Change
from quartzdb.domain.errors import Unavailable
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.record import Record
from quartzdb.services.consistency import STRONG
from quartzdb.services.shard_reads import ShardReads
from quartzdb.storage.log.append import Fence, LogWriter

ATTEMPTS_MAX = 64

Present = Mapping[str, Record]
"""The live records of the ids that a decision is about."""
Decide = Callable[[Present], Sequence[Change]]
"""The changes to be written; raises what forbids them."""


class RecordDecisions:
    """Thread-safe."""

    def __init__(self, writer: LogWriter, shards: ShardReads) -> None:
        self._writer = writer
        self._shards = shards

    def write(
        self,
        namespace: Namespace,
        ids: Sequence[str],
        decide: Decide,
        *,
        unmoved: Callable[[Present, Sequence[Change]], bool],
        alone: Callable[[Present], bool],
    ) -> Version:
        """Write what `decide` makes of the records. What it raises has changed nothing.

        `unmoved`: whether the decision stands though these changes came in between. `alone`: whether it is worth a
        fence, which costs two requests more, in a log that is not ordered; without one it is written as it is.
        Raises Unavailable where others were faster time after time.
        """
        fence: Fence | None = None
        concerned = frozenset(ids)
        for _ in range(ATTEMPTS_MAX):
            present, seen = self._read(namespace, ids)
            changes = decide(present)
            version: Version | None = None
            if self._writer.ordered:
                version = self._writer.write_next_if(
                    namespace, changes, seen, _stands(present, concerned, unmoved)
                )
            elif not alone(present):
                return self._writer.write(namespace, changes)
            elif fence is not None and max(seen.values()) < fence.key.stamp:
                version = self._writer.write_fenced(namespace, changes, fence)
            if version is not None:
                return version
            if not self._writer.ordered:
                fence = self._writer.fence(namespace, ids)
        raise Unavailable(
            f"Other writers of these records were faster, {ATTEMPTS_MAX} times over.", hint="Try again."
        )

    def _read(
        self, namespace: Namespace, ids: Sequence[str]
    ) -> tuple[dict[str, Record], dict[Partition, int]]:
        of_shard = namespace.by_shard(ids)
        found = self._shards.each(
            list(of_shard),
            lambda shard, view: (view.fetch(of_shard[shard]), view.highest),
            STRONG,
            to_change=True,
        )
        present = {record_id: record for records, _ in found for record_id, record in records.items()}
        seen = {shard.partition: highest for shard, (_, highest) in zip(of_shard, found, strict=True)}
        return present, seen


def _stands(
    present: Present, concerned: frozenset[str], unmoved: Callable[[Present, Sequence[Change]], bool]
) -> Callable[[Sequence[Change]], bool]:
    def holds(since: Sequence[Change]) -> bool:
        touching = [change for change in since if change.id in concerned]
        return not touching or unmoved(present, touching)

    return holds
