"""How long a session lasts, used or not."""

from __future__ import annotations

from dataclasses import dataclass

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """`lasts_ms` from its beginning, whatever happens; `idle_ms` from when it was last used."""

    lasts_ms: int = 30 * 24 * HOUR_MS
    idle_ms: int = 7 * 24 * HOUR_MS

    @property
    def noted_after_ms(self) -> int:
        """Use is noted no oftener, because each note is a write: so much sooner may an idle session end."""
        return min(self.idle_ms // 10, HOUR_MS)
