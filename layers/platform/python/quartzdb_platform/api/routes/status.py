"""How the service does: anybody's to read."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.api.models import at, maybe_at
from quartzdb_platform.domain.availability import Incident, Looks, OriginNow, Switched
from quartzdb_platform.status.report import Report

router = APIRouter(tags=["Status"])
CACHED = "public, max-age=30, stale-while-revalidate=60, stale-if-error=86400"


class OriginAnswer(BaseModel):
    """`well` is null where nobody looked of late."""

    name: str
    well: bool | None
    looked_at: str | None

    @classmethod
    def of(cls, now: OriginNow) -> OriginAnswer:
        """The answer for a value."""
        return cls(name=now.name, well=now.well, looked_at=maybe_at(now.looked_at_ms))


class DayAnswer(BaseModel):
    """Probes of a day in UTC; all null where nobody looked."""

    day: str
    ok: int | None
    failed: int | None
    share: float | None

    @classmethod
    def of(cls, day: str, looks: Looks | None) -> DayAnswer:
        """The answer for a value."""
        if looks is None:
            return cls(day=day, ok=None, failed=None, share=None)
        return cls(day=day, ok=looks.ok, failed=looks.failed, share=looks.share)


class AvailabilityAnswer(BaseModel):
    """Of an origin, or of `service`: whichever answered clients. `share` is of the probes of these days."""

    name: str
    share: float | None
    days: list[DayAnswer]


class SwitchAnswer(BaseModel):
    """That another origin became active."""

    at: str
    active: str
    reason: str

    @classmethod
    def of(cls, switch: Switched) -> SwitchAnswer:
        """The answer for a value."""
        return cls(at=at(switch.at_ms), active=switch.active, reason=switch.reason)


class NoteAnswer(BaseModel):
    """What an operator said."""

    at: str
    text: str


class IncidentAnswer(BaseModel):
    """`closed_at` is null while it goes on."""

    id: str
    title: str
    opened_at: str
    closed_at: str | None
    notes: list[NoteAnswer]

    @classmethod
    def of(cls, incident: Incident) -> IncidentAnswer:
        """The answer for a value."""
        return cls(
            id=incident.id,
            title=incident.title,
            opened_at=at(incident.opened_at_ms),
            closed_at=maybe_at(incident.closed_at_ms),
            notes=[NoteAnswer(at=at(note.at_ms), text=note.text) for note in incident.notes],
        )


class StatusAnswer(BaseModel):
    """`read_at`: when this was so; `stale`: it could not be read since. `known`: something looks, and could be read.
    `lag_ms` of replication is null where it is not known, or nothing is replicated.
    """

    read_at: str
    stale: bool
    known: bool
    active: str | None
    mode: str | None
    since: str | None
    lag_ms: int | None
    lag_at: str | None
    origins: list[OriginAnswer]
    availability: list[AvailabilityAnswer]
    switches: list[SwitchAnswer]
    incidents: list[IncidentAnswer]

    @classmethod
    def of(cls, report: Report) -> StatusAnswer:
        """The answer for a value."""
        seen = report.observed
        return cls(
            read_at=at(report.read_at_ms),
            stale=report.stale,
            known=seen is not None,
            active=None if seen is None else seen.active,
            mode=None if seen is None else seen.mode,
            since=None if seen is None else maybe_at(seen.since_ms),
            lag_ms=None if seen is None else seen.lag_ms,
            lag_at=None if seen is None else maybe_at(seen.lag_at_ms),
            origins=[] if seen is None else [OriginAnswer.of(one) for one in seen.origins],
            availability=[
                AvailabilityAnswer(
                    name=name,
                    share=report.share(name),
                    days=[DayAnswer.of(day, looks) for day, looks in report.days(name)],
                )
                for name in report.names
            ],
            switches=[] if seen is None else [SwitchAnswer.of(one) for one in seen.switches],
            incidents=[IncidentAnswer.of(one) for one in report.incidents or ()],
        )


@router.get("/status")
def show_status(response: Response, platform: PlatformNow) -> StatusAnswer:
    """Which origin serves and how both do, replication's lag, switches, incidents, and the latest 90 days. A day on
    which nobody looked is null. At most half a minute old."""
    response.headers["Cache-Control"] = CACHED
    return StatusAnswer.of(platform.status.latest())
