"""Reports as the edge sends them, of as many clients as a test says."""

from __future__ import annotations

from quartzdb.routing.decision.client_marks import Client
from quartzdb.routing.decision.passive import ClientRow, Others, PassiveReport
from quartzdb.routing.decision.state import Origin


def mark(number: int) -> str:
    return f"{number:016x}"


def client(number: int) -> Client:
    """One with an address and a key of its own."""
    return Client(mark(number), mark(1_000_000 + number))


def report(
    origin: Origin,
    at_ms: int,
    *,
    failing: int,
    well: int = 0,
    sender: int = 0,
    others: Others = Others(),  # noqa: B008 - it cannot be changed
) -> PassiveReport:
    """Ten requests of each client; the first clients fail with all."""
    rows = tuple(ClientRow(client(each), 10, 10 * (each < failing)) for each in range(failing + well))
    return PassiveReport(origin, mark(sender), at_ms, rows, others, "status 500" if failing else "")
