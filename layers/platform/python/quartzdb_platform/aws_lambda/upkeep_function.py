"""The function of the platform's scheduled pass: woken each minute, it does what is due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quartzdb.aws_lambda.telemetry import LambdaHandler, telemetry
from quartzdb_platform.aws_lambda.metrics import PlatformMetric
from quartzdb_platform.aws_lambda.settings import PACKAGES, PlatformFunctionSettings
from quartzdb_platform.aws_platform import open_aws_platform


def upkeep_function(settings: PlatformFunctionSettings) -> LambdaHandler:
    """The handler. It answers {"done": [...], "failed": [...]}, names of steps, and raises Unavailable."""
    observed = telemetry(settings, packages=PACKAGES)
    upkeep = open_aws_platform(
        settings.platform,
        settings.platform.clients(),
        drifted=lambda _: observed.count(PlatformMetric.STORAGE_DRIFT),
    ).upkeep

    def handle(event: Any, context: Any) -> Mapping[str, Any]:  # noqa: ARG001 - Lambda's signature
        failed: list[str] = []
        done = list(upkeep.run_due(failed.append))
        for metric, steps in ((PlatformMetric.UPKEEP_STEPS, done), (PlatformMetric.UPKEEP_FAILURES, failed)):
            if steps:
                observed.count(metric, len(steps))
        return {"done": done, "failed": failed}

    return observed.handler(handle)
