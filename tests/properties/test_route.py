"""Where requests go, for every routing state, request and suspicion that there can be."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from quartzdb.routing.decision.edge_config import CLOUDFLARE_SURFACE, EdgeConfig, EdgeOrigin
from quartzdb.routing.decision.route import RequestTraits, is_safe, percentile, route, second_attempt
from quartzdb.routing.decision.state import Mode, Origin, RoutingState

CONFIG = EdgeConfig(
    {
        Origin.AWS: EdgeOrigin(None),
        Origin.CLOUDFLARE: EdgeOrigin("db.example.workers.dev", surface=CLOUDFLARE_SURFACE),
    }
)
MIRRORING = replace(CONFIG, mirror_queue_url="https://sqs.us-east-1.amazonaws.com/1/mirror")

SHARED = (
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/api/get/a"),
    ("OPTIONS", "/api/put"),
    ("POST", "/api/vector/search"),
    ("POST", "/api/put"),
    ("POST", "/api/vector/insert"),
    ("DELETE", "/api/delete/a"),
)
AWS_ONLY = (
    ("GET", "/v1/health"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/apiary"),
    ("GET", "/health/deep"),
    ("POST", "/v1/namespaces/books/query"),
    ("PUT", "/v1/namespaces/books/kv/a"),
)
origins = st.sampled_from(Origin)


@st.composite
def states(draw: st.DrawFn) -> RoutingState:
    primary, active = draw(origins), draw(origins)
    modes = [Mode.DIRECT, Mode.GUARDED] + ([Mode.FAILED_OVER] if active is not primary else [])
    epoch = draw(st.integers(1, 5))
    return RoutingState(
        revision=epoch + draw(st.integers(0, 5)),
        epoch=epoch,
        active=active,
        mode=draw(st.sampled_from(modes)),
        since_ms=0,
        reason="",
        primary=primary,
        ramp_percent=draw(st.sampled_from((0, 1, 10, 50, 99, 100))),
        pinned=draw(st.booleans()),
        drained=draw(st.frozensets(origins)),
    )


@st.composite
def requests(draw: st.DrawFn) -> RequestTraits:
    method, path = draw(st.sampled_from(SHARED + AWS_ONLY))
    return RequestTraits(method, path, draw(st.text(max_size=5)), draw(st.none() | origins))


configs = st.sampled_from((CONFIG, MIRRORING))
suspicions = st.frozensets(origins)


@given(states(), configs, requests(), suspicions)
def test_nobody_is_asked_for_what_he_does_not_serve(
    state: RoutingState, config: EdgeConfig, request: RequestTraits, suspects: frozenset[Origin]
) -> None:
    """Neither as the origin nor as the one to fall back on, whatever the state or an operator says."""
    chosen = route(state, config, request, suspects=suspects)
    assert config.origins[chosen.origin].serves(request.path)
    assert chosen.fallback is None or config.origins[chosen.fallback].serves(request.path)
    if (request.method, request.path) in AWS_ONLY:
        assert chosen.origin is Origin.AWS


@given(states(), configs, requests(), suspicions)
def test_only_safe_requests_may_be_sent_twice(
    state: RoutingState, config: EdgeConfig, request: RequestTraits, suspects: frozenset[Origin]
) -> None:
    """A write is never guarded, and what falls back goes to the other origin, which nobody has drained."""
    chosen = route(state, config, request, suspects=suspects)
    if chosen.guarded:
        assert is_safe(request.method, request.path)
        assert chosen.fallback is not chosen.origin
        assert chosen.fallback not in state.drained
        assert not chosen.mirror


@given(states(), configs, requests(), suspicions)
def test_every_write_to_a_peer_without_a_feed_is_mirrored_and_nothing_else(
    state: RoutingState, config: EdgeConfig, request: RequestTraits, suspects: frozenset[Origin]
) -> None:
    """However the write came to go there: by state, ramp or override."""
    chosen = route(state, config, request, suspects=suspects)
    assert chosen.mirror == (
        chosen.origin is Origin.CLOUDFLARE
        and config.mirror_queue_url is not None
        and not is_safe(request.method, request.path)
    )


@given(states(), st.sampled_from(SHARED), st.text(max_size=5), suspicions)
def test_requests_go_to_the_active_origin_but_for_the_ramp(
    state: RoutingState, request: tuple[str, str], client: str, suspects: frozenset[Origin]
) -> None:
    """The other one is asked only by the ramp's share of clients, and not if it is drained or seen failing."""
    chosen = route(state, CONFIG, RequestTraits(*request, client), suspects=suspects)
    ramped = percentile(client) < state.ramp_percent and state.other not in state.drained | suspects
    assert chosen.origin is (state.other if ramped else state.active)


