"""Pace: which kinds of work are brief enough for the event loop, as far as the last ones of each tell.

Handing work to a thread and back costs more than a small search. So what has been brief each time is done where it was
asked for, and nothing else is: whoever is new here, or was slow lately, goes to a thread, and is measured there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

BRIEF_SECONDS = 0.003
"""What it may take of the processor; by the clock others may keep it from that."""
STOPPED_SECONDS = 0.01
"""After so long on the loop it is broken off at its next step, and begun anew in a thread."""
TIMES_MIN = 4
"""So often work of a kind has to be brief before one of it is taken to be."""
REMEMBERED_SECONDS = 30.0
"""What was brief so long ago may have to read from a disk by now."""
SLOW_EVERY = 16
"""One of so many may take longer on the loop, as others use the machine; what does so more often goes to threads."""
SLOW_SECONDS = 1.0
"""For so long then, as what begins something that cannot be broken off, and twice as long each further time."""
_SLOW_SECONDS_MAX = 60.0
_SLOW_MAX = 3 * SLOW_EVERY
_PAUSES_MAX = 6
_FORGIVEN_AFTER = 1_000
_KINDS_MAX = 10_000


class _Kind:
    __slots__ = ("brief", "not_before", "pauses", "seen_at", "slow")

    def __init__(self) -> None:
        self.brief = 0
        self.seen_at = 0.0
        self.slow = 0
        self.pauses = 0
        self.not_before = 0.0


class Pace:
    """Of one process. One event loop calls it. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._kinds: dict[Hashable, _Kind] = {}

    def is_brief(self, kind: Hashable) -> bool:
        """Whether the next one of a kind will be, by all that is known."""
        known = self._kinds.get(kind)
        if known is None or known.brief < TIMES_MIN:
            return False
        now = self._monotonic()
        return now - known.seen_at < REMEMBERED_SECONDS and now >= known.not_before

    def took(self, kind: Hashable, processor_seconds: float) -> None:
        """One was done in a thread."""
        known = self._kinds.get(kind)
        if known is None:
            if len(self._kinds) >= _KINDS_MAX:
                self._kinds.clear()  # learnt again within a few requests
            known = self._kinds[kind] = _Kind()
        now = self._monotonic()
        if now - known.seen_at >= REMEMBERED_SECONDS:
            known.brief = 0
        known.brief = known.brief + 1 if processor_seconds <= BRIEF_SECONDS else 0
        known.seen_at = now

    def held(self, kind: Hashable, seconds: float) -> None:
        """One that was taken to be brief took so long on the event loop."""
        known = self._kinds.get(kind)
        if known is None:
            return
        known.seen_at = self._monotonic()
        if seconds <= BRIEF_SECONDS:
            known.brief += 1
            known.slow = max(0, known.slow - 1)
            if known.brief >= _FORGIVEN_AFTER:
                known.pauses = 0
            return
        known.slow += SLOW_EVERY
        if known.slow > _SLOW_MAX:
            self.stopped(kind)

    def stopped(self, kind: Hashable) -> None:
        """One may take any time, or too many were slow."""
        known = self._kinds.get(kind)
        if known is not None:
            known.slow = known.brief = 0
            known.not_before = self._monotonic() + min(SLOW_SECONDS * 2**known.pauses, _SLOW_SECONDS_MAX)
            known.pauses = min(known.pauses + 1, _PAUSES_MAX)
