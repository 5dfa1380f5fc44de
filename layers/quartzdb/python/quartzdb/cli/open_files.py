"""How a process divides the files that it may have open: connections, segments, and all the rest."""

from __future__ import annotations

import resource

from quartzdb.domain.values import dataclass

_SOFT_MAX = 65_536
"""What the soft limit is raised to at most: some libraries visit every descriptor there could be."""
_OTHERS = 256
"""SQLite files, of which each thread has its own six, files that are being written, the process's own."""
_OTHERS_MIN = 64
_LEAST = 16


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """Numbers that together stay below the process's limit."""

    connections: int
    segments: int


def divide_open_files(*, connections_max: int = 0) -> OpenFiles:
    """Raise the soft limit of open files as far as that is allowed, and divide it.

    Connections get up to `connections_max`, but never more than segments, of which there are none too many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _SOFT_MAX if hard == resource.RLIM_INFINITY else min(_SOFT_MAX, hard)
    if soft == resource.RLIM_INFINITY:
        soft = _SOFT_MAX
    elif soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    left = soft - max(_OTHERS_MIN, min(_OTHERS, soft // 4))
    connections = min(connections_max, max(_LEAST, left // 2)) if connections_max else 0
    return OpenFiles(connections, max(_LEAST, left - connections))
