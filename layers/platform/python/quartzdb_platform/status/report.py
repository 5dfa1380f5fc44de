"""What the status page shows: read at most twice a minute, and as it was known last where it cannot be read."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb_platform.domain.availability import SERVICE, Incident, Looks, Observed
from quartzdb_platform.domain.calendar import DAY_MS, day_of
from quartzdb_platform.ports import StatusSource
from quartzdb_platform.status.incidents import Incidents

logger = logging.getLogger(__name__)

DAYS = 90
FRESH_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Report:
    """`read_at_ms`: when this was so. `observed` None: nothing of it could be read yet, or nothing looks. `stale`: what
    could be read last is older than it should be.
    """

    read_at_ms: int
    observed: Observed | None
    incidents: Sequence[Incident] | None
    stale: bool = False

    @property
    def open_incidents(self) -> Sequence[Incident]:
        """Those that go on."""
        return [one for one in self.incidents or () if one.closed_at_ms is None]

    def days(self, name: str) -> Sequence[tuple[str, Looks | None]]:
        """The latest 90 of an origin, or of SERVICE, the oldest first. None: nobody looked on that day."""
        known: Mapping[str, Mapping[str, Looks]] = {} if self.observed is None else self.observed.days
        names = [day_of(self.read_at_ms - back * DAY_MS) for back in reversed(range(DAYS))]
        return [(day, known.get(day, {}).get(name)) for day in names]

    def share(self, name: str) -> float | None:
        """Of the probes of those days, how many succeeded; None where there were none."""
        found = [looks for _, looks in self.days(name) if looks is not None]
        return Looks(sum(one.ok for one in found), sum(one.failed for one in found)).share

    def probes(self, name: str) -> int:
        """How many that share is of."""
        return sum(looks.ok + looks.failed for _, looks in self.days(name) if looks is not None)

    def days_known(self, name: str) -> int:
        """On how many days somebody looked."""
        return sum(looks is not None for _, looks in self.days(name))

    @property
    def names(self) -> Sequence[str]:
        """SERVICE, and the origins where there are several."""
        origins = [] if self.observed is None else [one.name for one in self.observed.origins]
        return [SERVICE, *origins] if len(origins) > 1 else [SERVICE]


class StatusReports:
    """Thread-safe. `source` None: this deployment has nothing that looks."""

    def __init__(self, source: StatusSource | None, incidents: Incidents, clock: Clock) -> None:
        self._source = source
        self._incidents = incidents
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: Report | None = None
        self._asked_at = float("-inf")

    def latest(self) -> Report:
        """Never raises: where nothing can be read it says so."""
        with self._lock:
            now = self._clock.monotonic()
            if self._latest is None or now - self._asked_at >= FRESH_SECONDS:
                self._asked_at = now
                self._latest = self._read(self._latest)
            return self._latest

    def _read(self, before: Report | None) -> Report:
        now_ms = self._clock.unix_ms()
        try:
            observed = None if self._source is None else self._source.read()
            return Report(now_ms, observed, self._incidents.newest())
        except QuartzError as error:
            logger.warning("the status could not be read: %s", error.message)
            if before is None:
                return Report(now_ms, None, None, stale=True)
            return Report(before.read_at_ms, before.observed, before.incidents, stale=True)
