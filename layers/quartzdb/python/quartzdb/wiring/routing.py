"""The composition root of failover over any adapters, and over a data directory: who decides which origin is active."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from quartzdb.adapters.embedded.file_routing_publisher import FileRoutingPublisher, SilentRoutingEvents
from quartzdb.adapters.embedded.sqlite_api_keys import SqliteApiKeys
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_leases import SqliteLeases
from quartzdb.adapters.embedded.sqlite_origin_states import SqliteOriginStates
from quartzdb.adapters.http.http_probe import HttpProbe, ProbedOrigin
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.clock import Clock
from quartzdb.domain.values import dataclass
from quartzdb.routing.decision.rules import DEFAULT_RULES, Rules
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.ports import OriginStates, PassiveReports, RoutingEvents, RoutingPublisher
from quartzdb.routing.probe.probing import Probing, Round
from quartzdb.routing.state_changes import RoutingChanges
from quartzdb.services.ports import ApiKeyTable
from quartzdb.storage.ports import Leases

__all__ = ["ProbedOrigin"]


@dataclass(frozen=True, slots=True)
class RoutingAdapters:
    """What the routing state is kept in, published with and announced to."""

    states: OriginStates
    publisher: RoutingPublisher
    events: RoutingEvents
    leases: Leases
    api_keys: ApiKeyTable
    clock: Clock


def embedded_routing(data_dir: Path) -> RoutingAdapters:
    """In a data directory. Routers read `routing/state.json` in it. Raises Unavailable, Corrupted."""
    clock = SystemClock()
    catalog_file = SqliteDatabase(data_dir / "catalog.db")
    return RoutingAdapters(
        SqliteOriginStates(catalog_file),
        FileRoutingPublisher(data_dir, clock),
        SilentRoutingEvents(),
        SqliteLeases(catalog_file),
        SqliteApiKeys(catalog_file),
        clock,
    )


def routing_changes(adapters: RoutingAdapters, *, primary: Origin | None, by: str) -> RoutingChanges:
    """Changes by the probe or by an operator, who has no state begun: `primary` None."""
    return RoutingChanges(
        adapters.states, adapters.publisher, adapters.events, adapters.clock, primary=primary, by=by
    )


def assemble_probing(
    adapters: RoutingAdapters,
    origins: Sequence[ProbedOrigin],
    *,
    primary: Origin,
    owner: str,
    lag_ms: Callable[[], int | None],
    reports: PassiveReports | None = None,
    rules: Rules = DEFAULT_RULES,
    observe: Callable[[Round], None] = lambda _found: None,
) -> Probing:
    """The health probe of both origins. `owner` names this process in leases, and must be its alone."""
    return Probing(
        adapters.states,
        routing_changes(adapters, primary=primary, by="health-probe"),
        {
            probed.origin: HttpProbe(probed, adapters.clock, deadline_ms=rules.probe_deadline_ms)
            for probed in origins
        },
        reports,
        lag_ms,
        adapters.leases,
        adapters.clock,
        owner=owner,
        rules=rules,
        jitter=random.random,
        observe=observe,
    )
