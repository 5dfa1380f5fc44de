"""The configuration that is baked into the router: what CloudFront would refuse is refused when it is built."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quartzdb.net.address import Address
from quartzdb.routing.decision.edge_config import (
    CLOUDFLARE_SURFACE,
    Deadlines,
    EdgeConfig,
    EdgeOrigin,
    InvalidEdgeConfig,
    decode_config,
    encode_config,
)
from quartzdb.routing.decision.state import Mode, Origin, RoutingState

ORIGINS = {
    Origin.AWS: EdgeOrigin(None),
    Origin.CLOUDFLARE: EdgeOrigin("db.example.workers.dev", surface=CLOUDFLARE_SURFACE),
}


def test_a_configuration_survives_its_file() -> None:
    """With everything in it said."""
    config = EdgeConfig(
        ORIGINS,
        region="eu-central-1",
        state_url="https://bucket.s3.eu-central-1.amazonaws.com/routing.json",
        state_signed=False,
        cache_seconds=1.5,
        stale_seconds_max=4,
        deadlines=Deadlines(state=0.2, attempt=1, write=10, queue=2, report=0.1),
        initial=RoutingState(4, 2, Origin.AWS, Mode.FAILED_OVER, 7, "why"),
        passive_queue_url="https://sqs.eu-central-1.amazonaws.com/1/passive",
        mirror_queue_url="https://sqs.eu-central-1.amazonaws.com/1/mirror",
        mirror_delay_seconds=5,
        resolve={"db.example.workers.dev": Address("127.0.0.1", 8787, "http")},
    )
    assert decode_config(encode_config(config)) == config


def test_the_least_that_can_be_said() -> None:
    """Both origins; the rest is as by default, and the primary is served directly."""
    document = {"origins": {"aws": {"domain": None}, "cloudflare": {"domain": "db.example.workers.dev"}}}
    config = decode_config(json.dumps(document).encode())
    assert config.initial.active is Origin.CLOUDFLARE
    assert config.initial.mode is Mode.DIRECT
    assert config.state_url is None


ORIGIN: dict[str, Any] = {"domain": "db.example.workers.dev"}
WRONG_ORIGINS: list[dict[str, Any]] = [
    {"domain": "203.0.113.9"},
    {"domain": "db.example.org:8080"},
    {"domain": "db.example.org/x"},
    {"domain": ""},
    {"port": 81},
    {"port": 1023},
    {"port": 65536},
    {"protocol": "ftp"},
    {"path": "x"},
    {"path": "/x/"},
    {"path": "/" + "x" * 255},
    {"surface": []},
    {"surface": ["api"]},
    {"read_timeout_seconds": 0},
    {"read_timeout_seconds": 61},
    {"keepalive_timeout_seconds": 0},
    {"colour": "red"},
]


@pytest.mark.parametrize(
    "change",
    [
        {"origins": {"aws": {"domain": None}}},
        {"origins": {"aws": {"domain": None}, "cloudflare": {"domain": None}}},
        {"origins": {"aws": {"domain": None}, "moon": ORIGIN}},
        *(
            {"origins": {"aws": {"domain": None}, "cloudflare": {**ORIGIN, **change}}}
            for change in WRONG_ORIGINS
        ),
        {"state": {"url": "routing.json"}},
        {"state": {"url": "https://example.org/", "colour": "red"}},
        {"passive_queue_url": "queue"},
        {"cache_seconds": 0},
        {"cache_seconds": 20, "stale_seconds_max": 10},
        {"deadlines": {"attempt": 0}},
        {"deadlines": {"write": 25, "queue": 10}},
        {"mirror_delay_seconds": 901},
        {"initial_state": {}},
        {"resolve": {"a": ["127.0.0.1", "80", "http"]}},
        {"resolve": {"a": ["127.0.0.1"]}},
        {"format": 2},
        {"colour": "red"},
    ],
    ids=json.dumps,
)
def test_what_cannot_work_is_refused(change: dict[str, Any]) -> None:
    """Before it is deployed to every edge location, where it would be a 502."""
    document = {"origins": {"aws": {"domain": None}, "cloudflare": ORIGIN}, **change}
    with pytest.raises(InvalidEdgeConfig):
        decode_config(json.dumps(document).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null", b"\xff"])
def test_what_is_no_configuration_is_refused(data: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(InvalidEdgeConfig):
        decode_config(data)
