"""What requests say about versions and consistency, as the services take it, and how fresh an answer is.

Where the router says that this site is not the active one (`X-QuartzDB-Active: no`), writes are made at the other site
and come here a little later. So an answer says how far behind it is, and a version of the other site is waited for.
"""

from __future__ import annotations

from typing import Protocol

from quartzdb.api.answer import Headers
from quartzdb.api.call import Call
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import DEFAULT_NAMESPACE
from quartzdb.replication.ports import Behind, Feed
from quartzdb.services.consistency import Consistency

ACTIVE_HEADER = "X-QuartzDB-Active"
CONSISTENCY_HEADER = "X-QuartzDB-Consistency"
BEHIND_HEADER = "X-QuartzDB-Behind-Ms"
APPLIED_HEADER = "X-QuartzDB-Applied-Version"


class Read(Protocol):
    """A request that says how fresh its answer must be."""

    @property
    def consistency(self) -> str: ...

    @property
    def version(self) -> str | None: ...


def consistency_of(call: Call, request: Read) -> Consistency:
    """How fresh the answer must be. Raises InvalidVersion, also where every answer is as fresh as can be, and
    VersionNotApplied.
    """
    at_least = after(request.version)
    strong = request.consistency == "strong"
    replication = call.services.replication
    if at_least is not None and replication is not None and replication.applied is not None:
        tenant, namespace, feed = _place_of(call)
        if replication.applied.require(tenant, namespace, feed, at_least):
            # Its place in this site's log does not follow from its version: only a read of the log is sure to have it.
            strong = True
            look_behind(call)
    # What is waited for, or told how far behind it is, is looked at anew each time.
    asked_at = call.asked_at if at_least is None and call.behind is None else None
    return Consistency(strong=strong, at_least=at_least, asked_at=asked_at)


def after(token: str | None) -> Version | None:
    """The version that a token says. Raises InvalidVersion."""
    return None if token is None else Version.parse(token)


def look_behind(call: Call) -> None:
    """Note how far behind the active site an answer is that is read from now on. Nothing is noted where this is the
    active one, or nothing comes from the other. Raises Unavailable.
    """
    replication = call.services.replication
    if call.headers.get(ACTIVE_HEADER) != "no" or replication is None or replication.applied is None:
        return
    behind = replication.applied.behind(*_place_of(call))
    if behind is not None:
        call.looks.append(behind)


def freshness_document(behind: Behind) -> dict[str, object]:
    """The `freshness` of an answer."""
    return {
        "consistency": "eventual",
        "behind_ms": behind.behind_ms,
        "recovery_point_ms": behind.recovery_point_ms,
        "version": None if behind.version is None else str(behind.version),
    }


def freshness_headers(behind: Behind) -> Headers:
    """The same of any answer. What is not known is left out."""
    headers = [(CONSISTENCY_HEADER, "eventual")]
    if behind.version is not None:
        headers += [(BEHIND_HEADER, str(behind.behind_ms)), (APPLIED_HEADER, str(behind.version))]
    return tuple(headers)


def _place_of(call: Call) -> tuple[str, str, Feed]:
    """Of which namespace, and of which feed of it, a call is about."""
    namespace = call.parameters.get("namespace")
    if namespace is None:
        keys = not call.path.startswith("/api/vector/")
        return call.principal.tenant, DEFAULT_NAMESPACE, Feed.KEYS if keys else Feed.RECORDS
    _, _, below = call.path.removeprefix("/v1/namespaces/").partition("/")
    return call.principal.tenant, namespace, Feed.KEYS if below.startswith("kv") else Feed.RECORDS
