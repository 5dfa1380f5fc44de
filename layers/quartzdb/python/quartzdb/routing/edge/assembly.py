"""Puts the router together. The only module of the edge that looks at the environment: for the role's credentials."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping

from quartzdb.net.http_client import HttpClient
from quartzdb.routing.decision.edge_config import EdgeConfig
from quartzdb.routing.decision.signing import Credentials
from quartzdb.routing.decision.state import RoutingState
from quartzdb.routing.decision.state_cache import StateCache
from quartzdb.routing.decision.suspicion import Suspicion
from quartzdb.routing.edge.mirrored_writes import MirroredWrites
from quartzdb.routing.edge.mirroring import Mirroring
from quartzdb.routing.edge.passive_reports import PassiveReportSender
from quartzdb.routing.edge.queue_client import EdgeQueueClient
from quartzdb.routing.edge.router import Router
from quartzdb.routing.edge.state_reader import StateReader


def credentials_of(environment: Mapping[str, str]) -> Credentials:
    """What Lambda gives a function of its role."""
    return Credentials(
        environment.get("AWS_ACCESS_KEY_ID", ""),
        environment.get("AWS_SECRET_ACCESS_KEY", ""),
        environment.get("AWS_SESSION_TOKEN") or None,
    )


def make_router(
    config: EdgeConfig,
    *,
    now: Callable[[], float] = time.time,
    environment: Mapping[str, str] = os.environ,
) -> Router:
    """The router of one instance. Opens nothing yet."""

    def credentials() -> Credentials:
        return credentials_of(environment)

    client = HttpClient(config.resolve)
    queue = EdgeQueueClient(client, config.region, credentials=credentials, now=now)
    return Router(
        config=config,
        states=StateCache(
            _reading(config, client, now, credentials),
            config.initial,
            now=now,
            cache_seconds=config.cache_seconds,
            stale_seconds_max=config.stale_seconds_max,
            wait_seconds=config.deadlines.state,
        ),
        client=client,
        suspicion=Suspicion(),
        reports=PassiveReportSender(
            queue,
            config.passive_queue_url,
            now=now,
            seconds=config.deadlines.report,
            sender=secrets.token_hex(8),
        ),
        mirroring=_mirroring(config, client, queue, now),
        now=now,
        new_id=lambda: secrets.token_hex(16),
    )


def _reading(
    config: EdgeConfig,
    client: HttpClient,
    now: Callable[[], float],
    credentials: Callable[[], Credentials],
) -> Callable[[], RoutingState]:
    if config.state_url is None:
        return lambda: config.initial
    return StateReader(
        client,
        config.state_url,
        config.region,
        credentials=credentials if config.state_signed else None,
        now=now,
        seconds=config.deadlines.state,
    ).read


def _mirroring(
    config: EdgeConfig, client: HttpClient, queue: EdgeQueueClient, now: Callable[[], float]
) -> Mirroring | None:
    if config.mirror_queue_url is None:
        return None
    writes = MirroredWrites(
        queue,
        config.mirror_queue_url,
        delay_seconds=config.mirror_delay_seconds,
        now_ms=lambda: int(now() * 1000),
    )
    return Mirroring(config, client, writes)
