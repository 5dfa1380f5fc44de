"""Changes of the routing state, by the probe or by an operator: stored if nobody was faster, published, and told.

Owns the order: first stored, then published, then told. A change that could not be published or told is not undone;
whoever comes next makes up for it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, Corrupted, NotFound, Unavailable
from quartzdb.routing.decision.policy import first_state
from quartzdb.routing.decision.state import Origin, RoutingState, encode_state
from quartzdb.routing.ports import OriginStates, RoutingEvents, RoutingPublisher

audit = logging.getLogger("quartzdb.audit")
logger = logging.getLogger(__name__)

Decision = Callable[[RoutingState], RoutingState | None]

_ATTEMPTS_MAX = 16
_UNTOLD_MAX = 100


class Change(NamedTuple):
    """What came of a decision. `before` None: there was no state; `after` is `before` where nothing was decided."""

    before: RoutingState | None
    after: RoutingState

    @property
    def switched(self) -> bool:
        """Whether another origin is active now."""
        return self.before is not None and self.before.active is not self.after.active


class RoutingChanges:
    """Not thread-safe. `by` is who changes: the probe, or a person at a command line."""

    def __init__(
        self,
        states: OriginStates,
        publisher: RoutingPublisher,
        events: RoutingEvents,
        clock: Clock,
        *,
        primary: Origin | None,
        by: str,
    ) -> None:
        self._states = states
        self._publisher = publisher
        self._events = events
        self._clock = clock
        self._primary = primary
        self._by = by
        self._published: RoutingState | None = None
        self._untold: deque[dict[str, Any]] = deque(maxlen=_UNTOLD_MAX)

    def read(self) -> RoutingState | None:
        """The state that is stored. Raises Unavailable."""
        return self._states.read()

    def make(self, decide: Decision) -> Change:
        """Decide on what is there, again if it changes meanwhile, and store it. Raises Unavailable, Conflict.

        Where there is no state, the first one is begun and then decided on; without a `primary` that raises NotFound.
        """
        begun = False
        for _ in range(_ATTEMPTS_MAX):
            before = self._states.read()
            if before is None:
                if self._primary is None:
                    raise NotFound(
                        "There is no routing state yet.",
                        hint="The health probe begins it: see that it is deployed and runs.",
                    )
                before = first_state(self._primary, self._clock.unix_ms())
                if not self._states.replace(before):
                    continue
                begun = True
                self._note(None, before)
            after = decide(before)
            if after is None:
                return Change(None if begun else before, before)
            if self._states.replace(after):
                self._note(before, after)
                return Change(before, after)
        raise Conflict(
            f"The routing state changed {_ATTEMPTS_MAX} times while this change was decided on.",
            hint="See who else changes it, and try again.",
        )

    def publish(self, state: RoutingState) -> None:
        """Have routers read this state, or a newer one if there is one by now. Raises Unavailable.

        Does nothing where this was published here before. HAZARD: of two processes that publish at once the slower may
        put back an older state; so each looks again afterwards, and publishes what is there then.
        """
        if state == self._published:
            return
        for _ in range(_ATTEMPTS_MAX):
            self._publisher.publish(encode_state(state))
            now = self._states.read()
            if now is None or now == state:
                self._published = state
                return
            state = now
        logger.warning("the routing state changes faster than it can be published")

    @property
    def untold(self) -> int:
        """Changes whose events nobody has taken yet."""
        return len(self._untold)

    def forget_published(self) -> None:
        """Publish again in any case: others may have since, or died before they did."""
        self._published = None

    def tell(self) -> None:
        """Emit the events of changes; those that nobody takes are kept for the next time."""
        while self._untold:
            try:
                self._events.emit(self._untold[0])
            except (Unavailable, Corrupted) as error:
                logger.warning("a change of the routing could not be told: %s", error.message)
                return
            self._untold.popleft()

    def _note(self, before: RoutingState | None, after: RoutingState) -> None:
        detail: dict[str, Any] = {
            "revision": after.revision,
            "epoch": after.epoch,
            "active": after.active.value,
            "active_before": None if before is None else before.active.value,
            "primary": after.primary.value,
            "mode": after.mode.value,
            "ramp_percent": after.ramp_percent,
            "pinned": after.pinned,
            "drained": sorted(origin.value for origin in after.drained),
            "at_ms": after.since_ms,
            "reason": after.reason,
            "by": self._by,
        }
        audit.info("routing changed: %s", after.reason, extra={"routing": detail})
        self._untold.append(detail)
