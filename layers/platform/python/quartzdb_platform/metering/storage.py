"""Storage: what each project holds, sampled once an hour, and compared with the data once a day.

An hour that nobody sampled is not billed.
HAZARD: a project that holds much for less than an hour may hold it between samples.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb_platform.accounts import store
from quartzdb_platform.domain.calendar import day_of, hour_of
from quartzdb_platform.metering import places
from quartzdb_platform.plans.unlooked import note
from quartzdb_platform.ports import Change, DataPlaneSizes, DocumentTable, Held, Put
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)

DRIFT_MAX = 0.01
"""Of what a sample says from what the data is, where nothing was written in between."""
_PAGE = 100


class Drift(NamedTuple):
    """A project whose sample is not what its data is."""

    project_id: str
    sampled: Held
    present: Held


class StorageSampling:
    """Both are steps of upkeep, and safe to repeat: an hour has one sample, the first."""

    def __init__(self, table: DocumentTable, sizes: DataPlaneSizes, clock: Clock) -> None:
        self._table = table
        self._sizes = sizes
        self._clock = clock

    def sample(self, now_ms: int) -> int:
        """How many projects were sampled. One that cannot be is told in the log, and keeps no other from it."""
        sampled = 0
        for project_id in _projects(self._table):
            place = places.storage(project_id, day_of(now_ms))
            found = self._table.get(*place)
            if found is not None and hour_of(now_ms) in found.body["hours"]:
                continue
            try:
                self._note(project_id, now_ms, self._sizes.held(project_id))
                sampled += 1
            except QuartzError as error:
                logger.warning("The storage of %s could not be sampled: %s", project_id, error)
        return sampled

    def reconcile(self, now_ms: int) -> Sequence[Drift]:
        """Compare the last sample of each project with its data. What differs is logged as an error, and sampled anew.

        A project that wrote since then is passed over: it is not what it was.
        """
        drifts = []
        for project_id in _projects(self._table):
            place = places.storage(project_id, day_of(now_ms))
            found = self._table.get(*place)
            if found is None:
                continue
            latest = found.body["latest"]
            sampled, present = (
                Held(latest["bytes"], latest["vectors"]),
                self._sizes.held(project_id, exact=True),
            )
            if latest["write_units"] != self._written(project_id, latest["month"]):
                continue
            if abs(present.bytes - sampled.bytes) > DRIFT_MAX * max(present.bytes, 1):
                drifts.append(Drift(project_id, sampled, present))
                logger.error(
                    "storage drift: %s has %d bytes, and %d were sampled",
                    project_id,
                    present.bytes,
                    sampled.bytes,
                )
                self._correct(project_id, now_ms, present)
        return drifts

    def _note(self, project_id: str, now_ms: int, held: Held) -> None:
        def decide() -> tuple[None, Sequence[Change]]:
            place = places.storage(project_id, day_of(now_ms))
            found = self._table.get(*place)
            hours = dict(found.body["hours"]) if found is not None else {}
            if hour_of(now_ms) in hours:
                return None, ()
            hours[hour_of(now_ms)] = held.bytes
            revision = None if found is None else found.revision
            return None, self._puts(project_id, now_ms, hours, held, revision)

        change(self._table, decide)

    def _correct(self, project_id: str, now_ms: int, held: Held) -> None:
        """Hours that are over stay as they were sampled; the present one is as it is."""

        def decide() -> tuple[None, Sequence[Change]]:
            found = self._table.get(*places.storage(project_id, day_of(now_ms)))
            hours = dict(found.body["hours"]) if found is not None else {}
            hours[hour_of(now_ms)] = held.bytes
            revision = None if found is None else found.revision
            return None, self._puts(project_id, now_ms, hours, held, revision)

        change(self._table, decide)

    def _puts(
        self, project_id: str, now_ms: int, hours: dict[str, int], held: Held, revision: int | None
    ) -> Sequence[Put]:
        day = day_of(now_ms)
        month = day[: len("2026-11")]
        latest = {
            "bytes": held.bytes,
            "vectors": held.vectors,
            "month": month,
            "write_units": self._written(project_id, month),
        }
        body = {"hours": hours, "latest": latest}
        sample = Put(*places.storage(project_id, day), body, revision, places.expires_at_ms(day))
        return sample, note(self._table, project_id)

    def _written(self, project_id: str, month: str) -> int:
        sums = self._table.get(*places.month(project_id, month))
        return 0 if sums is None else sums.body["write_units"]


def _projects(table: DocumentTable) -> Iterator[str]:
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
