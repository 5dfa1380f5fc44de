"""What is named by AWS reaches the router with each event, and goes no further than it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from quartzdb.routing.decision.edge_config import (
    CLOUDFLARE_SURFACE,
    Deadlines,
    EdgeConfig,
    EdgeOrigin,
    InvalidEdgeConfig,
)
from quartzdb.routing.decision.state import Mode, Origin, RoutingState, encode_state
from quartzdb.routing.edge.deployed_router import DeployedRouter, with_addresses
from quartzdb.routing.edge.forwarding import ADDRESSES
from tests.functions.events import origin_request

CONFIG = EdgeConfig(
    {
        Origin.AWS: EdgeOrigin(None),
        Origin.CLOUDFLARE: EdgeOrigin("db.example.workers.dev", surface=CLOUDFLARE_SURFACE),
    },
    state_signed=False,
    # A busy machine must not decide what is read here.
    deadlines=Deadlines(state=10.0, write=10.0, queue=5.0),
)
OVER = RoutingState(2, 2, Origin.AWS, Mode.FAILED_OVER, 1_000, "failed")


@pytest.fixture
def state_url() -> Iterator[str]:
    """Where a state is read that sends requests to AWS."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = encode_state(OVER)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/routing/state.json"
    server.shutdown()
    server.server_close()
    thread.join()


def _event(addresses: str | None) -> Any:
    document = origin_request("GET", "/health")
    custom = {"x-quartzdb-origin-secret": "one", "x-quartzdb-cloudflare-secret": "two"}
    if addresses is not None:
        custom[ADDRESSES] = addresses
    request = document["Records"][0]["cf"]["request"]
    request["headers"][ADDRESSES] = [{"key": ADDRESSES, "value": "state=http://evil.example/"}]
    request["origin"]["custom"]["customHeaders"] = {
        name: [{"key": name, "value": value}] for name, value in custom.items()
    }
    return document


def test_the_state_is_read_where_cloudfront_says(state_url: str) -> None:
    """Without that it is the one that was built in; a client cannot say where."""
    router = DeployedRouter(CONFIG)
    assert router.handle(_event(None))["origin"]["custom"]["domainName"] == "db.example.workers.dev"
    sent = router.handle(_event(f"state={state_url}"))
    assert sent["origin"]["custom"]["domainName"] != "db.example.workers.dev"


def test_the_addresses_go_no_further(state_url: str) -> None:
    """Neither to AWS nor to Cloudflare."""
    for addresses in (f"state={state_url}", "passive=https://sqs.us-east-1.amazonaws.com/1/q"):
        sent = DeployedRouter(CONFIG).handle(_event(addresses))
        assert ADDRESSES not in json.dumps(sent)
        assert "evil" not in json.dumps(sent)


def test_the_router_stays_the_same_while_they_do() -> None:
    """What it remembers of origins is not lost with each event, nor with one that says nothing."""
    made: list[EdgeConfig] = []

    def make(config: EdgeConfig) -> Any:
        made.append(config)
        return type("Silent", (), {"handle": staticmethod(lambda event: event)})()

    router = DeployedRouter(CONFIG, make)
    for addresses in (
        "mirror=https://a.example/1",
        None,
        "mirror=https://a.example/1",
        "mirror=https://b.example/2",
    ):
        router.handle(_event(addresses))
    assert [config.mirror_queue_url for config in made] == ["https://a.example/1", "https://b.example/2"]


@pytest.mark.parametrize(
    "said", ["nonsense", "other=https://a.example/", "state=", "passive=ftp://a.example/q"]
)
def test_addresses_that_are_none_are_done_without(said: str) -> None:
    """A request still goes somewhere."""
    with pytest.raises(InvalidEdgeConfig):
        with_addresses(CONFIG, said)
    assert DeployedRouter(CONFIG).handle(_event(said))["uri"] == "/health"
