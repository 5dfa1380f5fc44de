"""What operators do over HTTP, where they are not beside the table: with a token of theirs, and never by a cookie."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from quartzdb.domain.errors import InvalidArgument, NotFound
from quartzdb.domain.grant import TenantStatus
from quartzdb_platform.api.auth import OperatorNow, PlatformNow
from quartzdb_platform.api.models import Body, EmailBody, Text, at

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/operator", tags=["Operators"])
INVITED_AT_ONCE_MAX = 50
"""Of one request: each is a mail, and a function has seconds. Whoever wants more asks again."""
_PAGE_MAX = 500


class CountBody(Body):
    """How many."""

    count: Annotated[int, Field(ge=1, le=INVITED_AT_ONCE_MAX)]


class StatusBody(Body):
    """What is answered to the projects of an organization: everything, reads, or nothing."""

    status: Annotated[str, Field(json_schema_extra={"enum": list(TenantStatus)})]


class PlanBody(Body):
    """The name of a plan."""

    plan: Text


class WaitingAnswer(BaseModel):
    """Who waits with an address that is proven, the oldest first."""

    waiting: list[str]


class InvitedAnswer(BaseModel):
    """Who was invited, and whom no mail reaches."""

    invited: list[str]
    undeliverable: list[str]


class LiftedAnswer(BaseModel):
    """Why nothing was sent there: `bounce` or `complaint`; null where nothing stood against it."""

    email: str
    was: str | None


class OrganizationListed(BaseModel):
    """An organization, as operators see it. `delete_at`: when it will be deleted, if that was asked for."""

    id: str
    name: str
    plan: str
    status: str
    delete_at: str | None


class OrganizationsAnswer(BaseModel):
    """The oldest first. `next`: what to send as `after` for those that follow; null where none do."""

    organizations: list[OrganizationListed]
    next: str | None


class PublishedAnswer(BaseModel):
    """How many organizations there are."""

    organizations: int


class ChainAnswer(BaseModel):
    """Whether an audit log has every event, as it was written; else where it is broken."""

    events: int
    whole: bool
    broken_at: str | None


@router.get("/waitlist")
def list_waiting(_: OperatorNow, platform: PlatformNow) -> WaitingAnswer:
    """At most a thousand."""
    return WaitingAnswer(waiting=[entry.email for entry in platform.waitlist.waiting()])


@router.post("/waitlist/invite")
def invite_waiting(body: CountBody, who: OperatorNow, platform: PlatformNow) -> InvitedAnswer:
    """Mail so many of those that came first. Nobody is invited twice if it is cut short and sent again."""
    done = platform.waitlist.invite(body.count)
    logger.info("%s invited %d from the waiting list", who.id, len(done.invited))
    return InvitedAnswer(invited=list(done.invited), undeliverable=list(done.undeliverable))


@router.post("/waitlist/resend", status_code=204)
def invite_again(body: EmailBody, who: OperatorNow, platform: PlatformNow) -> None:
    """Invite somebody again, for another two weeks."""
    platform.waitlist.invite_again(body.email)
    logger.info("%s invited somebody again", who.id)


@router.post("/mail/lift")
def lift_suppression(body: EmailBody, who: OperatorNow, platform: PlatformNow) -> LiftedAnswer:
    """Send mail to an address again, from which it came back or whose holder called it unwanted."""
    was = platform.suppressions.lift(body.email)
    logger.info("%s lifted the suppression of an address: %s", who.id, was)
    return LiftedAnswer(email=body.email, was=None if was is None else was.value)


@router.get("/organizations")
def list_all_organizations(
    _: OperatorNow,
    platform: PlatformNow,
    after: Annotated[str | None, Query(max_length=80)] = None,
    limit: Annotated[int, Query(ge=1, le=_PAGE_MAX)] = 100,
) -> OrganizationsAnswer:
    """All that there are."""
    page = platform.directory(limit, after)
    return OrganizationsAnswer(
        organizations=[
            OrganizationListed(
                id=one.organization.id,
                name=one.organization.name,
                plan=one.organization.plan,
                status=one.organization.status,
                delete_at=None if one.delete_at_ms is None else at(one.delete_at_ms),
            )
            for one in page.organizations
        ],
        next=page.next,
    )


@router.put("/organizations/{organization_id}/status", status_code=204)
def say_status(organization_id: str, body: StatusBody, who: OperatorNow, platform: PlatformNow) -> None:
    """Have everything of it answered, reads, or nothing. It is in the organization's audit log."""
    platform.standings.say(organization_id, status_of(body.status), who)


@router.put("/organizations/{organization_id}/plan", status_code=204)
def set_plan(organization_id: str, body: PlanBody, who: OperatorNow, platform: PlatformNow) -> None:
    """Put it on a plan. It is in the organization's audit log."""
    platform.plan_changes.set(organization_id, body.plan, who)


@router.post("/plans/publish")
def publish_plans(who: OperatorNow, platform: PlatformNow) -> PublishedAnswer:
    """Have every project's grant compared with what it should say, within a minute: after the plans changed."""
    count = platform.plan_changes.compare_all()
    logger.info("%s has the grants of %d organizations compared", who.id, count)
    return PublishedAnswer(organizations=count)


@router.get("/organizations/{organization_id}/audit/verify")
def verify_audit(organization_id: str, _: OperatorNow, platform: PlatformNow) -> ChainAnswer:
    """Walk the whole chain of its audit log. No event is shown."""
    events = platform.audit.count(organization_id)
    if not events:
        raise NotFound(
            f"There are no events of an organization {organization_id[:80]!r}.", field="organization"
        )
    broken_at = platform.audit.broken_at(organization_id)
    return ChainAnswer(events=events, whole=broken_at is None, broken_at=broken_at)


@router.get("/certificates/{of_id}")
def show_certificate(of_id: str, _: OperatorNow, platform: PlatformNow) -> dict[str, Any]:
    """What was certified when an organization, or a single project, was deleted."""
    return platform.certificate(of_id)


def status_of(text: str) -> TenantStatus:
    """Raises InvalidArgument for what is none."""
    try:
        return TenantStatus(text)
    except ValueError as error:
        raise InvalidArgument(
            f"{text[:40]!r} is no status.", field="status", hint=f"Use one of: {', '.join(TenantStatus)}."
        ) from error
