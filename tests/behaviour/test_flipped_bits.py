"""One flipped bit anywhere in a data directory is reported: at start, by a read, or by verification. None is served.

Positions are drawn by a seed, half of them where something is written. QUARTZDB_FLIPS sets how many per file.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.adapters.embedded.sqlite_integrity import integrity_problems
from quartzdb.adapters.embedded.sqlite_row_sums import add_sums
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.grant import TenantStatus
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.maintenance.verification import Verification
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.ports import StoredAnswer
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.storage.ports import BlobMissing
from quartzdb.wiring.embedded import (
    DATABASE_FILES,
    EmbeddedSettings,
    assemble,
    embedded_adapters,
    require_whole,
)
from tests.embedded import embedded, fold, vector_of
from tests.manual_clock import ManualClock

logger = logging.getLogger(__name__)

FLIPS = int(os.environ.get("QUARTZDB_FLIPS", "100"))
FLIPS_OF_SMALL = max(4, FLIPS // 8)
SEED = 20_261_129
TENANT = "default"

Served = frozenset[tuple[Any, ...]]
"""All that is answered, one fact each: so that what is missing can be told from what is wrong."""


@dataclass(frozen=True)
class Directory:
    path: Path
    clock: ManualClock
    served: Served
    rows: dict[str, list[Any]]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    """A segment, a tail, key-values of every kind, keys, an answer, and a namespace that is being deleted."""
    site = embedded(tmp_path_factory.mktemp("flipped") / "data")
    database = site.open()
    namespace, _ = database.namespaces.create(TENANT, "n", NamespaceSettings(4, shards=1))
    records = [NewRecord(f"r{n}", vector_of(n, 4), {"n": n, "tag": "abc"[n % 3]}) for n in range(20)]
    database.records.upsert(namespace, records)
    fold(database, site.clock, namespace)
    database.records.upsert(namespace, [NewRecord("late", vector_of(99, 4), {"text": "of the tail"})])
    database.records.delete(namespace, ["r3"])
    for number in range(6):
        database.key_values.put(namespace, NewItem(f"key-{number}", b"value %d " % number * 40))
    database.key_values.delete(namespace, "key-5")
    database.namespaces.create(TENANT, "gone", NamespaceSettings(2))
    database.namespaces.delete(TENANT, "gone")
    database.api_keys.create(TENANT, "ci", frozenset({"read"}))
    database.tenants.set_status(TENANT, TenantStatus.SUSPENDED)
    now = site.clock.unix_ms()
    database.idempotency.begin(TENANT, "again", b"print", now, 1_000, 10_000_000)
    database.idempotency.finish(TENANT, "again", StoredAnswer(b"print", 200, b"{}", "application/json", ()))
    path = site.directory
    del database
    gc.collect()
    assert not list(path.glob("*.db-wal"))
    rows = {name: all_rows(path / name) for name in DATABASE_FILES}
    return Directory(path, site.clock, served(path, site.clock), rows)


def served(path: Path, clock: ManualClock) -> Served:
    """Everything that a process answers which opens the directory now. Writes nothing."""
    require_whole(path)
    for left in (*path.glob("*.db-wal"), *path.glob("*.db-shm")):
        left.unlink()  # of the look before
    adapters = embedded_adapters(EmbeddedSettings(path, read_only=True), clock)
    database = assemble(adapters, writer="local.reader", workspace=path / "building")
    facts: set[tuple[Any, ...]] = set()
    for namespace in adapters.catalog.all_namespaces():
        facts.add(("namespace", str(namespace)))
        listed = database.records.list(namespace, limit=100)
        ids = [*listed.items]
        for record_id, record in database.records.fetch(namespace, ids).items():
            facts.add(
                ("record", record_id, record.vector.tobytes(), repr(record.metadata), str(record.version))
            )
        answer = database.search.query(namespace, QueryRequest(vector=np.ones(4, np.float32), top_k=30))
        facts |= {("match", match.id, match.score) for match in answer.matches}
        partition = namespace.partition
        keys = [f"key-{number}" for number in range(6)]
        facts |= {("item", repr(item)) for item in adapters.table.get(partition, keys).values()}
        facts |= {("change", repr(item)) for item in adapters.table.changes(partition, 0, 1 << 62, 100)}
        page = adapters.table.list(partition, prefix="", after=None, limit=100, now_ms=0, values=True)
        facts |= {("listed", repr(item)) for item in page.items}
    facts |= {("deleting", str(one)) for one in adapters.catalog.pending_deletion()}
    facts |= {("key", repr(key)) for key in adapters.api_keys.list(TENANT)}
    facts |= {("grant", repr(grant)) for grant in adapters.grants.list()}
    return frozenset(facts)


def all_rows(path: Path) -> list[Any]:
    """Every value of every row of a SQLite file, and what it says that its tables are."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        connection.text_factory = bytes
        add_sums(connection)
        found: list[Any] = connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master"
        ).fetchall()
        for kind, name, _, _ in list(found):
            if kind == b"table":
                found += connection.execute(f"SELECT * FROM {name.decode()}").fetchall()
        found.append(connection.execute("PRAGMA user_version").fetchone())
        found.append(connection.execute("PRAGMA application_id").fetchone())
        return found


