"""How a project or an organization does: what a page may ask for every few seconds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.auth import PlatformNow, may, may_in_project
from quartzdb_platform.api.overview_models import OverviewAnswer
from quartzdb_platform.domain.permissions import Permission
from quartzdb_platform.domain.records import Project

router = APIRouter(tags=["Usage"])
Reads = Annotated[Access, Depends(may(Permission.USAGE_READ))]
ReadsOne = Annotated[tuple[Access, Project], Depends(may_in_project(Permission.USAGE_READ))]


@router.get("/projects/{project_id}/overview")
def project_overview(found: ReadsOne, platform: PlatformNow) -> OverviewAnswer:
    """Requests, errors, latencies and storage of the latest 24 hours, by hour; and how the month stands."""
    access, project = found
    organization = platform.organizations.get(access)
    everything = [one.id for one in platform.projects.list(access)]
    plan = platform.statements.billed_plan(organization)
    whole = platform.overviews.month(everything, plan, organization)
    overview = platform.overviews.of([project.id], plan.name)
    return OverviewAnswer.of(overview, organization, whole, billed=False)


@router.get("/organizations/{organization_id}/overview")
def organization_overview(access: Reads, platform: PlatformNow) -> OverviewAnswer:
    """The same of all projects together, with the lines of the month's bill."""
    organization = platform.organizations.get(access)
    projects = [one.id for one in platform.projects.list(access)]
    overview = platform.overviews.of(
        projects, platform.statements.billed_plan(organization).name, organization
    )
    return OverviewAnswer.of(overview, organization, overview.month, billed=True)
