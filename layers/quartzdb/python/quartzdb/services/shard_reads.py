"""Reading the shards of a namespace side by side, each with one read of its own log.

A write in several shards is one transaction, but those reads are not one moment: of a write that is not acknowledged
yet a reader may see what is in one shard and not what is in another. After the acknowledgement every strong read sees
all of it, because each of its reads begins after that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from quartzdb.domain.deadline import require_time
from quartzdb.domain.errors import Unavailable
from quartzdb.domain.hlc import HybridClock
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.record import Record
from quartzdb.services.consistency import Consistency, honour
from quartzdb.services.record_rules import require_records
from quartzdb.storage.index.view import View
from quartzdb.storage.snapshot.reader import ViewLost
from quartzdb.storage.snapshot.readers import Readers

SHARD_THREADS = 8
"""Shards read at once, by all requests together: most of a read is waiting for the log, or work without the GIL."""
_WAITING_SECONDS = 0.05
"""What waiting for them may take, which cannot be broken off: whoever has less time does not begin."""

_MOMENTS = 3
"""How often a moment is taken anew."""

Read = TypeVar("Read")


class OneMoment:
    """The views of some shards, read in as many steps as an answer takes: all see the same."""

    def __init__(
        self,
        shards: Sequence[Namespace],
        views: Sequence[View],
        readers: Readers,
        side_by_side: Callable[[Sequence[Namespace], Callable[[Namespace], Any]], list[Any]],
    ) -> None:
        self._views = dict(zip(shards, views, strict=True))
        self._readers = readers
        self._side_by_side = side_by_side

    def each(self, use: Callable[[Namespace, View], Read], *, of: Sequence[Namespace] = ()) -> list[Read]:
        """What `use` makes of each shard's view, in their order. `of`: some of them alone."""
        found: list[Read] = self._side_by_side(of or list(self._views), lambda shard: self._one(shard, use))
        return found

    def _one(self, shard: Namespace, use: Callable[[Namespace, View], Read]) -> Read:
        return self._readers.of(shard).read_again(self._views[shard], lambda view: use(shard, view))


class ShardReads:
    """Thread-safe. `threads` counts the caller's own: with 1, and for one shard, nobody else's is ever used."""

    def __init__(self, readers: Readers, versions: HybridClock, threads: int = SHARD_THREADS) -> None:
        self._readers = readers
        self._versions = versions
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def one(self, shard: Namespace, use: Callable[[View], Read], consistency: Consistency) -> Read:
        """What `use` makes of one shard's view, which it may be given twice."""
        require_records(shard)
        honour(self._versions, consistency.at_least)
        return self._one(shard, use, consistency)

    def each(
        self,
        shards: Sequence[Namespace],
        use: Callable[[Namespace, View], Read],
        consistency: Consistency,
        *,
        to_change: bool = False,
    ) -> list[Read]:
        """What `use` makes of each shard's view, in their order. Raises what the first of them raised that failed.

        `to_change`: what is written next is later than anything in any of them.
        """
        require_records(shards[0])
        honour(self._versions, consistency.at_least)

        def read(shard: Namespace) -> Read:
            return self._one(shard, lambda view: use(shard, view), consistency)

        def read_to_change(shard: Namespace) -> Read:
            def resume(view: View) -> Read:
                self._versions.resume_after(view.highest)
                return use(shard, view)

            return self._one(shard, resume, consistency)

        return self._side_by_side(shards, read_to_change if to_change else read)

    def at_one_moment(
        self, shards: Sequence[Namespace], answer: Callable[[OneMoment], Read], consistency: Consistency
    ) -> Read:
        """What `answer` makes of the views of these shards, which it may read several times; it may be given others
        where files of theirs are gone by then. Raises Unavailable where that happens again and again.
        """
        for _ in range(_MOMENTS):
            views = self.each(shards, lambda _, view: view, consistency)
            try:
                return answer(OneMoment(shards, views, self._readers, self._side_by_side))
            except ViewLost:
                continue
        raise Unavailable(
            "The files that a query was reading were replaced again and again.", hint="Try again."
        )

    def records(
        self, namespace: Namespace, ids: Sequence[str], consistency: Consistency, *, to_change: bool = False
    ) -> dict[str, Record]:
        """The live records of those ids that have one."""
        of_shard = namespace.by_shard(ids)
        found = self.each(
            list(of_shard), lambda shard, view: view.fetch(of_shard[shard]), consistency, to_change=to_change
        )
        return {record_id: record for some in found for record_id, record in some.items()}

    def _one(self, shard: Namespace, use: Callable[[View], Read], consistency: Consistency) -> Read:
        return self._readers.of(shard).read(
            use, strong=consistency.strong, at_least=consistency.at_least, asked_at=consistency.asked_at
        )

    def _side_by_side(self, shards: Sequence[Namespace], read: Callable[[Namespace], Read]) -> list[Read]:
        if len(shards) == 1 or self._threads == 1:
            return [read(shard) for shard in shards]
        require_time(_WAITING_SECONDS)
        pool = self._threads_of_this_process()
        # With this thread's context, which has the deadline of its work.
        others = [pool.submit(copy_context().run, read, shard) for shard in shards[1:]]
        try:
            answers = [read(shards[0])]
            for shard, other in zip(shards[1:], others, strict=True):
                # What no thread has begun by now is done here: nobody waits for a place in the pool.
                answers.append(read(shard) if other.cancel() else other.result())
        except BaseException:
            _give_up(others)
            raise
        return answers

    def _threads_of_this_process(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads - 1, thread_name_prefix="quartzdb-shard")
            return self._pool


def _give_up(reads: Sequence[Future[Read]]) -> None:
    for one in reads:
        one.cancel()
