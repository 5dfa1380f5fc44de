"""Anti-entropy: what two sites have, compared bucket by bucket, and what either lacks brought to it.

Owns one comparison of one feed of one namespace, in steps of bounded size, each of which is noted so that another
process can go on. It ends after ROUNDS_MAX rounds at the latest, however busy the sites are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from quartzdb.domain.change import Change
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError, Unavailable
from quartzdb.replication.ports import (
    Changes,
    Checkpoints,
    Direction,
    Entry,
    EntryPage,
    Feed,
    RepairState,
    Replica,
    SharedNamespace,
)
from quartzdb.replication.repair.state_diff import is_behind, is_news
from quartzdb.storage.ports import Item

ROUNDS_MAX = 4
ENTRIES_PER_STEP = 1_000
FETCHED_AT_ONCE = 100
APPLIED_AT_ONCE = 500

Digest = tuple[int, int]


class AntiEntropy:
    """The comparison of one feed between this site and its peer. Symmetrical. Not thread-safe.

    `outbound` is the direction that begins at this site: its name in the checkpoints.
    """

    def __init__(
        self,
        outbound: Direction,
        namespace: SharedNamespace,
        local: Replica,
        peer: Replica,
        checkpoints: Checkpoints,
        clock: Clock,
    ) -> None:
        self._outbound = outbound
        self._namespace = namespace
        self._feed: Feed = outbound.feed
        self._local = local
        self._peer = peer
        self._checkpoints = checkpoints
        self._clock = clock
        self._differing: list[int] | None = None
        self._seen: dict[int, tuple[Digest, Digest]] = {}

    @property
    def state(self) -> RepairState:
        """How far it is, or how the latest one ended."""
        return self._checkpoints.read_repair(self._outbound) or RepairState()

    def begin(self) -> RepairState:
        """Begin one, from the first bucket, whatever was under way."""
        self._differing = None
        self._seen = {}
        state = replace(
            self.state, begun_ms=max(1, self._clock.unix_ms()), round=1, bucket=0, after=None, repaired=0
        )
        self._checkpoints.write_repair(self._outbound, state)
        return state

    def step(self) -> RepairState:
        """The next bounded part of the one under way, which another process may have begun. Raises QuartzError.

        The state is finished when its `begun_ms` is 0 again.
        """
        state = self.state
        if state.begun_ms == 0:
            return state
        if self._differing is None:
            self._differing = [bucket for bucket in self._compare_digests() if bucket >= state.bucket]
        if self._differing and self._differing[0] != state.bucket:
            state = replace(state, bucket=self._differing[0], after=None)
        if not self._differing:
            state = self._end_of_round(state)
        else:
            after, repaired = self._level(state.bucket, state.after)
            state = replace(state, after=after, repaired=state.repaired + repaired)
            if after is None:
                self._differing.pop(0)
                state = replace(state, bucket=state.bucket + 1)
        state = replace(state, error=None)
        self._checkpoints.write_repair(self._outbound, state)
        return state

    def note(self, error: QuartzError) -> None:
        """Keep for the status why the one under way does not get on."""
        self._checkpoints.write_repair(
            self._outbound, replace(self.state, error=f"{error.code}: {error.message}"[:500])
        )

    def _end_of_round(self, state: RepairState) -> RepairState:
        before = self._seen
        differing = self._compare_digests()
        if not differing:
            return self._finished(state, different=0)
        if state.round < ROUNDS_MAX:
            self._differing = differing
            return replace(state, round=state.round + 1, bucket=0, after=None)
        # What a write has changed meanwhile is not different, it is only not there yet.
        stuck = [bucket for bucket in differing if before.get(bucket) == self._seen[bucket]]
        return self._finished(state, different=len(stuck))

    def _finished(self, state: RepairState, different: int) -> RepairState:
        self._differing = None
        self._seen = {}
        return RepairState(
            repaired=state.repaired, different=different, finished_ms=max(1, self._clock.unix_ms())
        )

    def _compare_digests(self) -> list[int]:
        mine = self._local.digests(self._namespace, self._feed).buckets
        theirs = self._peer.digests(self._namespace, self._feed).buckets
        if len(mine) != len(theirs):
            raise Unavailable(f"One site has {len(mine)} digests and the other {len(theirs)}.")
        pairs = {
            bucket: (one, other)
            for bucket, (one, other) in enumerate(zip(map(_pair, mine), map(_pair, theirs), strict=True))
        }
        self._seen = {bucket: pair for bucket, pair in pairs.items() if pair[0] != pair[1]}
        return sorted(self._seen)

    def _level(self, bucket: int, after: str | None) -> tuple[str | None, int]:
        """Bring over what either side lacks of the next ids. The id to go on after, None where none is; how many."""
        mine, theirs = (
            replica.entries(self._namespace, self._feed, bucket, after=after, limit=ENTRIES_PER_STEP)
            for replica in (self._local, self._peer)
        )
        # Beyond the end of a page that is followed by another, nothing is known.
        end = min((_last(page, after) for page in (mine, theirs) if page.more), default=None)
        here = {entry.id: entry for entry in mine.entries if end is None or entry.id <= end}
        there = {entry.id: entry for entry in theirs.entries if end is None or entry.id <= end}
        ids = sorted(here.keys() | there.keys())
        to_peer = [one for one in ids if is_behind(there.get(one), here.get(one))]
        to_here = [one for one in ids if is_behind(here.get(one), there.get(one))]
        repaired = self._bring(self._local, self._peer, to_peer, there)
        return end, repaired + self._bring(self._peer, self._local, to_here, here)

    def _bring(
        self, source: Replica, destination: Replica, ids: Sequence[str], known: Mapping[str, Entry]
    ) -> int:
        applied = 0
        for first in range(0, len(ids), FETCHED_AT_ONCE):
            fetched = source.fetch(self._namespace, self._feed, ids[first : first + FETCHED_AT_ONCE])
            news = [change for change in fetched if is_news(change, known.get(_id_of(change)))]
            for start in range(0, len(news), APPLIED_AT_ONCE):
                # All of one kind, that of the feed, which a list of both cannot say.
                part = cast("Changes", news[start : start + APPLIED_AT_ONCE])
                applied += destination.apply(self._namespace, self._feed, part).applied
        return applied


def _id_of(change: Change | Item) -> str:
    return change.key if isinstance(change, Item) else change.id


def _pair(digest: Sequence[int]) -> Digest:
    count, total = digest
    return count, total


def _last(page: EntryPage, after: str | None) -> str:
    last = page.entries[-1].id if page.entries else None
    if last is None or (after is not None and last <= after):
        raise Unavailable("A site says that more entries follow, and gives none.")
    return last
