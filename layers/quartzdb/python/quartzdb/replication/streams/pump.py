"""One pass of one direction: read a page at the source, apply it at the destination, only then write the checkpoint.

Killed anywhere, the next pass repeats a page, which changes nothing. It never skips a change: what cannot be applied
stops the direction until an operator has it go on, or RETRY_STOPPED_MS have passed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from typing import Protocol

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import ClockSkew, Conflict, InvalidArgument, NotFound, QuartzError
from quartzdb.domain.values import dataclass
from quartzdb.replication.backoff import Backoff
from quartzdb.replication.ports import (
    Applied,
    Changes,
    Checkpoint,
    Checkpoints,
    Direction,
    Feed,
    FeedGap,
    FeedPage,
    SharedNamespace,
)

logger = logging.getLogger(__name__)

PAGE_CHANGES_MAX = 500
RETRY_STOPPED_MS = 3_600_000
_ERROR_CHARACTERS_MAX = 500


class Source(Protocol):
    """Where changes are read: of a Replica, all that a pump needs."""

    def changes(
        self,
        namespace: SharedNamespace,
        feed: Feed,
        cursor: str | None,
        *,
        limit: int,
        exclude_site: str | None,
    ) -> FeedPage:
        """As Replica says."""
        ...


class Destination(Protocol):
    """Where changes go: of a Replica, all that a pump needs; or a peer that has no feed of its own."""

    def apply(self, namespace: SharedNamespace, feed: Feed, changes: Changes) -> Applied:
        """As Replica says."""
        ...


class PassOutcome(Enum):
    """How a pass ended."""

    MOVED = auto()
    """A page was applied, and there is more."""
    LEVEL = auto()
    """There is no more."""
    WAITING = auto()
    """It is too early to try again."""
    FAILED = auto()
    """It is tried again by itself."""
    STOPPED = auto()
    """Trying again will not help."""
    GAP = auto()
    """The feed is not kept from the checkpoint on: repair, then `go_on`."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did. `gap`: the cursor to go on from after a repair that begins from now on."""

    outcome: PassOutcome
    applied: int = 0
    known: int = 0
    unreplayable: int = 0
    gap: str | None = None


class Pump:
    """One direction. `position_of` gives the append stamp that a cursor of this site's own feed still needs (None: it
    is the peer's feed). `announces`: the destination is told of the namespace even where nothing changed.

    Not thread-safe.
    """

    def __init__(
        self,
        direction: Direction,
        namespace: SharedNamespace,
        source: Source,
        destination: Destination,
        checkpoints: Checkpoints,
        clock: Clock,
        jitter: Callable[[], float],
        *,
        position_of: Callable[[str], int] | None = None,
        announces: bool = False,
    ) -> None:
        self.direction = direction
        self.namespace = namespace
        self._source = source
        self._destination = destination
        self._checkpoints = checkpoints
        self._clock = clock
        self._place_of = position_of
        self._announces = announces
        self._backoff = Backoff(clock.monotonic, jitter)

    def run(self) -> Pass:
        """One pass. Raises Unavailable only where the checkpoint cannot be read or written."""
        if self._backoff.waiting:
            return Pass(PassOutcome.WAITING)
        before = self._checkpoints.read(self.direction) or Checkpoint()
        if before.stopped and self._clock.unix_ms() - before.failed_ms < RETRY_STOPPED_MS:
            return Pass(PassOutcome.STOPPED)
        changes: Changes = ()
        try:
            page = self._source.changes(
                self.namespace,
                self.direction.feed,
                before.cursor,
                limit=PAGE_CHANGES_MAX,
                exclude_site=self.direction.destination,
            )
            changes = page.changes
            applied = Applied(0, 0)
            if changes or self._announces:
                applied = self._destination.apply(self.namespace, self.direction.feed, changes)
                self._announces = False
        except FeedGap as gap:
            return Pass(PassOutcome.GAP, gap=gap.cursor)
        except QuartzError as error:
            return self._failed(before, error, len(changes))
        self._backoff.succeeded()
        self._checkpoints.write(self.direction, self._after(before, page, applied))
        outcome = PassOutcome.MOVED if page.more else PassOutcome.LEVEL
        return Pass(outcome, applied.applied, applied.known, applied.unreplayable)

    def go_on(self, cursor: str) -> None:
        """The gap is repaired: go on from the cursor that came with it."""
        before = self._checkpoints.read(self.direction) or Checkpoint()
        self._checkpoints.write(
            self.direction, replace(before, cursor=cursor, retained_from=self._place(cursor))
        )

    def failed(self, error: QuartzError) -> None:
        """Take note that the peer could not be asked at all.

        No change was refused, so this never stops the direction, nor hides why it stands still.
        """
        self._backoff.failed(error)
        before = self._checkpoints.read(self.direction) or Checkpoint()
        if not before.stopped:
            self._note(before, error, pending=before.pending, stopped=False)

    def _after(self, before: Checkpoint, page: FeedPage, applied: Applied) -> Checkpoint:
        return Checkpoint(
            cursor=page.cursor,
            # In the middle of a feed nobody knows how late its changes are.
            through_ms=before.through_ms if page.more else max(before.through_ms, page.through_ms),
            retained_from=self._place(page.cursor),
            last_success_ms=self._clock.unix_ms(),
            unreplayable=before.unreplayable + applied.unreplayable,
        )

    def _failed(self, before: Checkpoint, error: QuartzError, pending: int) -> Pass:
        self._backoff.failed(error)
        # A clock comes right, or time passes: the one refusal by 409 that does not last.
        lasts = isinstance(error, Conflict | InvalidArgument | NotFound)
        stopped = lasts and not isinstance(error, ClockSkew)
        if stopped:
            logger.error("replication of %s stands still: %s", self.direction, error.message)
        self._note(before, error, pending=pending, stopped=stopped)
        return Pass(PassOutcome.STOPPED if stopped else PassOutcome.FAILED)

    def _note(self, before: Checkpoint, error: QuartzError, *, pending: int, stopped: bool) -> None:
        after = replace(
            before,
            error=f"{error.code}: {error.message}"[:_ERROR_CHARACTERS_MAX],
            failed_ms=self._clock.unix_ms(),
            stopped=stopped,
            pending=pending,
        )
        self._checkpoints.write(self.direction, after)

    def _place(self, cursor: str) -> int:
        return 0 if self._place_of is None else self._place_of(cursor)


def resumed(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint of a direction that an operator lets go on."""
    return replace(checkpoint, error=None, stopped=False, failed_ms=0)
