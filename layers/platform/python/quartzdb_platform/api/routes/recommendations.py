"""What a project or an organization could save."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.auth import PlatformNow, may, may_in_project
from quartzdb_platform.api.recommendation_models import RecommendationsAnswer
from quartzdb_platform.domain.permissions import Permission
from quartzdb_platform.domain.records import Project

router = APIRouter(tags=["Usage"])
Reads = Annotated[Access, Depends(may(Permission.USAGE_READ))]
ReadsOne = Annotated[tuple[Access, Project], Depends(may_in_project(Permission.USAGE_READ))]


@router.get("/projects/{project_id}/recommendations")
def project_recommendations(found: ReadsOne, platform: PlatformNow) -> RecommendationsAnswer:
    """What would save something, in units and dollars of 30 days, with the counts that it was computed from. Nothing
    where less than a week is known."""
    access, project = found
    plan = platform.statements.billed_plan(platform.organizations.get(access))
    everything = platform.projects.list(access)
    return RecommendationsAnswer.of(platform.recommendations.of([project], everything, plan))


@router.get("/organizations/{organization_id}/recommendations")
def organization_recommendations(access: Reads, platform: PlatformNow) -> RecommendationsAnswer:
    """The same of all projects together."""
    plan = platform.statements.billed_plan(platform.organizations.get(access))
    projects = platform.projects.list(access)
    return RecommendationsAnswer.of(platform.recommendations.of(projects, projects, plan))
