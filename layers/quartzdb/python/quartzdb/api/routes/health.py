"""Routes of health on /v1. Open: a probe has no key."""

from __future__ import annotations

from quartzdb.api.answer import Answer, json_answer
from quartzdb.api.call import Call
from quartzdb.api.operation import Family, Success
from quartzdb.api.schemas.health import HealthDocument

FAMILY = Family("health", "Whether this deployment can serve.")

HEALTHY = {
    "status": "healthy",
    "service": "QuartzDB",
    "version": "0.2.0",
    "uptime_seconds": 3600.5,
    "checks": {"storage": "ok", "vector_index": "ok"},
}
DEGRADED = {**HEALTHY, "status": "degraded", "checks": {"storage": "ok", "vector_index": "fail"}}
ANSWERS = (
    Success("Every part works.", HealthDocument, HEALTHY),
    Success("A part does not work.", HealthDocument, DEGRADED, status=503),
)


@FAMILY.operation("GET", "/v1/health", summary="Health", scope=None, answers=ANSWERS)
def get_health(call: Call) -> Answer:
    """Found out for real, at most once a second."""
    return health_answer(call)


def health_answer(call: Call) -> Answer:
    """The same on both surfaces."""
    report = call.context.health.report()
    document = {
        "status": "healthy" if report.healthy else "degraded",
        "service": call.context.settings.service,
        "version": call.context.settings.version,
        "uptime_seconds": round(report.uptime_seconds, 3),
        "checks": {
            "storage": "ok" if report.storage else "fail",
            "vector_index": "ok" if report.vector_index else "fail",
        },
    }
    return json_answer(document, 200 if report.healthy else 503)