@given(states(), st.sampled_from(SHARED), st.text(max_size=5), origins, suspicions)
def test_a_proven_override_wins(
    state: RoutingState, request: tuple[str, str], client: str, override: Origin, suspects: frozenset[Origin]
) -> None:
    """An operator who looks at one origin sees that one, or its failure."""
    chosen = route(state, CONFIG, RequestTraits(*request, client, override), suspects=suspects)
    assert (chosen.origin, chosen.fallback) == (override, None)


@given(st.sampled_from(SHARED), st.text(max_size=5), origins, st.sampled_from((Mode.DIRECT, Mode.GUARDED)))
def test_an_active_origin_that_is_suspect_is_guarded(
    request: tuple[str, str], client: str, active: Origin, mode: Mode
) -> None:
    """By the state, or in a direct state by what the instance saw; writes still go there, once."""
    state = RoutingState(1, 1, active, mode, 0, "", primary=active)
    traits = RequestTraits(*request, client)
    chosen = route(state, CONFIG, traits, suspects={active})
    assert chosen.origin is active
    assert chosen.guarded == is_safe(*request)
    assert route(state, CONFIG, traits).guarded == (mode is Mode.GUARDED and is_safe(*request))


def test_a_request_that_may_wait_has_no_deadline() -> None:
    """Else a long wait would be taken for a failure of the origin. Its neighbours have one."""
    state = RoutingState(1, 1, Origin.AWS, Mode.GUARDED, 0, "", primary=Origin.AWS)
    everywhere = {**CONFIG.origins, Origin.CLOUDFLARE: EdgeOrigin("db.example.workers.dev")}
    serving = replace(CONFIG, origins=everywhere)
    for path, guarded in (("changes", False), ("kv-changes", False), ("schema", True)):
        traits = RequestTraits("GET", f"/v1/namespaces/books/{path}", "")
        assert route(state, serving, traits).guarded is guarded
        assert is_safe(traits.method, traits.path)


@given(st.text(max_size=20), st.integers(0, 100), st.integers(0, 100))
def test_a_client_stays_on_its_side_of_a_growing_ramp(client: str, less: int, more: int) -> None:
    """Whoever was sent over at 10 % still is at 50 %."""
    less, more = sorted((less, more))
    state = RoutingState(1, 1, Origin.CLOUDFLARE, Mode.DIRECT, 0, "", ramp_percent=less)
    request = RequestTraits("GET", "/api/get/a", client)
    if route(state, CONFIG, request).origin is Origin.AWS:
        assert route(replace(state, ramp_percent=more), CONFIG, request).origin is Origin.AWS


def test_a_ramp_sends_its_share_over() -> None:
    """10 % of many clients, give or take."""
    state = RoutingState(1, 1, Origin.CLOUDFLARE, Mode.DIRECT, 0, "", ramp_percent=10)
    sent = [
        route(state, CONFIG, RequestTraits("GET", "/api/get/a", f"client {each}")).origin
        for each in range(2000)
    ]
    assert 150 <= sent.count(Origin.AWS) <= 250


def test_reads_and_searches_are_safe_and_nothing_else() -> None:
    """POST is a write unless it is known to be a search."""
    for path in ("/api/vector/search", "/v1/namespaces/a/query", "/v1/namespaces/a/vectors/count"):
        assert is_safe("POST", path)
        assert not is_safe("DELETE", path)
    for path in (
        "/api/put",
        "/v1/namespaces",
        "/v1/namespaces/a/vectors",
        "/v1/namespaces//query",
        "/v1/x/query",
    ):
        assert not is_safe("POST", path)


@given(states(), configs, requests(), suspicions)
def test_a_second_attempt_goes_elsewhere_where_it_may(
    state: RoutingState, config: EdgeConfig, request: RequestTraits, suspects: frozenset[Origin]
) -> None:
    """Never to whom does not serve the path or is drained, unless the first was; nor against an operator's word."""
    first = route(state, config, request, suspects=suspects)
    second = second_attempt(first, state, config, request)
    assert not second.guarded
    assert not second.mirror
    assert config.origins[second.origin].serves(request.path)
    other = Origin.AWS if first.origin is Origin.CLOUDFLARE else Origin.CLOUDFLARE
    may = (
        request.override is None and other not in state.drained and config.origins[other].serves(request.path)
    )
    assert second.origin is (other if may else first.origin)
