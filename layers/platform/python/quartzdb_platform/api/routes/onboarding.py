"""From being signed in to a key that works, in one request."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from quartzdb.domain.limits import DIMENSION_MAX
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb_platform.api.auth import CallerNow, PlatformNow, UserNow
from quartzdb_platform.api.models import (
    Body,
    KeyAnswer,
    NewKeyAnswer,
    OrganizationAnswer,
    ProjectAnswer,
    Text,
)

router = APIRouter()


class FirstNamespace(Body):
    """A first namespace. Without a dimension it is for key-values only."""

    name: Text
    dimension: Annotated[int, Field(ge=1, le=DIMENSION_MAX)] | None = None
    metric: Literal["cosine", "euclidean", "dot"] = "cosine"

    @property
    def settings(self) -> NamespaceSettings:
        """As the database has them."""
        return NamespaceSettings(self.dimension, Metric(self.metric))


class StartBody(Body):
    """How to call them. Without a namespace none is made. `referral`: the code of who told you, which is credited."""

    organization: Text = "My organization"
    project: Text = "first"
    region: Text | None = None
    namespace: FirstNamespace | None = None
    referral: Text | None = None


class StartAnswer(BaseModel):
    """What a person begins with. `quickstart` is a shell script that uses the key; `key` is shown this once."""

    organization: OrganizationAnswer
    project: ProjectAnswer
    key: NewKeyAnswer
    namespace: str | None
    url: str
    quickstart: str


@router.post(
    "/start",
    status_code=201,
    tags=["Onboarding"],
    responses={200: {"model": StartAnswer, "description": "The same again, with another key"}},
)
def start(
    body: StartBody, asks: CallerNow, user: UserNow, platform: PlatformNow, response: Response
) -> StartAnswer:
    """Make an organization, a project, a key for all of its data and, if wanted, a namespace.

    Once for each person. Asked again within ten minutes, because an answer was lost, it says the same with another key
    (200), and the key before ends; after that it is a conflict.
    """
    first = body.namespace
    started = platform.onboarding.start(
        user,
        asks.credential,
        asks.address,
        organization_name=body.organization,
        region=body.region,
        project_name=body.project,
        namespace=None if first is None else (first.name, first.settings),
        referral=body.referral,
    )
    if not started.new:
        response.status_code = 200
    return StartAnswer(
        organization=OrganizationAnswer.of(started.organization, started.role),
        project=ProjectAnswer.of(started.project),
        key=NewKeyAnswer(**KeyAnswer.of(started.key).model_dump(), key=started.text),
        namespace=None if started.namespace is None else started.namespace.name,
        url=started.url,
        quickstart=started.quickstart,
    )
