"""Settings of the HTTP edge, as values. Nothing here reads the environment."""

from __future__ import annotations

from dataclasses import dataclass

import quartzdb
from quartzdb.domain.limits import BODY_BYTES_MAX


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Defaults are for one process on one machine; a Lambda instance serves one request at a time anyway."""

    service: str = "QuartzDB"
    version: str = quartzdb.__version__
    body_bytes_max: int = BODY_BYTES_MAX
    bodies_bytes_max: int = 8 * BODY_BYTES_MAX
    """All request bodies held in memory at one time."""
    body_idle_seconds_max: float = 30.0
    """How long a sender may pause within a body before its place is given up."""
    requests_max: int = 512
    """Requests under way at one time; more are told to come back."""
    threads: int = 16
    """Requests whose work runs side by side; the others wait."""
    computing_threads: int = 2
    """Searches that run side by side. They contend for the interpreter lock: 16 answered a quarter fewer than 2."""
    key_cache_seconds: float = 5.0
    """How long a key that was good is taken to be good still: what a revocation elsewhere takes at most."""
    health_seconds_max: float = 3.0
    health_cache_seconds: float = 1.0
    """Health is open to anybody, so it is found out at most this often."""
