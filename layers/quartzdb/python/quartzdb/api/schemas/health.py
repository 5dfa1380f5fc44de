"""Schemas of health."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from quartzdb.api.schemas.model import Document

Finding = Literal["ok", "fail"]


class Checks(Document):
    """Part by part."""

    storage: Finding
    vector_index: Finding


class HealthDocument(Document):
    """Whether this deployment can serve."""

    status: Literal["healthy", "degraded"]
    service: str
    version: str
    uptime_seconds: float = Field(description="Since this process began.")
    checks: Checks
