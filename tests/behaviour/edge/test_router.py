"""The router end to end: what each origin is sent, and what a viewer gets, in every mode."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from local.faults import Fault
from quartzdb.routing.decision.edge_config import Deadlines
from quartzdb.routing.decision.override import sign_override
from quartzdb.routing.decision.state import Mode, Origin, encode_state
from tests.behaviour.edge.conftest import (
    AWS_DOMAIN,
    AWS_SECRET,
    CLOUDFLARE_DOMAIN,
    CLOUDFLARE_SECRET,
    CONFIG,
    STATE_DOMAIN,
    Edge,
    MakeEdge,
    state,
)
from tests.recording_origin import RecordingOrigin

GUARDED = replace(CONFIG, initial=state(Mode.GUARDED), deadlines=Deadlines(attempt=0.3))
BROKEN = [
    Fault("refuse"),
    Fault("blackhole"),
    Fault("slow", seconds=5),
    Fault("reset"),
    Fault("error_5xx"),
    Fault("truncated"),
    Fault("dns"),
]


def kind(fault: Fault) -> str:
    return fault.kind


def nothing_leaked(edge: Edge) -> None:
    """Neither secret is where it does not belong."""
    for origin, foreign in ((edge.aws, CLOUDFLARE_SECRET), (edge.cloudflare, AWS_SECRET)):
        assert not [each for each in origin.asked if foreign in str(each)]
    log = edge.log.read_text()
    assert AWS_SECRET not in log
    assert CLOUDFLARE_SECRET not in log


def test_a_direct_request_is_rewritten(edge: MakeEdge) -> None:
    """Host, secret, id and epoch are there; the rest is as the viewer sent it."""
    running = edge()
    reply = running.send(
        "POST",
        "/api/put?a=%2F&b",
        b'{"key": "a"}',
        {"Authorization": "Bearer key", "Content-Type": "application/json", "X-QuartzDB-Version": "v"},
    )
    assert (reply.status, reply.body) == (200, b"cloudflare")
    assert reply.headers["x-quartzdb-served-by"] == "cloudflare"
    (asked,) = running.cloudflare.asked
    assert (asked.method, asked.target, asked.body) == ("POST", "/api/put?a=%2F&b", b'{"key": "a"}')
    assert asked.headers["host"] == CLOUDFLARE_DOMAIN
    assert asked.headers["x-quartzdb-origin-secret"] == CLOUDFLARE_SECRET
    assert asked.headers["authorization"] == "Bearer key"
    assert asked.headers["x-quartzdb-version"] == "v"
    assert asked.headers["x-quartzdb-epoch"] == "1"
    assert len(asked.headers["x-request-id"]) == 32
    assert asked.headers["x-forwarded-for"] == "203.0.113.178"
    assert running.aws.asked == []
    nothing_leaked(running)


@pytest.mark.parametrize("path", ["/v1/namespaces", "/docs", "/openapi.json"])
def test_what_only_aws_serves_goes_to_aws(edge: MakeEdge, path: str) -> None:
    """Also while Cloudflare is active."""
    running = edge()
    reply = running.send("GET", path)
    assert reply.headers["x-quartzdb-served-by"] == "aws"
    (asked,) = running.aws.asked
    assert asked.headers["host"] == AWS_DOMAIN
    assert asked.headers["x-quartzdb-origin-secret"] == AWS_SECRET
    assert "x-quartzdb-cloudflare-secret" not in asked.headers
    nothing_leaked(running)


def test_a_failed_over_request_goes_to_aws(edge: MakeEdge) -> None:
    """Including writes."""
    running = edge(replace(CONFIG, initial=state(Mode.FAILED_OVER, Origin.AWS)))
    assert running.send("POST", "/api/put", b"{}").body == b"aws"
    assert running.cloudflare.asked == []


def test_what_a_client_may_not_say_is_taken_out(edge: MakeEdge) -> None:
    """Its own secrets, epoch and override; a request id that is none is replaced, a good one stays."""
    running = edge()
    said = {
        "x-quartzdb-origin-secret": "guess",
        "X-QuartzDB-Cloudflare-Secret": "guess",
        "x-quartzdb-epoch": "99",
        "x-quartzdb-active": "no",
        "x-quartzdb-origin": "aws.9999999999." + "0" * 64,
    }
    for path, request_id in (("/health", "good-id"), ("/v1/health", "no id, this")):
        assert running.send("GET", path, headers={**said, "x-request-id": request_id}).status == 200
    (first,), (second,) = running.cloudflare.asked, running.aws.asked
    for asked in (first, second):
        assert "guess" not in str(asked)
        assert "x-quartzdb-origin" not in asked.headers
        assert asked.headers["x-quartzdb-epoch"] == "1"
    assert [asked.headers["x-quartzdb-active"] for asked in (first, second)] == ["yes", "no"]
    assert first.headers["x-request-id"] == "good-id"
    assert second.headers["x-request-id"] != "no id, this"


def test_a_proven_override_chooses_the_origin(edge: MakeEdge) -> None:
    """Signed with the origin secret and not expired; otherwise it is as if it were not there."""
    running = edge()
    soon = int(time.time()) + 60
    good = sign_override(Origin.AWS, soon, AWS_SECRET)
    late = sign_override(Origin.AWS, soon - 120, AWS_SECRET)
    forged = sign_override(Origin.AWS, soon, CLOUDFLARE_SECRET)
    got = [
        running.send("GET", "/health", headers={"x-quartzdb-origin": each}).body
        for each in (good, late, forged)
    ]
    assert got == [b"aws", b"cloudflare", b"cloudflare"]


def test_a_ramp_keeps_a_client_on_its_side(edge: MakeEdge) -> None:
    """By its key."""
    running = edge(replace(CONFIG, initial=state(Mode.DIRECT, ramp_percent=50)))
    sides = {
        key: {running.send("GET", "/api/get/a", headers={"x-api-key": key}).body for _ in range(2)}
        for key in "abcdefgh"
    }
    assert all(len(side) == 1 for side in sides.values())
    assert set().union(*sides.values()) == {b"aws", b"cloudflare"}


@pytest.mark.parametrize("fault", BROKEN, ids=kind)
def test_a_guarded_read_is_answered_by_the_other_origin(edge: MakeEdge, fault: Fault) -> None:
    """However the suspect fails, within the same request. A search by POST is a read."""
    running = edge(GUARDED)
    running.cloudflare_fault.set(fault)
    for method, path, body in (("GET", "/api/get/a", None), ("POST", "/api/vector/search", b"[1]")):
        reply = running.send(method, path, body)
        assert (reply.status, reply.body) == (200, b"aws")
        assert reply.headers["x-quartzdb-served-by"] == "aws"
        assert running.aws.asked[-1].body == (body or b"")
    nothing_leaked(running)


def test_guarding_aws_falls_back_on_cloudflare(edge: MakeEdge) -> None:
    """Each is sent its own secret and its own name; what AWS alone serves has no fallback."""
    running = edge(replace(GUARDED, initial=state(Mode.GUARDED, Origin.AWS)))
    running.aws_fault.set(Fault("error_5xx", status=500))
    assert running.send("GET", "/api/get/a").body == b"cloudflare"
    (asked,) = running.cloudflare.asked
    assert asked.headers["host"] == CLOUDFLARE_DOMAIN
    assert asked.headers["x-quartzdb-origin-secret"] == CLOUDFLARE_SECRET
    assert running.send("GET", "/v1/health").status == 500
    running.aws_fault.heal()
    assert running.send("GET", "/api/get/a").body == b"aws"
    assert running.aws.asked[-1].headers["host"] == AWS_DOMAIN
    assert running.aws.asked[-1].headers["x-quartzdb-origin-secret"] == AWS_SECRET
    nothing_leaked(running)


@pytest.mark.parametrize("fault", [each for each in BROKEN if each.kind != "truncated"], ids=kind)
def test_a_guarded_write_is_sent_once_and_to_the_active_origin(edge: MakeEdge, fault: Fault) -> None:
    """It fails with that origin, since nobody can tell whether it was carried out."""
    running = edge(GUARDED, read_timeout_seconds_max=0.3)
    running.cloudflare_fault.set(fault)
    assert running.send("POST", "/api/put", b"{}").status >= 500
    assert running.aws.asked == []
    assert running.cloudflare.asked == []


def test_a_guarded_read_of_a_healthy_origin_is_its_answer(edge: MakeEdge) -> None:
    """Given by the router, on one connection, and with all that CloudFront takes."""
    running = edge(GUARDED)
    running.cloudflare.headers = [
        ("Content-Type", "application/octet-stream"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("X-Amzn-RequestId", "an id that a function may not give back"),
        ("Connection", "keep-alive"),
    ]
    running.cloudflare.body = bytes(range(256))
    for _ in range(3):
        reply = running.send(
            "GET", "/api/get/a?x=%20", headers={"If-None-Match": '"1"', "Accept-Encoding": "gzip"}
        )
        assert (reply.status, reply.body) == (200, bytes(range(256)))
        assert reply.headers["x-cache"] == "LambdaGeneratedResponse from cloudfront"
        assert "x-amzn-requestid" not in reply.headers
    assert len({each.connection for each in running.cloudflare.asked}) == 3  # the fault proxy's own
    asked = running.cloudflare.asked[0]
    assert asked.target == "/api/get/a?x=%20"
    assert asked.headers["host"] == CLOUDFLARE_DOMAIN
    assert asked.headers["if-none-match"] == '"1"'
    assert asked.headers["accept-encoding"] == "gzip"
    assert asked.headers["x-quartzdb-origin-secret"] == CLOUDFLARE_SECRET


def test_a_client_error_of_the_suspect_is_an_answer(edge: MakeEdge) -> None:
    """404 is no failure."""
    running = edge(GUARDED)
    running.cloudflare.status = 404
    assert running.send("GET", "/api/get/a").status == 404
    assert running.aws.asked == []


def test_what_is_too_large_for_the_router_goes_through_cloudfront(edge: MakeEdge) -> None:
    """An answer beyond 1 MB, or a body that the event has not whole: guarded no longer, but whole."""
    running = edge(GUARDED)
    running.cloudflare.body = bytes(1_100_000)
    reply = running.send("GET", "/api/get/a")
    assert (reply.status, len(reply.body)) == (200, 1_100_000)
    assert reply.headers["x-cache"] == "Miss from cloudfront"
    running.cloudflare.body = None
    body = b"x" * 1_100_000
    assert running.send("POST", "/api/vector/search", body).body == b"cloudflare"
    assert running.cloudflare.asked[-1].body == body


def test_a_binary_answer_that_only_base64_makes_too_large(edge: MakeEdge) -> None:
    """900 KB are 1.2 MB in base64."""
    running = edge(GUARDED)
    running.cloudflare.body = b"\xff" * 900_000
    reply = running.send("GET", "/api/get/a")
    assert (reply.status, reply.body) == (200, b"\xff" * 900_000)


def test_an_instance_that_sees_failures_guards_before_the_probe_says_so(edge: MakeEdge) -> None:
    """After three 5xx; until then a viewer gets what the origin answered."""
    running = edge()
    running.cloudflare_fault.set(Fault("error_5xx", status=500))
    statuses = [running.send("GET", "/api/get/a").status for _ in range(5)]
    assert statuses == [500, 500, 500, 200, 200]


def test_the_state_is_read_where_it_is_published(edge: MakeEdge, published: RecordingOrigin) -> None:
    """A new instance reads it first, signed, and follows it; where none is to be had, the last one stays."""
    published.body = encode_state(state(Mode.FAILED_OVER, Origin.AWS))
    config = replace(
        CONFIG,
        state_url=f"https://{STATE_DOMAIN}/routing/state.json",
        cache_seconds=0.001,
        stale_seconds_max=0.001,
        deadlines=Deadlines(state=5, write=10),
        resolve={STATE_DOMAIN: published.address},
    )
    running = edge(config)
    assert running.send("GET", "/health").body == b"aws"
    asked = published.asked[0]
    assert asked.target == "/routing/state.json"
    assert asked.headers["host"] == STATE_DOMAIN
    assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
    published.body = encode_state(replace(state(Mode.DIRECT), revision=2))
    assert running.send("GET", "/health").body == b"cloudflare"
    for nonsense, status in ((b"nonsense", 200), (encode_state(state(Mode.DIRECT)), 503)):
        published.body, published.status = nonsense, status
        assert running.send("GET", "/health").body == b"cloudflare"


def test_a_configured_origin_without_a_name_is_an_error_whatever_the_router_does(edge: MakeEdge) -> None:
    """CloudFront looks it up before it asks the function."""
    running = edge()
    running.aws_fault.set(Fault("dns"))
    assert running.send("GET", "/health").status == 502
    assert running.cloudflare.asked == []
