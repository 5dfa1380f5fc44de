"""Storage: what each project holds, sampled once an hour, and compared with the data once a day.

An hour that nobody sampled is not billed.
HAZARD: a project that holds much for less than an hour may hold it between samples.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb_platform.accounts import store
from quartzdb_platform.domain.calendar import day_of, hour_of
from quartzdb_platform.metering import descriptions, places
from quartzdb_platform.plans.unlooked import note
from quartzdb_platform.ports import Change, DataPlaneSizes, DocumentTable, Held, HeldNamespace, Put
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)

DRIFT_MAX = 0.01
"""Of what a sample says from what the data is, where nothing was written in between."""
RUN_SECONDS = 240.0
"""One run of either step ends after so long; the next goes on, and other steps have their turn between."""
KEYS_AN_HOUR = 50_000
"""Where asking costs: for each so many keys that a project holds it is asked an hour later, and daily at least."""
_PAGE = 100
Describe = Callable[[str], tuple[Held, Sequence[HeldNamespace]]]


class Drift(NamedTuple):
    """A project whose sample is not what its data is."""

    project_id: str
    sampled: Held
    present: Held


class StorageSampling:
    """Both are steps of upkeep, and safe to repeat: an hour has one sample, the first; a day has one comparison.

    `spares`: asking costs, and usage is counted some minutes late. Then a project that wrote nothing for an hour has
    its last sample of the day for every further hour, and only that is compared. `describe`: whoever tells people what
    namespaces hold cannot ask, so it is asked for and kept with the first sample of a day. `drifted` is told of each
    drift.
    """

    def __init__(
        self,
        table: DocumentTable,
        sizes: DataPlaneSizes,
        clock: Clock,
        *,
        spares: bool = False,
        describe: Describe | None = None,
        drifted: Callable[[Drift], object] = lambda _: None,
    ) -> None:
        self._table = table
        self._sizes = sizes
        self._clock = clock
        self._spares = spares
        self._describe = describe
        self._drifted = drifted

    def sample(self, now_ms: int) -> int:
        """How many projects were sampled. One that cannot be is told in the log, and keeps no other from it."""
        sampled = 0
        for project_id in self._projects():
            today = self._day(project_id, now_ms)
            if today is not None and hour_of(now_ms) in today["hours"]:
                continue
            try:
                known = self._known(project_id, today, now_ms) if self._spares else None
                held = known or self._asked(project_id, now_ms)
                self._note(project_id, now_ms, held, asked=known is None)
                sampled += 1
            except QuartzError as error:
                logger.warning("The storage of %s could not be sampled: %s", project_id, error)
        return sampled

    def _asked(self, project_id: str, now_ms: int) -> Held:
        if self._describe is None or not descriptions.is_due(self._table, project_id, now_ms):
            return self._sizes.held(project_id)
        held, namespaces = self._describe(project_id)
        # Whoever was faster put the same.
        self._table.transact([descriptions.put(self._table, project_id, now_ms, namespaces)])
        return held

    def reconcile(self, now_ms: int) -> Sequence[Drift]:
        """Compare the last sample of each project with its data. What differs is logged as an error, and sampled anew.

        A project that wrote since then is passed over: it is not what it was.
        """
        drifts = []
        for project_id in self._projects():
            today = self._day(project_id, now_ms)
            if today is None or (self._spares and today.get("compared")):
                continue
            latest = today["latest"]
            if not self._comparable(project_id, latest):
                continue
            sampled = Held(latest["bytes"], latest["vectors"], latest.get("keys", 0))
            try:
                present = self._sizes.held(project_id, exact=True)
            except QuartzError as error:
                logger.warning("The storage of %s could not be compared: %s", project_id, error)
                continue
            if not self._comparable(project_id, latest):
                continue  # written to while it was asked
            differs = abs(present.bytes - sampled.bytes) > DRIFT_MAX * max(present.bytes, 1)
            if differs:
                drifts.append(Drift(project_id, sampled, present))
                self._drifted(drifts[-1])
                logger.error(
                    "storage drift: %s has %d bytes, and %d were sampled",
                    project_id,
                    present.bytes,
                    sampled.bytes,
                )
            self._compared(project_id, now_ms, present if differs else None)
        return drifts

    def _projects(self) -> Iterator[str]:
        """Until the time of one run is over."""
        ends = self._clock.monotonic() + RUN_SECONDS
        for project_id in every_project(self._table):
            if self._clock.monotonic() >= ends:
                return
            yield project_id

    def _day(self, project_id: str, now_ms: int) -> Mapping[str, Any] | None:
        found = self._table.get(*places.storage(project_id, day_of(now_ms)))
        return None if found is None else found.body

    def _known(self, project_id: str, today: Mapping[str, Any] | None, now_ms: int) -> Held | None:
        """What it holds as far as that need not be asked; None: it has to be."""
        if today is None:
            return None
        latest = today["latest"]
        held = Held(latest["bytes"], latest["vectors"], latest.get("keys", 0))
        if latest.get("settled") and self._unwritten(project_id, latest):
            return held
        wait_hours = held.keys // KEYS_AN_HOUR
        asked_hour = int(latest.get("asked_hour", "00"))
        return held if int(hour_of(now_ms)) - asked_hour <= wait_hours and "asked_hour" in latest else None

    def _comparable(self, project_id: str, latest: Mapping[str, Any]) -> bool:
        return (not self._spares or bool(latest.get("settled"))) and self._unwritten(project_id, latest)

    def _unwritten(self, project_id: str, latest: Mapping[str, Any]) -> bool:
        written: int = latest["write_units"]
        return written == self._written(project_id, latest["month"])

    def _note(self, project_id: str, now_ms: int, held: Held, *, asked: bool) -> None:
        def decide() -> tuple[None, Sequence[Change]]:
            place = places.storage(project_id, day_of(now_ms))
            found = self._table.get(*place)
            body = dict(found.body) if found is not None else {}
            hours = dict(body.get("hours", {}))
            if hour_of(now_ms) in hours:
                return None, ()
            hours[hour_of(now_ms)] = held.bytes
            before = body.get("latest") or self._latest(project_id)
            revision = None if found is None else found.revision
            return None, self._puts(
                project_id, now_ms, {**body, "hours": hours}, held, before, revision, asked=asked
            )

        change(self._table, decide)

    def _compared(self, project_id: str, now_ms: int, held: Held | None) -> None:
        """Once a day is enough. `held`: what it is where it was something else: hours that are over stay as they were
        sampled; the present one is as it is.
        """

        def decide() -> tuple[None, Sequence[Change]]:
            found = self._table.get(*places.storage(project_id, day_of(now_ms)))
            if found is None:
                return None, ()
            body = {**found.body, "compared": True}
            if held is None:
                return None, [Put(found.pk, found.sk, body, found.revision, found.expires_at_ms)]
            body["hours"] = {**found.body["hours"], hour_of(now_ms): held.bytes}
            latest = found.body["latest"]
            return None, self._puts(project_id, now_ms, body, held, latest, found.revision, asked=True)

        change(self._table, decide)

    def _puts(
        self,
        project_id: str,
        now_ms: int,
        body: Mapping[str, Any],
        held: Held,
        before: Mapping[str, Any] | None,
        revision: int | None,
        *,
        asked: bool,
    ) -> Sequence[Put]:
        day = day_of(now_ms)
        month = day[: len("2026-11")]
        written = self._written(project_id, month)
        latest: dict[str, Any] = {
            **held._asdict(),
            "month": month,
            "write_units": written,
            # It was asked after an hour without a write: whatever is counted or folded late has been.
            "settled": before is not None
            and (before["month"], before["write_units"]) == (month, written)
            and (asked or bool(before.get("settled"))),
        }
        asked_hour = hour_of(now_ms) if asked else (before or {}).get("asked_hour")
        if asked_hour is not None:
            latest["asked_hour"] = asked_hour
        place = places.storage(project_id, day)
        sample = Put(*place, {**body, "latest": latest}, revision, places.expires_at_ms(day))
        return sample, note(self._table, project_id)

    def _latest(self, project_id: str) -> Mapping[str, Any] | None:
        """Of the last day that was sampled."""
        days = self._table.query(places.usage_pk(project_id), places.STORAGE, limit=1, reverse=True)
        return days[0].body["latest"] if days else None

    def _written(self, project_id: str, month: str) -> int:
        sums = self._table.get(*places.month(project_id, month))
        return 0 if sums is None else sums.body["write_units"]


def every_project(table: DocumentTable) -> Iterator[str]:
    """Of every organization."""
    for organization_id in every_organization(table):
        pk = store.organization_pk(organization_id)
        for document in table.query(pk, "project#", limit=store.LISTED_MAX):
            yield store.project_of(document).id


def every_organization(table: DocumentTable) -> Iterator[str]:
    """The oldest first."""
    after = None
    while True:
        found = store.organization_ids(table, limit=_PAGE, after=after)
        yield from found
        if len(found) < _PAGE:
            return
        after = found[-1]
