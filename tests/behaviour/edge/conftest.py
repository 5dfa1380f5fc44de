"""The whole edge on loopback: a simulated CloudFront, the built router in its own process, two real HTTP origins."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cdk.function_paths import READ_PATHS
from functions.edge_router.build import build_bundle
from local.cloudfront.distribution import Behavior, ConfiguredOrigin, Distribution, OriginGroup
from local.cloudfront.names import Names
from local.cloudfront.simulator import Simulator, simulator
from local.faults import FaultProxy, fault_proxy
from quartzdb.routing.decision.edge_config import CLOUDFLARE_SURFACE, EdgeConfig, EdgeOrigin
from quartzdb.routing.decision.state import Mode, Origin, RoutingState, encode_state
from tests.recording_origin import RecordingOrigin, recording_origin

AWS_DOMAIN = "abcdefgh.lambda-url.us-east-1.on.aws"
CLOUDFLARE_DOMAIN = "db.example.workers.dev"
STATE_DOMAIN = "state.s3.us-east-1.amazonaws.com"
AWS_SECRET, CLOUDFLARE_SECRET = "aws-secret-3141592653", "cloudflare-secret-2718281828"
CONFIG = EdgeConfig(
    {
        Origin.AWS: EdgeOrigin(None),
        Origin.CLOUDFLARE: EdgeOrigin(CLOUDFLARE_DOMAIN, surface=CLOUDFLARE_SURFACE),
    },
    initial=RoutingState(1, 1, Origin.CLOUDFLARE, Mode.DIRECT, 0, "built in"),
)
CONFIGURED = ConfiguredOrigin(
    AWS_DOMAIN,
    custom_headers={
        "x-quartzdb-origin-secret": AWS_SECRET,
        "x-quartzdb-cloudflare-secret": CLOUDFLARE_SECRET,
    },
    connection_attempts=1,
)

SECOND = replace(CONFIGURED, custom_headers={**CONFIGURED.custom_headers, "x-quartzdb-second-attempt": "1"})
READS_BY_GROUP = [Behavior(pattern, OriginGroup(CONFIGURED, SECOND)) for pattern in READ_PATHS]
"""As it is deployed."""


@dataclass
class Reply:
    """What a viewer got."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Edge:
    """Everything that runs."""

    aws: RecordingOrigin
    cloudflare: RecordingOrigin
    aws_fault: FaultProxy
    cloudflare_fault: FaultProxy
    front: Simulator
    log: Path

    def send(
        self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """A viewer's request."""
        connection = http.client.HTTPConnection(self.front.url.removeprefix("http://"), timeout=30)
        try:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, named, answer.read())
        finally:
            connection.close()


MakeEdge = Callable[..., Edge]


def state(mode: Mode, active: Origin = Origin.CLOUDFLARE, **fields: Any) -> RoutingState:
    """A routing state whose primary is Cloudflare."""
    return RoutingState(1, 1, active, mode, 0, "for a test", **fields)


@pytest.fixture(scope="module")
def origins() -> Iterator[dict[Origin, RecordingOrigin]]:
    with recording_origin("aws") as aws, recording_origin("cloudflare") as cloudflare:
        yield {Origin.AWS: aws, Origin.CLOUDFLARE: cloudflare}


@pytest.fixture
def edge(origins: dict[Origin, RecordingOrigin], tmp_path: Path) -> Iterator[MakeEdge]:
    """Makes an edge from a configuration."""
    with ExitStack() as stack:

        def make(
            config: EdgeConfig = CONFIG,
            *,
            read_timeout_seconds_max: float = 5,
            behaviors: Sequence[Behavior] = (),
            **options: Any,
        ) -> Edge:
            for origin in origins.values():
                origin.asked.clear()
                origin.status, origin.body = 200, None
                origin.headers = [("Content-Type", "text/plain")]
            aws, cloudflare = origins[Origin.AWS], origins[Origin.CLOUDFLARE]
            proxies = [stack.enter_context(fault_proxy(each.address)) for each in (aws, cloudflare)]
            names = Names({AWS_DOMAIN: proxies[0], CLOUDFLARE_DOMAIN: proxies[1]})
            built = build_bundle(
                replace(config, resolve={**names.as_resolve(), **config.resolve}), tmp_path / "bundle"
            )
            distribution = Distribution(
                CONFIGURED, behaviors, read_timeout_seconds_max=read_timeout_seconds_max
            )
            front = stack.enter_context(
                simulator(
                    distribution,
                    names,
                    bundle=built,
                    log=tmp_path / "function.log",
                    **{"instances_max": 1, "client_ip": "203.0.113.178", **options},
                )
            )
            return Edge(aws, cloudflare, proxies[0], proxies[1], front, tmp_path / "function.log")

        yield make


@pytest.fixture
def published(origins: dict[Origin, RecordingOrigin]) -> Iterator[RecordingOrigin]:
    """Where the routing state is read from."""
    with recording_origin("state") as endpoint:
        endpoint.body = encode_state(state(Mode.DIRECT))
        yield endpoint
