"""Which adapters the contract suites run on. A new adapter is one more entry here, and no new test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from quartzdb.adapters.aws.dynamodb_api_keys import DynamoApiKeys
from quartzdb.adapters.aws.dynamodb_catalog import DynamoCatalog
from quartzdb.adapters.aws.dynamodb_checkpoints import DynamoCheckpoints
from quartzdb.adapters.aws.dynamodb_idempotency import DynamoIdempotency
from quartzdb.adapters.aws.dynamodb_keyvalue import DynamoKeyValue
from quartzdb.adapters.aws.dynamodb_leases import DynamoLeases
from quartzdb.adapters.aws.dynamodb_log import DynamoChangeLog
from quartzdb.adapters.aws.dynamodb_origin_states import DynamoOriginStates
from quartzdb.adapters.aws.dynamodb_pending_work import DynamoPendingWork
from quartzdb.adapters.aws.dynamodb_rate_slices import DynamoRateSlices
from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.dynamodb_tenant_grants import DynamoTenantGrants
from quartzdb.adapters.aws.s3_blobs import S3Blobs
from quartzdb.adapters.aws.s3_bucket import S3Bucket
from quartzdb.adapters.aws.s3_local_files import S3LocalFiles
from quartzdb.adapters.aws.s3_reminders import S3Reminders
from quartzdb.adapters.aws.s3_versions import S3Versions
from quartzdb.adapters.aws.step_functions_merges import StepFunctionsMerges
from quartzdb.adapters.embedded.file_reminders import FileReminders
from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.embedded.sqlite_api_keys import SqliteApiKeys
from quartzdb.adapters.embedded.sqlite_catalog import SqliteCatalog
from quartzdb.adapters.embedded.sqlite_checkpoints import SqliteCheckpoints
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_idempotency import SqliteIdempotency
from quartzdb.adapters.embedded.sqlite_keyvalue import SqliteKeyValue
from quartzdb.adapters.embedded.sqlite_leases import SqliteLeases
from quartzdb.adapters.embedded.sqlite_log import SqliteChangeLog
from quartzdb.adapters.embedded.sqlite_origin_states import SqliteOriginStates
from quartzdb.adapters.embedded.sqlite_rate_slices import SqliteRateSlices
from quartzdb.adapters.embedded.sqlite_tenant_grants import SqliteTenantGrants
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.namespace import Partition
from quartzdb.maintenance.ports import MergeRuns, PendingWorkList
from quartzdb.replication.ports import Checkpoints
from quartzdb.routing.ports import OriginStates
from quartzdb.services.ports import ApiKeyTable, IdempotencyTable, RateSlices, TenantGrants
from quartzdb.storage.ports import (
    BlobHistory,
    BlobStore,
    ChangeLog,
    KeyValueTable,
    Leases,
    NamespaceCatalog,
    ReminderStore,
)
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from tests.aws_emulators import NAMES, REGION, Emulators, Place
from tests.doubles.memory_api_keys import MemoryApiKeys
from tests.doubles.memory_blobs import MemoryBlobs
from tests.doubles.memory_catalog import MemoryCatalog
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.doubles.memory_idempotency import MemoryIdempotency
from tests.doubles.memory_keyvalue import MemoryKeyValue
from tests.doubles.memory_leases import MemoryLeases
from tests.doubles.memory_log import MemoryChangeLog
from tests.doubles.memory_merge_runs import MemoryMergeRuns
from tests.doubles.memory_origin_states import MemoryOriginStates
from tests.doubles.memory_pending_work import MemoryPendingWork
from tests.doubles.memory_rate_slices import MemoryRateSlices
from tests.doubles.memory_reminders import MemoryReminders
from tests.doubles.memory_tenant_grants import MemoryTenantGrants
from tests.doubles.memory_versioned_blobs import MemoryVersionedBlobs
from tests.manual_clock import ManualClock

T = TypeVar("T")

BEHIND_MAX = 1_000
"""How far behind the head the logs under test let an append land, in stamp units."""


@dataclass
class Storage:
    """Where one test's adapters keep their data. Opening an adapter again, as another process would, finds it."""

    directory: Path
    closing: ExitStack
    aws: Emulators
    clock: ManualClock = field(default_factory=ManualClock)
    in_memory: dict[type, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    places_lock: threading.Lock = field(default_factory=threading.Lock)

    def database(self) -> SqliteDatabase:
        return self.closing.enter_context(SqliteDatabase(self.directory / "quartz.db"))

    def shared(self, kind: type[T], make: Callable[[], T]) -> T:
        """An in-memory adapter has no storage but itself: opening it again gives the same one."""
        found: T = self.in_memory.setdefault(kind, make())
        return found

    def place(self, emulator: str) -> Place:
        """The table and the bucket of this test in an emulator."""
        with self.places_lock:
            if emulator not in self.places:
                self.places[emulator] = self.aws.get(emulator).new_place()
            return self.places[emulator]

    def dynamo_table(self, emulator: str) -> DynamoTable:
        client, place = self.aws.get(emulator).dynamodb, self.place(emulator)
        return DynamoTable(client, place.table, SystemClock())

    def s3_blobs(self, emulator: str) -> S3Blobs:
        client, place = self.aws.get(emulator).s3, self.place(emulator)
        files = S3LocalFiles(self.directory / "copies", 100_000_000, self.clock)
        return S3Blobs(S3Bucket(client, place.bucket, SystemClock()), files)

    def state_machine(self, emulator: str) -> StartedRuns:
        """A state machine of this test that ends whatever is started."""
        url = self.aws.get(emulator).endpoint_url
        client: Any = AwsClients(REGION, AwsEndpoints.at(url)).step_functions
        self.closing.callback(client.close)
        machine = client.create_state_machine(
            name=f"merge-{uuid4().hex}",
            definition='{"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": true}}}',
            roleArn="arn:aws:iam::123456789012:role/merge",
        )["stateMachineArn"]

        def started() -> dict[str, Any]:
            executions = client.list_executions(stateMachineArn=machine)["executions"]
            told = {
                one["name"]: client.describe_execution(executionArn=one["executionArn"]) for one in executions
            }
            return {name: json.loads(one["input"]) for name, one in told.items()}

        return StartedRuns(StepFunctionsMerges(client, machine), started)


@dataclass(frozen=True)
class StartedRuns:
    """MergeRuns, and what was started: inputs by name."""

    runs: MergeRuns
    started: Callable[[], Mapping[str, Any]]

    @staticmethod
    def in_memory() -> StartedRuns:
        runs = MemoryMergeRuns()
        return StartedRuns(runs, lambda: runs.documents)


@dataclass(frozen=True)
class VersionedBlobs:
    """A BlobStore and its history."""

    blobs: BlobStore
    history: BlobHistory

    @staticmethod
    def in_memory(storage: Storage, versioned: bool) -> VersionedBlobs:
        both = MemoryVersionedBlobs(storage.clock, versioned=versioned)
        return VersionedBlobs(both, both)

    @staticmethod
    def in_s3(storage: Storage, versioned: bool, *, emulator: str) -> VersionedBlobs:
        client, bucket = storage.aws.get(emulator).s3, storage.place(emulator).bucket
        if versioned:
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        return VersionedBlobs(storage.s3_blobs(emulator), S3Versions(client, bucket, SystemClock()))


def on_aws(kind: str, make: Callable[[Storage, str], T]) -> dict[str, Callable[[Storage], T]]:
    """An adapter on each emulator."""
    return {f"{kind}-{name}": partial(make, emulator=name) for name in NAMES}  # type: ignore[call-arg]


CHANGE_LOGS: dict[str, Callable[[Storage], ChangeLog]] = {
    "memory": lambda storage: storage.shared(MemoryChangeLog, lambda: MemoryChangeLog(behind_max=BEHIND_MAX)),
    "sqlite": lambda storage: SqliteChangeLog(storage.database(), behind_max=BEHIND_MAX),
    **on_aws(
        "dynamodb",
        lambda storage, emulator: DynamoChangeLog(storage.dynamo_table(emulator), storage.s3_blobs(emulator)),
    ),
}
LOGS_THAT_SEE_THEIR_HEAD = ("memory", "sqlite")
"""Those that raise StampBehind; the others rely on the bounds of the clocks."""
FENCED_LOGS = ("memory", *on_aws("dynamodb", lambda storage, emulator: storage))
"""Those that are not ordered, where decisions are written behind a fence."""
ORDERED_LOGS: dict[str, Callable[[Storage], ChangeLog]] = {
    "memory": lambda storage: MemoryChangeLog(behind_max=-1),
    "sqlite": lambda storage: SqliteChangeLog(storage.database(), behind_max=-1),
}
"""Those that can be told to commit nothing behind their head."""
KEY_VALUES: dict[str, Callable[[Storage], KeyValueTable]] = {
    "memory": lambda storage: storage.shared(MemoryKeyValue, MemoryKeyValue),
    "sqlite": lambda storage: SqliteKeyValue(storage.database()),
    **on_aws(
        "dynamodb",
        lambda storage, emulator: DynamoKeyValue(storage.dynamo_table(emulator), storage.s3_blobs(emulator)),
    ),
}
REMINDERS: dict[str, Callable[[Storage], ReminderStore]] = {
    "memory": lambda storage: storage.shared(MemoryReminders, MemoryReminders),
    "files": lambda storage: FileReminders(storage.directory / "erasures"),
    **on_aws(
        "s3",
        lambda storage, emulator: S3Reminders(
            S3Bucket(storage.aws.get(emulator).s3, storage.place(emulator).bucket, SystemClock())
        ),
    ),
}
BLOBS: dict[str, Callable[[Storage], BlobStore]] = {
    "memory": lambda storage: storage.shared(MemoryBlobs, lambda: MemoryBlobs(storage.clock)),
    "filesystem": lambda storage: FilesystemBlobs(storage.directory / "blobs", storage.clock),
    **on_aws("s3", lambda storage, emulator: storage.s3_blobs(emulator)),
}
CATALOGS: dict[str, Callable[[Storage], NamespaceCatalog]] = {
    "memory": lambda storage: storage.shared(MemoryCatalog, MemoryCatalog),
    "sqlite": lambda storage: SqliteCatalog(storage.database()),
    **on_aws(
        "dynamodb",
        lambda storage, emulator: DynamoCatalog(storage.dynamo_table(emulator)),
    ),
}
API_KEYS: dict[str, Callable[[Storage], ApiKeyTable]] = {
    "memory": lambda storage: storage.shared(MemoryApiKeys, MemoryApiKeys),
    "sqlite": lambda storage: SqliteApiKeys(storage.database()),
    **on_aws(
        "dynamodb",
        lambda storage, emulator: DynamoApiKeys(storage.dynamo_table(emulator)),
    ),
}
RATE_SLICES: dict[str, Callable[[Storage], RateSlices]] = {
    "memory": lambda storage: storage.shared(MemoryRateSlices, MemoryRateSlices),
    "sqlite": lambda storage: SqliteRateSlices(storage.directory / "limits.db"),
    **on_aws(
        "dynamodb",
        lambda storage, emulator: DynamoRateSlices(storage.dynamo_table(emulator)),
    ),
}
TENANT_GRANTS: dict[str, Callable[[Storage], TenantGrants]] = {
    "memory": lambda storage: storage.shared(MemoryTenantGrants, MemoryTenantGrants),
    "sqlite": lambda storage: SqliteTenantGrants(storage.database()),
    **on_aws(
        "dynamodb",
        lambda storage, emulator: DynamoTenantGrants(storage.dynamo_table(emulator)),
    ),
}
LEASES: dict[str, Callable[[Storage], Leases]] = {
    "memory": lambda storage: storage.shared(MemoryLeases, MemoryLeases),
    "sqlite": lambda storage: SqliteLeases(storage.database()),
    **on_aws(
        "dynamodb",
        lambda storage, emulator: DynamoLeases(storage.dynamo_table(emulator)),
    ),
}
# An embedded server looks through all namespaces in any case, so it has no list on disk.
PENDING_WORK: dict[str, Callable[[Storage], PendingWorkList]] = {
    "memory": lambda storage: storage.shared(MemoryPendingWork, MemoryPendingWork),
    **on_aws(
        "dynamodb",
        lambda storage, emulator: DynamoPendingWork(storage.dynamo_table(emulator)),
    ),
}
MERGE_RUNS: dict[str, Callable[[Storage], StartedRuns]] = {
    "memory": lambda _: StartedRuns.in_memory(),
    **on_aws("step-functions", lambda storage, emulator: storage.state_machine(emulator)),
}
VERSIONED_BLOBS: dict[str, Callable[[Storage, bool], VersionedBlobs]] = {
    "memory": VersionedBlobs.in_memory,
    **{f"s3-{name}": partial(VersionedBlobs.in_s3, emulator=name) for name in NAMES},
}
ORIGIN_STATES: dict[str, Callable[[Storage], OriginStates]] = {
    "memory": lambda storage: storage.shared(MemoryOriginStates, MemoryOriginStates),
    "sqlite": lambda storage: SqliteOriginStates(storage.database()),
    **on_aws(
        "dynamodb",
        lambda storage, emulator: DynamoOriginStates(storage.dynamo_table(emulator)),
    ),
}
IDEMPOTENCY: dict[str, Callable[[Storage], IdempotencyTable]] = {
    "memory": lambda storage: storage.shared(MemoryIdempotency, MemoryIdempotency),
    "sqlite": lambda storage: SqliteIdempotency(storage.database()),
    **on_aws(
        "dynamodb",
        lambda storage, emulator: DynamoIdempotency(storage.dynamo_table(emulator)),
    ),
}
CHECKPOINTS: dict[str, Callable[[Storage], Checkpoints]] = {
    "memory": lambda storage: storage.shared(MemoryCheckpoints, MemoryCheckpoints),
    "sqlite": lambda storage: SqliteCheckpoints(storage.database()),
    **on_aws(
        "dynamodb",
        lambda storage, emulator: DynamoCheckpoints(storage.dynamo_table(emulator)),
    ),
}


def rounds(adapter: object, count: int) -> int:
    """How often a test repeats something: a tenth as often where each request goes over HTTP to an emulator."""
    return count if type(adapter).__module__.startswith(_LOCAL) else max(count // 10, 4)


_LOCAL = ("quartzdb.adapters.memory_", "quartzdb.adapters.sqlite_", "quartzdb.adapters.filesystem_")


_COPIES = (
    "moto copies every table for each transaction, which takes seconds with many items; a client that loses patience "
    "and asks again then changes what is being copied, which moto answers with a 500"
)
_NO_ISOLATION = (
    "moto answers requests side by side and takes no lock: it evaluates a condition in one step and stores in another, "
    "so that two of several threads may both meet it; and a transaction that is cancelled puts back the whole table as "
    "it was when that transaction began, which undoes what others stored since"
)
NOT_ON_MOTO = {
    "test_large_values": _COPIES,
    "test_dropping_removes_everything_of_one_partition": _COPIES,
    "test_every_page_of_a_listing": _COPIES,
    "test_the_longest_keys_are_listed_in_order": _COPIES,
    "test_one_of_many_creations_wins": _NO_ISOLATION,
    "test_one_of_many_removals_wins": _NO_ISOLATION,
    "test_one_of_many_compare_and_sets_wins": _NO_ISOLATION,
    "test_concurrent_puts_leave_the_latest": _NO_ISOLATION,
    "test_one_of_many_swaps_wins": _NO_ISOLATION,
    "test_one_of_many_gets_it": _NO_ISOLATION,
    "test_one_of_many_requests_goes_on": _NO_ISOLATION,
    "test_one_of_many_owners_wins": _NO_ISOLATION,
}
"""Tests that run on ministack only, and in what moto is not like AWS there."""


def fresh_partition(shard: int = 0) -> Partition:
    """A partition that nothing was ever written to, so that tests may share a storage."""
    return Partition("tenant", "namespace", uuid4().hex, shard)


def in_threads(count: int, work: Callable[[int], object]) -> None:
    """Run work(0) … work(count - 1) side by side; raises what one of them raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            start.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001 - raised again below, on the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
