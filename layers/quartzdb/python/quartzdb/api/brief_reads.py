"""Brief reads: made on the event loop where their kind is known to be brief, and measured in threads until it is.

One in each round of the loop, in turns, so that nobody waits behind all that somebody else has sent. A thread for each
of them would cost more than the read does: a hand-over each way, and the interpreter's lock with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from time import thread_time
from typing import TypeAlias

from quartzdb.api.answer import Answer
from quartzdb.api.body import is_compressed
from quartzdb.api.call import Call
from quartzdb.api.fair_turns import FairTurns
from quartzdb.api.operation import KindOf
from quartzdb.api.pace import BRIEF_SECONDS, STOPPED_SECONDS, Pace
from quartzdb.api.shares import Share
from quartzdb.api.work import ServedOperation, done, prepared
from quartzdb.domain.clock import Clock
from quartzdb.domain.deadline import ReadDeadline, within
from quartzdb.domain.errors import DeadlineExceeded

BRIEF_BODY_BYTES_MAX = 64 * 1024
"""Larger bodies are not even looked at on the event loop."""

Measured: TypeAlias = tuple[Answer, float]
"""An answer, and what it took of the processor, in seconds."""
InThread: TypeAlias = Callable[[Callable[[], Measured]], Awaitable[Measured]]
"""Has something done in a thread, in the turn of whoever sent the request."""


class BriefReads:
    """Of one process. One event loop calls it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pace = Pace(clock.monotonic)
        self._rounds = FairTurns(1, 1, 1)

    async def answer(
        self,
        served: ServedOperation,
        kind_of: KindOf,
        call: Call,
        share: Share,
        deadline: ReadDeadline | None,
        in_thread: InThread,
    ) -> Answer:
        """The answer to a read with a small body. Raises what is wrong with it."""
        tenant, key_id = call.principal.tenant, call.principal.key_id
        # A round comes for sure, so no timer is set for it; who waited for too many is told afterwards.
        await self._rounds.take(tenant, key_id, None)
        try:
            if deadline is not None and deadline.left < 0:
                raise deadline.exceeded()
            call = prepared(served, call, share)
            kind = kind_of(call)
            if kind is not None and self._pace.is_brief(kind):
                made = self._here(served, kind, call)
                if made is not None:
                    return made
        finally:
            asyncio.get_running_loop().call_soon(self._rounds.give_back, tenant, key_id)
        answer, seconds = await in_thread(lambda: _timed(served, call, deadline))
        if kind is not None:
            self._pace.took(kind, seconds)
        return answer

    def _here(self, served: ServedOperation, kind: Hashable, call: Call) -> Answer | None:
        """The answer; None where it would hold the event loop for so long that it has to be begun anew in a thread."""
        monotonic = self._clock.monotonic
        begun, processor_begun = monotonic(), thread_time()
        try:
            with within(ReadDeadline(monotonic, begun + STOPPED_SECONDS, STOPPED_SECONDS)):
                answer: Answer | None = done(served, call)
        except DeadlineExceeded:
            answer = None
        seconds = monotonic() - begun
        if BRIEF_SECONDS < seconds <= STOPPED_SECONDS:
            # Others that want the processor took some of this from it, as they would from a thread.
            seconds = thread_time() - processor_begun
        if answer is None and seconds <= STOPPED_SECONDS:
            self._pace.stopped(kind)  # it had no time for what it was about to begin
        else:
            self._pace.held(kind, seconds)
        return answer


def is_small(call: Call) -> bool:
    """Whether the body of a call may be looked at on the event loop."""
    return len(call.body) <= BRIEF_BODY_BYTES_MAX and not is_compressed(call.headers)


def _timed(served: ServedOperation, call: Call, deadline: ReadDeadline | None) -> Measured:
    begun = thread_time()
    with within(deadline):
        answer = done(served, call)
    return answer, thread_time() - begun
