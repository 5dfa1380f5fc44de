"""Settings of the HTTP edge, as values. Nothing here reads the environment."""

from __future__ import annotations

import quartzdb
from quartzdb.domain.limits import BODY_BYTES_MAX, WAIT_SECONDS_MAX
from quartzdb.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Defaults are for one process on one machine; a Lambda instance serves one request at a time anyway."""

    service: str = "QuartzDB"
    version: str = quartzdb.__version__
    site: str = "local"
    """Which of two sites this is, in usage lines."""
    region: str | None = None
    """Where this site is: data of tenants whose grant names another region is not stored here."""
    body_bytes_max: int = BODY_BYTES_MAX
    bodies_bytes_max: int = 8 * BODY_BYTES_MAX
    """What is held for all requests at one time: bodies as sent, inflated and parsed, and answers until they are read.
    One key has at most half, and one tenant three quarters."""
    body_idle_seconds_max: float = 30.0
    """How long a sender may pause within a body before its place is given up."""
    body_seconds_max: float = 60.0
    body_bytes_per_second_min: int = 32 * 1024
    """How long a body may take: so many seconds, and more for what has come at this rate."""
    requests_max: int = 512
    """Requests under way at one time; more are told to come back."""
    requests_of_key_max: int = 128
    requests_of_tenant_max: int = 384
    """Of one key, and of all keys of one tenant."""
    read_seconds_max: float = 20.0
    """How long a read may take, waiting for its turn included."""
    failures_burst: int = 20
    failure_seconds: float = 3.0
    """Requests with a bad key that an address may send at once, and the seconds for each one more."""
    threads: int = 16
    """Requests of one key whose work runs side by side; its others wait."""
    computing_threads: int = 2
    """Searches of one key that run side by side. They contend for the interpreter lock: 16 answered a quarter fewer
    than 2."""
    brief_on_loop: bool = True
    """Whether searches that are known to be brief are done on the event loop: api/pace.py says which are."""
    spare_threads: int = 2
    """Of either kind, for the requests of other keys; the last one for those of another tenant."""
    key_cache_seconds: float = 5.0
    """How long a key that was good is taken to be good still: what a revocation elsewhere takes at most."""
    applied_seconds_max: float = 3.0
    applied_pause_seconds: float = 0.25
    """How long a read waits for the other site's write that its version token names, and how often it looks."""
    rate_seconds_max: float = 1.0
    """How long a request waits to hear what is left of its rate; then it is admitted."""
    streams: bool = True
    """Whether change feeds are served as event streams: not where a request ends with its function."""
    feeds_max: int = 256
    feeds_of_tenant_max: int = 64
    feeds_of_key_max: int = 16
    """Feeds that are open at one time, streams and requests that wait, of `requests_max`."""
    wait_seconds_max: float = WAIT_SECONDS_MAX
    """A request that would wait for longer is answered after that."""
    feed_pause_seconds: float = 0.1
    """How often it is looked whether those that wait have something."""
    looks_cost: bool = False
    """Whether each such look is a request that somebody pays for, and so a read in the receipt."""
    heartbeat_seconds: float = 15.0
    """How long a stream may be silent; then its key is looked at again, too."""
    stream_seconds_max: float = 900.0
    """How long a stream lasts: each has one usage line, at its end."""
    health_seconds_max: float = 3.0
    health_cache_seconds: float = 1.0
    """Health is open to anybody, so it is found out at most this often."""
