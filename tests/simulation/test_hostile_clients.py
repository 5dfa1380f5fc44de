"""What clients can do to the routing by the requests that they send, over simulated minutes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from quartzdb.routing.decision.breaker import BreakerState
from quartzdb.routing.decision.state import Mode, Origin
from quartzdb.routing.decision.window import Reason
from tests.simulation.edge_clients import SimulatedClient, SimulatedEdge
from tests.simulation.routing import EPOCH_MS, Routing, failing_from, well

AWS, CLOUDFLARE = Origin.AWS, Origin.CLOUDFLARE
MINUTE_MS = 60_000
KEYS = tuple(f"Bearer invented {number}" for number in range(500))


def none(_now_ms: int) -> int:
    return 0


def all_of(requests: int, from_ms: int = 0, until_ms: int = 1 << 60) -> Callable[[int], int]:
    return lambda now_ms: requests if from_ms <= now_ms < until_ms else 0


def users(count: int, each_second: int, failing: Callable[[int], int] = none) -> list[SimulatedClient]:
    """Each at an address of its own, with a key of its own."""
    return [
        SimulatedClient(f"198.51.{number // 250}.{number % 250}", each_second, failing, (f"Bearer {number}",))
        for number in range(count)
    ]


def hostile(count: int, each_second: int, keys: Sequence[str] = KEYS) -> list[SimulatedClient]:
    """Every request of theirs makes the origin fail."""
    return [
        SimulatedClient(f"203.0.113.{number}", each_second, all_of(each_second), keys)
        for number in range(count)
    ]


def routing(*clients: SimulatedClient, origin: Origin = CLOUDFLARE) -> Routing:
    """Both are well, as far as the probe can see."""
    return Routing({AWS: well, CLOUDFLARE: well}, edges=[SimulatedEdge(clients, origin)])


@pytest.mark.parametrize(
    "others",
    [users(40, 25), users(4, 2), []],
    ids=["1000 good requests a second", "four quiet users", "nobody else"],
)
def test_one_client_changes_nothing(others: list[SimulatedClient]) -> None:
    """Six requests a second that fail, with ever another key: the routing state has its first revision for good."""
    running = routing(*hostile(1, 6), *others)
    running.run(2 * MINUTE_MS)
    assert len(running.states) == 1


def test_a_client_that_takes_a_whole_network_is_one() -> None:
    """In IPv6 it has as many addresses as it likes."""
    many = [SimulatedClient(f"2001:db8:1:{n:x}::1", 1, all_of(1), KEYS) for n in range(50)]
    running = routing(*many, *users(5, 2))
    running.run(2 * MINUTE_MS)
    assert len(running.states) == 1


def test_a_few_among_many_change_nothing() -> None:
    """Twelve, who send half of all requests, beside forty users."""
    running = routing(*hostile(12, 8), *users(40, 2))
    running.run(2 * MINUTE_MS)
    assert len(running.states) == 1


@pytest.mark.parametrize("keys", [None, KEYS], ids=["a key each", "ever another key"])
@pytest.mark.parametrize("origin", [CLOUDFLARE, AWS])
def test_most_of_all_clients_together_have_an_origin_guarded_and_no_more(
    origin: Origin, keys: tuple[str, ...] | None
) -> None:
    """Twenty of twenty-five addresses, three minutes long: no switch, no breaker; and both stay fit to be taken."""
    many = [
        SimulatedClient(f"203.0.113.{number}", 3, all_of(3), keys or (f"Bearer hostile {number}",))
        for number in range(20)
    ]
    running = routing(*many, *users(5, 3), origin=origin)
    for _ in range(3):
        running.run(MINUTE_MS)
        assert running.healths[origin].breaker is BreakerState.CLOSED
    assert running.switches == 0
    assert Mode.GUARDED in {state.mode for state in running.states} or origin is AWS
    running.answers[CLOUDFLARE] = failing_from(running.now_ms, Reason.REFUSED)
    took_ms = running.run_until(lambda state: state.active is AWS, 30_000)
    assert took_ms <= 15_000


def test_clients_that_all_fail_are_guarded_within_half_a_minute_and_until_they_do_well() -> None:
    """The probe's own requests succeed all the while."""
    down_ms, up_ms = EPOCH_MS + 2 * MINUTE_MS, EPOCH_MS + 4 * MINUTE_MS
    running = routing(*users(30, 2, all_of(2, down_ms, up_ms)))
    running.run(2 * MINUTE_MS)
    assert len(running.states) == 1
    running.run_until(lambda state: state.mode is Mode.GUARDED, 30_000)
    assert "clients fail at" in running.state.reason
    while running.now_ms < up_ms:
        running.round()
        assert running.state.mode is Mode.GUARDED
    running.run_until(lambda state: state.mode is Mode.DIRECT, 30_000)
    running.run(2 * MINUTE_MS)
    assert [state.mode for state in running.states] == [Mode.DIRECT, Mode.GUARDED, Mode.DIRECT]
