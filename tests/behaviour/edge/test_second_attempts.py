"""Reads that CloudFront sends again, by a group of origins: what becomes of them in every mode, end to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from local.faults import Fault
from quartzdb.routing.decision.state import Mode, Origin
from tests.behaviour.edge.conftest import (
    AWS_DOMAIN,
    AWS_SECRET,
    CLOUDFLARE_SECRET,
    CONFIG,
    READS_BY_GROUP,
    Edge,
    MakeEdge,
    state,
)

AWS_ACTIVE = replace(CONFIG, initial=state(Mode.FAILED_OVER, Origin.AWS))


@pytest.fixture
def grouped(edge: MakeEdge) -> Callable[..., Edge]:
    """An edge as it is deployed."""
    return partial(edge, behaviors=READS_BY_GROUP, read_timeout_seconds_max=0.3)


@pytest.mark.parametrize(
    "fault",
    [Fault("refuse"), Fault("reset"), Fault("dns"), Fault("blackhole"), Fault("error_5xx", status=503)],
    ids=lambda each: str(each.kind),
)
def test_no_get_fails_in_direct_mode(grouped: Callable[..., Edge], fault: Fault) -> None:
    """From the first on, before any probe: the other origin answers it, and is told its own secret and no mark."""
    running = grouped()
    running.cloudflare_fault.set(fault)
    for path in ("/", "/health", "/api/get/a", "/api/get/a/b", "/api/vector/get/a", "/api/vector/stats"):
        reply = running.send("GET", path)
        assert (reply.status, reply.body) == (200, b"aws"), path
        assert reply.headers["x-quartzdb-served-by"] == "aws"
    for asked in running.aws.asked:
        assert asked.headers["host"] == AWS_DOMAIN
        assert asked.headers["x-quartzdb-origin-secret"] == AWS_SECRET
        assert not asked.headers.keys() & {"x-quartzdb-second-attempt", "x-quartzdb-cloudflare-secret"}
    assert CLOUDFLARE_SECRET not in str(running.aws.asked)


def test_the_other_way_round(grouped: Callable[..., Edge]) -> None:
    """AWS is active and fails: Cloudflare answers, what it alone has its secret for."""
    running = grouped(AWS_ACTIVE)
    running.aws_fault.set(Fault("refuse"))
    assert running.send("GET", "/api/get/a").body == b"cloudflare"
    assert running.cloudflare.asked[0].headers["x-quartzdb-origin-secret"] == CLOUDFLARE_SECRET
    assert AWS_SECRET not in str(running.cloudflare.asked)


def test_searches_by_post_are_guarded_after_three_reads_that_failed(grouped: Callable[..., Edge]) -> None:
    """Nobody else tells the edge of an origin that does not answer; a search before that fails, and a write always."""
    running = grouped()
    running.cloudflare_fault.set(Fault("refuse"))
    assert running.send("POST", "/api/vector/search", b"[1]").status == 502
    for _ in range(3):
        assert running.send("GET", "/api/get/a").status == 200
    assert running.send("POST", "/api/vector/search", b"[1]").body == b"aws"
    assert running.send("POST", "/api/put", b"{}").status == 502
    assert [each.method for each in running.aws.asked] == ["GET", "GET", "GET", "POST"]


def test_what_the_first_answers_is_the_answer(grouped: Callable[..., Edge]) -> None:
    """Sent once, and 404 is an answer."""
    running = grouped()
    running.cloudflare.status = 404
    assert running.send("GET", "/api/get/a").status == 404
    assert len(running.cloudflare.asked) == 1
    assert running.aws.asked == []


def test_a_drained_origin_gets_no_second_attempt(grouped: Callable[..., Edge]) -> None:
    """The first is asked again."""
    running = grouped(replace(CONFIG, initial=state(Mode.DIRECT, drained=frozenset({Origin.AWS}))))
    running.cloudflare_fault.set(Fault("error_5xx", status=503))
    assert running.send("GET", "/api/get/a").status == 503
    assert running.aws.asked == []


def test_a_client_cannot_say_that_it_is_a_second_attempt(grouped: Callable[..., Edge]) -> None:
    """Its header is taken out."""
    running = grouped()
    reply = running.send("GET", "/api/get/a", headers={"x-quartzdb-second-attempt": "1"})
    assert reply.body == b"cloudflare"
    assert "x-quartzdb-second-attempt" not in running.cloudflare.asked[0].headers


def test_a_guarded_read_whose_fallback_fails_is_not_tried_without_end(grouped: Callable[..., Edge]) -> None:
    """Both are down: the viewer hears of it."""
    running = grouped(replace(CONFIG, initial=state(Mode.GUARDED)))
    for fault in (running.cloudflare_fault, running.aws_fault):
        fault.set(Fault("error_5xx", status=503))
    assert running.send("GET", "/api/get/a").status == 503
