"""What a connection may take of a serving process: bytes, seconds and places. Numbers only."""

from __future__ import annotations

from dataclasses import replace

from quartzdb.cli.open_files import divide_open_files
from quartzdb.domain.values import dataclass

KEEP_ALIVE_SECONDS = 75
"""Longer than the minute for which load balancers and clients keep an idle connection: they must be the ones to close
it, or a request that is just being sent meets a closed one."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Of one process. Bodies have deadlines of their own, which are answered with 408: ApiSettings.

    Behind a reverse proxy every connection has the proxy's address, so one address may have half of all.
    """

    connections_max: int = 2_048
    of_address_max: int = 1_024
    header_bytes_max: int = 64 * 1024
    header_seconds_max: float = 20.0
    """For a new connection to send the headers of its first request, or any connection those of the one it began."""
    idle_seconds_max: float = KEEP_ALIVE_SECONDS
    pipelined_max: int = 16
    """Requests that are sent before the answer to the first."""
    write_seconds_max: float = 30.0
    write_bytes_per_second_min: int = 32 * 1024
    """A client that reads nothing for so long, or more slowly after that, is cut off."""
    discarded_seconds_max: float = 30.0
    discarded_bytes_max: int = 128 * 1024 * 1024
    """What is still read of a request that is answered already, so that its sender comes to read the answer."""


def within_open_files(limits: ConnectionLimits) -> ConnectionLimits:
    """The limits that this process can keep."""
    most = divide_open_files(connections_max=limits.connections_max).connections
    if most >= limits.connections_max:
        return limits
    return replace(limits, connections_max=most, of_address_max=max(1, most // 2))
