"""Where one request goes, and how: a function of the routing state and the request. Does nothing by itself.

docs/failover.md has the rules. An origin that does not serve a path is never chosen for it, whatever the state says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from quartzdb.routing.decision.edge_config import EdgeConfig
from quartzdb.routing.decision.state import Mode, Origin, RoutingState

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_READS_BY_POST = ("/api/vector/search",)
_V1_READS_BY_POST = (
    "query",
    "query/batch",
    "aggregate",
    "vectors/fetch",
    "vectors/list",
    "vectors/count",
    "kv-batch/get",
)
"""Below /v1/namespaces/NAME/."""
_WAITING = ("changes", "kv-changes")
"""The same: what may take as long as the client asks for. A deadline would take it for a failure, and nobody else has
the place in the log that it is about."""


@dataclass(frozen=True, slots=True)
class RequestTraits:
    """What routing goes by. `client`: whoever must stay on one side of a ramp; a key or an address.

    `override`: what an operator's header asks for, already proven.
    """

    method: str
    path: str
    client: str
    override: Origin | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """`fallback`: who answers where `origin` does not; None: nobody, and the request is sent once.

    `mirror`: the write is to be told to the other site once it is accepted.
    """

    origin: Origin
    why: str
    fallback: Origin | None = None
    mirror: bool = False

    @property
    def guarded(self) -> bool:
        """Whether the router tries it itself, with a deadline."""
        return self.fallback is not None


_NOBODY: frozenset[Origin] = frozenset()


@dataclass(frozen=True, slots=True)
class _Choice:
    origin: Origin
    why: str
    suspect: bool = field(default=False)


def route(
    state: RoutingState,
    config: EdgeConfig,
    request: RequestTraits,
    *,
    suspects: Collection[Origin] = _NOBODY,
) -> Route:
    """The route. `suspects`: origins that this instance has seen fail, and the state does not know of yet."""
    choice = _choose(state, config, request, suspects)
    safe = is_safe(request.method, request.path)
    other = _other(choice.origin)
    if (
        choice.suspect
        and safe
        and not _may_wait(request.path)
        and _may_serve(other, state, config, request.path)
    ):
        return Route(choice.origin, choice.why, fallback=other)
    mirrored = choice.origin is Origin.CLOUDFLARE and config.mirror_queue_url is not None and not safe
    return Route(choice.origin, choice.why, mirror=mirrored)


def second_attempt(first: Route, state: RoutingState, config: EdgeConfig, request: RequestTraits) -> Route:
    """Where a read goes that failed on its first route: to the other origin, or again where no other may serve it."""
    other = _other(first.origin)
    if request.override is None and _may_serve(other, state, config, request.path):
        return Route(other, f"{first.origin} failed it")
    return Route(first.origin, "nobody else may serve it")


def is_safe(method: str, path: str) -> bool:
    """Whether a request changes nothing, so that it may be sent twice: reads, and searches by POST."""
    if method in _READS:
        return True
    if method != "POST":
        return False
    if path in _READS_BY_POST:
        return True
    return _in_namespace(path) in _V1_READS_BY_POST


def _may_wait(path: str) -> bool:
    return _in_namespace(path) in _WAITING


def _in_namespace(path: str) -> str:
    """What a path says below a namespace's; "" for others."""
    beginning, _, rest = path.removeprefix("/v1/namespaces/").partition("/")
    return rest if path.startswith("/v1/namespaces/") and beginning else ""


def percentile(client: str) -> int:
    """0 to 99, always the same for one client: below the ramp's percentage it goes the other way."""
    return int.from_bytes(hashlib.sha256(client.encode("utf-8", "surrogateescape")).digest()[:8]) % 100


def _choose(
    state: RoutingState, config: EdgeConfig, request: RequestTraits, suspects: Collection[Origin]
) -> _Choice:
    serving = [origin for origin in Origin if config.origins[origin].serves(request.path)]
    if len(serving) == 1:
        return _Choice(serving[0], "only this origin serves the path")
    if request.override is not None:
        return _Choice(request.override, "an operator asked for it")
    # A canary is for finding out; where this instance has found out already, it is over.
    ramped = percentile(request.client) < state.ramp_percent
    if ramped and state.other not in state.drained and state.other not in suspects:
        return _Choice(state.other, f"ramp of {state.ramp_percent} %")
    if state.mode is Mode.GUARDED:
        return _Choice(state.active, "guarded", suspect=True)
    if state.mode is Mode.DIRECT and state.active in suspects:
        return _Choice(state.active, "guarded by this instance", suspect=True)
    return _Choice(state.active, state.mode.value)


def _other(origin: Origin) -> Origin:
    return Origin.AWS if origin is Origin.CLOUDFLARE else Origin.CLOUDFLARE


def _may_serve(origin: Origin, state: RoutingState, config: EdgeConfig, path: str) -> bool:
    return origin not in state.drained and config.origins[origin].serves(path)
