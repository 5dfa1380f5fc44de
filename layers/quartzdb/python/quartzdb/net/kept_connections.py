"""Open connections that nobody uses at the moment, for the next request to the same place."""

from __future__ import annotations

import threading

from quartzdb.net.endpoint import Endpoint
from quartzdb.net.hard_deadline import Deadline, DeadlineSocket

KEPT_MAX = 4
"""For each endpoint: as many threads may ask it in turn without connecting anew."""


class KeptConnections:
    """Thread-safe: whoever takes a connection has it alone. At most `kept_max` for each endpoint."""

    def __init__(self, kept_max: int = KEPT_MAX) -> None:
        self._kept_max = kept_max
        self._kept: dict[Endpoint, list[DeadlineSocket]] = {}
        self._lock = threading.Lock()

    def take(self, endpoint: Endpoint, deadline: Deadline) -> DeadlineSocket | None:
        """The latest that is still open, held to this deadline from now on; None where there is none."""
        while True:
            with self._lock:
                kept = self._kept.get(endpoint)
                if not kept:
                    return None
                connection = kept.pop()
            if not connection.has_ended():
                connection.deadline = deadline
                return connection
            connection.close()

    def keep(self, endpoint: Endpoint, connection: DeadlineSocket) -> None:
        """For another request; closes it where enough of them are kept."""
        with self._lock:
            kept = self._kept.setdefault(endpoint, [])
            if len(kept) < self._kept_max:
                kept.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close them all."""
        with self._lock:
            taken, self._kept = self._kept, {}
        for kept in taken.values():
            for connection in kept:
                connection.close()