def flips(path: Path, count: int) -> Iterator[tuple[int, int]]:
    """(byte, bit) of a file."""
    content = path.read_bytes()
    chance = random.Random(f"{SEED}/{path.name}")
    written = [place for place, byte in enumerate(content) if byte]
    for number in range(count if content else 0):
        place = chance.choice(written) if number % 2 else chance.randrange(len(content))
        yield place, chance.randrange(8)


def flipped(path: Path, count: int, look: Callable[[], str]) -> Counter[str]:
    """What became of each flip; the file is as it was afterwards."""
    content = path.read_bytes()
    outcomes: Counter[str] = Counter()
    for place, bit in flips(path, count):
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            outcome = look()
        except BaseException as error:
            error.add_note(f"{path.name}: bit {bit} of byte {place}")
            raise
        finally:
            path.write_bytes(content)
        assert outcome != "unreported", f"{path.name}: bit {bit} of byte {place}"
        outcomes[outcome] += 1
    return outcomes


@pytest.mark.parametrize("name", DATABASE_FILES)
def test_a_bit_of_a_database_file(directory: Directory, name: str) -> None:
    """Is reported, unless every value in the file is as it was: then it held nothing."""
    path = directory.path / name

    def look() -> str:
        try:
            now = served(directory.path, directory.clock)
        except (QuartzError, BlobMissing):
            return "start or read"
        assert now <= directory.served, "something is served that never was"
        if integrity_problems(path, read_only=True):
            return "verify"
        return "nothing there" if all_rows(path) == directory.rows[name] else "unreported"

    outcomes = flipped(path, FLIPS, look)
    logger.info("%s: %s", name, dict(outcomes))
    assert outcomes["start or read"]


def test_a_bit_of_any_other_file(directory: Directory) -> None:
    """Of segments, manifests, pointers and the directory's own file: each is reported."""
    for path in sorted(directory.path.rglob("*")):
        if (
            not path.is_file()
            or path.name in DATABASE_FILES
            or path.suffix == ".lock"
            or not path.stat().st_size
        ):
            continue

        def look() -> str:
            try:
                now = served(directory.path, directory.clock)
            except (QuartzError, BlobMissing):
                return "start or read"
            assert now <= directory.served
            adapters = embedded_adapters(EmbeddedSettings(directory.path, read_only=True), directory.clock)
            database = assemble(adapters, writer="local.verifier", workspace=directory.path / "building")
            verification = Verification(database.log, database.store)
            found = [verification.of(one).damages for one in adapters.catalog.all_namespaces()]
            return "verify" if any(found) else "unreported"

        logger.info("%s: %s", path.name, dict(flipped(path, FLIPS_OF_SMALL, look)))
