"""Which replicas the contract suite runs on: this site on every kind of storage, and the other site over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from quartzdb.adapters.http.http_replica import HttpReplica
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.api.app import create_app
from quartzdb.replication.ports import Replica
from tests import worker_site
from tests.aws_emulators import Emulators
from tests.http_server import serving
from tests.manual_clock import ManualClock
from tests.replica_sites import SECRET, LocalSite, aws_site, memory_site, sharded_site, sqlite_site


@dataclass(frozen=True)
class Running:
    """A replica called "here". `settle` lets as much time pass as it needs to give out all that it has taken."""

    replica: Replica
    now_ms: Callable[[], int]
    settle: Callable[[], None]
    examples: int
    """How many examples a property is tried on."""
    one_order: bool = True
    """Whether a feed has all changes in the order in which they were taken, not only those of one record."""


def _settling(clock: ManualClock) -> Callable[[], None]:
    def settle() -> None:
        clock.seconds += 10

    return settle


def _local(site: LocalSite, clock: ManualClock, examples: int) -> Running:
    return Running(site.replica, clock.unix_ms, _settling(clock), examples)


@contextmanager
def memory(directory: Path, _: Emulators) -> Iterator[Running]:
    """A log ordered by clocks, as on DynamoDB."""
    clock = ManualClock()
    yield _local(memory_site("here", directory, clock), clock, 40)


@contextmanager
def sharded(directory: Path, _: Emulators) -> Iterator[Running]:
    """The same with its records in shards."""
    clock = ManualClock()
    yield replace(_local(sharded_site("here", directory, clock), clock, 40), one_order=False)


@contextmanager
def sharded_ordered(directory: Path, _: Emulators) -> Iterator[Running]:
    """In shards whose logs make their own keys."""
    clock = ManualClock()
    site = sharded_site("here", directory, clock, behind_max=-1)
    yield replace(_local(site, clock, 10), one_order=False)


@contextmanager
def sqlite(directory: Path, _: Emulators) -> Iterator[Running]:
    """An embedded database."""
    clock = ManualClock()
    yield _local(sqlite_site("here", directory, clock), clock, 10)


@contextmanager
def ministack(directory: Path, aws: Emulators) -> Iterator[Running]:
    """DynamoDB and S3."""
    clock = ManualClock()
    # Not in the past: DynamoDB itself forgets what has expired.
    clock.seconds = float(int(time.time()))
    emulator = aws.get("ministack")
    yield _local(aws_site("here", directory, clock, emulator, emulator.new_place()), clock, 2)


@contextmanager
def http(directory: Path, _: Emulators) -> Iterator[Running]:
    """An embedded database behind its own HTTP server."""
    clock = ManualClock()
    site = sqlite_site("here", directory, clock)
    with serving(create_app(site.database)) as url:
        replica = HttpReplica(url, lambda: SECRET, SystemClock(), site="here")
        yield Running(replica, clock.unix_ms, _settling(clock), 4)
        replica.close()


@contextmanager
def workerd(directory: Path, _: Emulators) -> Iterator[Running]:
    """The Worker. Its feeds are ordered by one object, so nothing has to pass before they are complete."""
    with worker_site.worker_site(directory, SITE="here") as site:
        clock = SystemClock()
        replica = HttpReplica(site.url, lambda: worker_site.SECRET, clock, site="here")
        yield Running(replica, clock.unix_ms, lambda: None, 4)
        replica.close()


REPLICAS = {
    "memory": memory,
    "memory-sharded": sharded,
    "memory-sharded-ordered": sharded_ordered,
    "sqlite": sqlite,
    "dynamodb-ministack": ministack,
    "http-sqlite": http,
    "http-workerd": workerd,
}
