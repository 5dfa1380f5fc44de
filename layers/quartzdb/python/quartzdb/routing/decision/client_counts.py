"""What one instance of the router saw of one origin's answers, by client, in the latest seconds. Sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from quartzdb.routing.decision.client_marks import Client
from quartzdb.routing.decision.passive import (
    REASON_LENGTH_MAX,
    ROWS_MAX,
    ClientRow,
    Others,
    PassiveReport,
)
from quartzdb.routing.decision.state import Origin

BUCKET_SECONDS = 5
_CLIENTS_MAX = 1_000
"""In one bucket. An instance has one request at a time, so that more than this are somebody's invention."""


@dataclass(slots=True)
class _Bucket:
    clients: dict[Client, tuple[int, int]] = field(default_factory=dict)
    """Requests and failures of each."""
    uncounted: tuple[int, int] = (0, 0)
    reason: str = ""


class ClientCounts:
    """Of one origin. Two buckets: what is told of is five to ten seconds old at most. Moments are unix seconds."""

    def __init__(self) -> None:
        self._buckets: dict[int, _Bucket] = {}

    def note(self, client: Client, failure: str | None, now: float) -> None:
        """One answer; `failure` says what was wrong with it."""
        bucket = self._bucket(now)
        known = client in bucket.clients or len(bucket.clients) < _CLIENTS_MAX
        requests, failures = bucket.clients.get(client, (0, 0)) if known else bucket.uncounted
        counted = (requests + 1, failures + (failure is not None))
        if known:
            bucket.clients[client] = counted
        else:
            bucket.uncounted = counted
        if failure is not None:
            bucket.reason = failure[:REASON_LENGTH_MAX]

    def failing(self, now: float) -> bool:
        """Whether any failed of late."""
        return any(bucket.reason for bucket in self._recent(now))

    def report(self, origin: Origin, sender: str, now: float) -> PassiveReport | None:
        """All that was seen of late; None where nothing was."""
        clients: dict[Client, tuple[int, int]] = {}
        requests = failures = 0
        reason = ""
        for bucket in self._recent(now):
            for client, (more, failed) in bucket.clients.items():
                before = clients.get(client, (0, 0))
                clients[client] = (before[0] + more, before[1] + failed)
            requests, failures = requests + bucket.uncounted[0], failures + bucket.uncounted[1]
            reason = bucket.reason or reason
        if not clients:
            return None
        rows = sorted(
            (ClientRow(client, *counts) for client, counts in clients.items()),
            key=lambda row: (-row.failures, -row.requests, row.client),
        )
        listed, rest = rows[:ROWS_MAX], rows[ROWS_MAX:]
        addresses = {row.client.address for row in listed}
        keys = {row.client.key for row in listed}
        others = Others(
            len({row.client.address for row in rest} - addresses),
            len({row.client.address for row in rest if row.fails} - addresses),
            len({row.client.key for row in rest} - keys),
            len({row.client.key for row in rest if row.fails} - keys),
            requests + sum(row.requests for row in rest),
            failures + sum(row.failures for row in rest),
        )
        return PassiveReport(origin, sender, int(now * 1000), tuple(listed), others, reason)

    def _bucket(self, now: float) -> _Bucket:
        number = int(now // BUCKET_SECONDS)
        if number not in self._buckets:
            # Also where the clock was set back: what is of another time is gone.
            self._buckets = {each: one for each, one in self._buckets.items() if each == number - 1}
            self._buckets[number] = _Bucket()
        return self._buckets[number]

    def _recent(self, now: float) -> list[_Bucket]:
        number = int(now // BUCKET_SECONDS)
        return [self._buckets[each] for each in (number - 1, number) if each in self._buckets]
