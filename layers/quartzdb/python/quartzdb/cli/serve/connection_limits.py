"""What a connection may take of a serving process: bytes, seconds and places. Numbers only."""

from __future__ import annotations

import resource
from dataclasses import dataclass

KEEP_ALIVE_SECONDS = 75
"""Longer than the minute for which load balancers and clients keep an idle connection: they must be the ones to close
it, or a request that is just being sent meets a closed one."""
_OTHER_FILES = 512
"""Files that the database itself may have open, beside its connections."""
_CONNECTIONS_MIN = 16


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
    """The limits that this process can keep. It gets the open files for them, as far as it may have so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections_max + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limits
    most = max(_CONNECTIONS_MIN, soft - min(_OTHER_FILES, soft // 2))
    return ConnectionLimits(connections_max=most, of_address_max=max(1, most // 2))
