"""The end of an organization or of a project, as values: asked for, put off for thirty days, done, and certified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quartzdb_platform.domain.times import rfc3339

GRACE_MS = 30 * 24 * 3_600_000
"""So long a deletion that was asked for can be called off."""


@dataclass(frozen=True, slots=True)
class Closing:
    """A deletion that was asked for. Until then data can be read, and not changed."""

    requested_at_ms: int
    requested_by: str
    delete_at_ms: int


@dataclass(frozen=True, slots=True)
class ProjectEnd:
    """How far the deletion of a project's data is. `gone_at_ms` None: something is left."""

    namespaces: int = 0
    keys: int = 0
    gone_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Remain:
    """What a deletion does not reach: until when it is there at most, None where nobody here knows."""

    what: str
    milliseconds: int | None


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is gone of an organization since when, and what remains until when. Nothing in it names a person.

    `audit_events` and `audit_head`: how many events its audit log had, and the hash of the last of them, which tells of
    the deletion: whoever kept an export can show that it was the whole log.
    """

    organization_id: str
    requested_at_ms: int
    requested_by: str
    began_at_ms: int
    finished_at_ms: int
    projects: Mapping[str, ProjectEnd]
    audit_events: int
    audit_head: str
    remains: tuple[Remain, ...] = field(default=())

    def document(self) -> dict[str, Any]:
        """As people are given it: times are RFC 3339, in UTC."""
        return {
            "certificate_of_deletion": 1,
            "organization": self.organization_id,
            "requested_at": rfc3339(self.requested_at_ms),
            "requested_by": self.requested_by,
            "began_at": rfc3339(self.began_at_ms),
            "finished_at": rfc3339(self.finished_at_ms),
            "gone": {
                "projects": [
                    {
                        "id": project_id,
                        "namespaces_deleted": end.namespaces,
                        "keys_revoked": end.keys,
                        "gone_at": rfc3339(end.gone_at_ms or self.finished_at_ms),
                    }
                    for project_id, end in sorted(self.projects.items())
                ],
                "of_the_organization": [
                    "the organization, its plan and limits",
                    "members, invitations, management tokens",
                    "usage",
                    "the audit log",
                ],
            },
            "audit_log": {"events": self.audit_events, "head": self.audit_head},
            "remains": _remaining(self.remains, self.finished_at_ms),
        }


@dataclass(frozen=True, slots=True)
class ProjectCertificate:
    """The same of a single project. `audit_event`: the number of the event of its organization's audit log that tells
    of the deletion.
    """

    project_id: str
    organization_id: str
    closing: Closing
    began_at_ms: int
    finished_at_ms: int
    end: ProjectEnd
    audit_event: int
    remains: tuple[Remain, ...] = field(default=())

    def document(self) -> dict[str, Any]:
        """As people are given it: times are RFC 3339, in UTC."""
        return {
            "certificate_of_deletion": 1,
            "project": self.project_id,
            "organization": self.organization_id,
            "requested_at": rfc3339(self.closing.requested_at_ms),
            "requested_by": self.closing.requested_by,
            "began_at": rfc3339(self.began_at_ms),
            "finished_at": rfc3339(self.finished_at_ms),
            "gone": {
                "namespaces_deleted": self.end.namespaces,
                "keys_revoked": self.end.keys,
                "gone_at": rfc3339(self.end.gone_at_ms or self.finished_at_ms),
                "of_the_project": [
                    "the project, its name and grant",
                    "usage, but for sums of months to be billed",
                ],
            },
            "audit_log": {"event": self.audit_event},
            "remains": _remaining(self.remains, self.finished_at_ms),
        }


def _remaining(remains: tuple[Remain, ...], since_ms: int) -> list[dict[str, str | None]]:
    return [
        {
            "what": one.what,
            "until": None if one.milliseconds is None else rfc3339(since_ms + one.milliseconds),
        }
        for one in remains
    ]
