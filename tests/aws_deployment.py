"""A database on an emulated table and bucket, whose instances each have a disk of their own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from quartzdb.domain.namespace import Namespace
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.storage.index.executor import Immediate
from quartzdb.wiring.aws import NAMESPACE_REMEMBERED_SECONDS, AwsSettings, aws_adapters
from quartzdb.wiring.aws_clients import AwsEndpoints
from quartzdb.wiring.embedded import Database, assemble
from tests.aws_emulators import PATIENCE, REGION, Place
from tests.doubles.counted_capacity import CountedCapacity
from tests.embedded import vector_of
from tests.manual_clock import ManualClock

DIMENSION = 96


@dataclass
class Deployment:
    """One table and one bucket; `open` is a new instance of a function, with a disk of its own."""

    emulator: str
    endpoint_url: str
    place: Place
    directory: Path
    clock: ManualClock = field(default_factory=ManualClock)
    meter: CountedCapacity = field(default_factory=CountedCapacity)
    opened: int = 0

    def settings(self, **changed: Any) -> AwsSettings:
        """Of the next instance."""
        self.opened += 1
        return AwsSettings(
            table=self.place.table,
            bucket=self.place.bucket,
            region=REGION,
            work_dir=self.directory / str(self.opened),
            endpoints=AwsEndpoints.at(self.endpoint_url),
            patience=PATIENCE,
            **changed,
        )

    def open(self, **changed: Any) -> Database:
        """A new instance."""
        settings = self.settings(**changed)
        adapters = replace(aws_adapters(settings, meter=self.meter), clock=self.clock)
        return assemble(
            adapters,
            writer=f"aws.{self.opened}",
            workspace=settings.work_dir / "building",
            fetched_bytes_max=settings.fetched_bytes_max,
            searches=settings.searches,
            execute=Immediate,
            remembered_seconds=NAMESPACE_REMEMBERED_SECONDS,
        )


def write(database: Database, namespace: Namespace, numbers: range) -> None:
    """Records by number."""
    records = [NewRecord(f"r{n}", vector_of(n, DIMENSION), {"n": n, "even": n % 2 == 0}) for n in numbers]
    database.records.upsert(namespace, records)


def nearest(database: Database, namespace: Namespace, number: int) -> str:
    """The record that a strongly consistent search for that one finds."""
    answer = database.search.query(namespace, QueryRequest(vector=vector_of(number, DIMENSION), top_k=3))
    return answer.matches[0].id
