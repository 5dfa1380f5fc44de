"""Which adapters the contract suites run on. A new adapter is one more entry here, and no new test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from quartzdb.adapters.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.memory_api_keys import MemoryApiKeys
from quartzdb.adapters.memory_blobs import MemoryBlobs
from quartzdb.adapters.memory_catalog import MemoryCatalog
from quartzdb.adapters.memory_idempotency import MemoryIdempotency
from quartzdb.adapters.memory_keyvalue import MemoryKeyValue
from quartzdb.adapters.memory_leases import MemoryLeases
from quartzdb.adapters.memory_log import MemoryChangeLog
from quartzdb.adapters.sqlite_api_keys import SqliteApiKeys
from quartzdb.adapters.sqlite_catalog import SqliteCatalog
from quartzdb.adapters.sqlite_database import SqliteDatabase
from quartzdb.adapters.sqlite_idempotency import SqliteIdempotency
from quartzdb.adapters.sqlite_keyvalue import SqliteKeyValue
from quartzdb.adapters.sqlite_leases import SqliteLeases
from quartzdb.adapters.sqlite_log import SqliteChangeLog
from quartzdb.domain.namespace import Partition
from quartzdb.ports import (
    ApiKeyTable,
    BlobStore,
    ChangeLog,
    IdempotencyTable,
    KeyValueTable,
    Leases,
    NamespaceCatalog,
)
from tests.manual_clock import ManualClock

T = TypeVar("T")

BEHIND_MAX = 1_000
"""How far behind the head the logs under test let an append land, in stamp units."""


@dataclass
class Storage:
    """Where one test's adapters keep their data. Opening an adapter again, as another process would, finds it."""

    directory: Path
    closing: ExitStack
    clock: ManualClock = field(default_factory=ManualClock)
    in_memory: dict[type, Any] = field(default_factory=dict)

    def database(self) -> SqliteDatabase:
        return self.closing.enter_context(SqliteDatabase(self.directory / "quartz.db"))

    def shared(self, kind: type[T], make: Callable[[], T]) -> T:
        """An in-memory adapter has no storage but itself: opening it again gives the same one."""
        found: T = self.in_memory.setdefault(kind, make())
        return found


CHANGE_LOGS: dict[str, Callable[[Storage], ChangeLog]] = {
    "memory": lambda storage: storage.shared(MemoryChangeLog, lambda: MemoryChangeLog(behind_max=BEHIND_MAX)),
    "sqlite": lambda storage: SqliteChangeLog(storage.database(), behind_max=BEHIND_MAX),
}
LOGS_THAT_SEE_THEIR_HEAD = ("memory", "sqlite")
"""Those that raise StampBehind; the others rely on the bounds of the clocks."""
ORDERED_LOGS: dict[str, Callable[[Storage], ChangeLog]] = {
    "memory": lambda storage: MemoryChangeLog(behind_max=-1),
    "sqlite": lambda storage: SqliteChangeLog(storage.database(), behind_max=-1),
}
"""Those that can be told to commit nothing behind their head."""
KEY_VALUES: dict[str, Callable[[Storage], KeyValueTable]] = {
    "memory": lambda storage: storage.shared(MemoryKeyValue, MemoryKeyValue),
    "sqlite": lambda storage: SqliteKeyValue(storage.database()),
}
BLOBS: dict[str, Callable[[Storage], BlobStore]] = {
    "memory": lambda storage: storage.shared(MemoryBlobs, lambda: MemoryBlobs(storage.clock)),
    "filesystem": lambda storage: FilesystemBlobs(storage.directory / "blobs", storage.clock),
}
CATALOGS: dict[str, Callable[[Storage], NamespaceCatalog]] = {
    "memory": lambda storage: storage.shared(MemoryCatalog, MemoryCatalog),
    "sqlite": lambda storage: SqliteCatalog(storage.database()),
}
API_KEYS: dict[str, Callable[[Storage], ApiKeyTable]] = {
    "memory": lambda storage: storage.shared(MemoryApiKeys, MemoryApiKeys),
    "sqlite": lambda storage: SqliteApiKeys(storage.database()),
}
LEASES: dict[str, Callable[[Storage], Leases]] = {
    "memory": lambda storage: storage.shared(MemoryLeases, MemoryLeases),
    "sqlite": lambda storage: SqliteLeases(storage.database()),
}
IDEMPOTENCY: dict[str, Callable[[Storage], IdempotencyTable]] = {
    "memory": lambda storage: storage.shared(MemoryIdempotency, MemoryIdempotency),
    "sqlite": lambda storage: SqliteIdempotency(storage.database()),
}


def fresh_partition(shard: int = 0) -> Partition:
    """A partition that nothing was ever written to, so that tests may share a storage."""
    return Partition("tenant", "namespace", uuid4().hex, shard)


def in_threads(count: int, work: Callable[[int], None]) -> None:
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
