"""OriginProbe that finds what a test says."""

from __future__ import annotations

from dataclasses import dataclass

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unavailable
from quartzdb.routing.decision.window import Probe, Reason


@dataclass
class ScriptedProbe:
    """`reason` None: the origin is well. `unknown`: it could not be asked."""

    clock: Clock
    reason: Reason | None = None
    unknown: bool = False
    probes: int = 0

    def probe(self) -> Probe:
        """Raises Unavailable where it could not be asked."""
        self.probes += 1
        if self.unknown:
            raise Unavailable("The canary's key could not be read.")
        return Probe(self.reason is None, self.clock.unix_ms(), 25, self.reason)
