"""A deleted namespace ends in nothing left: its bytes are searched for in every file, and every item and object."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.domain.errors import NotFound, Unauthenticated
from quartzdb.domain.grant import TenantStatus
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.maintenance.policy import SCHEDULED_THRESHOLDS
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.services.tenant_deletion import TenantDeletion, TenantRemains
from quartzdb.wiring.embedded import Database
from tests.aws_emulators import Emulators
from tests.embedded import embedded
from tests.maintenance_deployment import MaintenanceDeployment, deployed
from tests.stream_driver import LambdaContext

MARKER = "m4rk3r-0f-s0mebody"
LARGE = 300_000
"""Bytes of a value that goes to the bucket on AWS; several pages of SQLite."""


def write_marked(database: Database, namespace: Namespace, part: str) -> None:
    """The marker in an id, in metadata, in a large entry and a small one, in a key, a value and a large value."""
    text = f"{MARKER} " * 1_000
    records = [NewRecord(f"{MARKER}-{part}{n}", np.ones(8, np.float32), {"text": text}) for n in range(4)]
    database.records.upsert(namespace, records)
    database.records.patch(namespace, [MetadataPatch(f"{MARKER}-{part}0", {"name": MARKER}, ())])
    large = f"{MARKER} ".encode() * (LARGE // 19)
    values = [NewItem(f"{MARKER}-{part}", MARKER.encode()), NewItem(f"large-{part}", large)]
    database.key_values.put_many(namespace, values)


def with_marker(directory: Path) -> set[str]:
    """The files below a directory that have the bytes, by what they are for: the first part of their path."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {path.relative_to(directory).parts[0] for path in files if MARKER.encode() in path.read_bytes()}


def test_in_a_directory_nothing_is_left_in_any_file(tmp_path: Path) -> None:
    """Neither in segments nor in free pages and write-ahead logs of SQLite. What is another namespace's stays."""
    site = embedded(tmp_path / "data")
    database = site.open()
    other, _ = database.namespaces.create("t", "other", NamespaceSettings(8))
    database.key_values.put(other, NewItem("kept", b"as it was"))
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(8))
    write_marked(database, namespace, "a")
    for _ in range(3):
        database.maintenance.run_once()
        site.clock.seconds += 61
    database.key_values.delete(namespace, "large-a")
    write_marked(database, namespace, "b")
    assert {"segments"} < with_marker(site.directory)
    assert {name.partition("-")[0] for name in with_marker(site.directory)} >= {"log.db", "keyvalue.db"}
    database.namespaces.delete("t", "n")
    for _ in range(3):
        database.maintenance.run_once()
        site.clock.seconds += 61
    assert database.catalog.pending_deletion() == []
    assert with_marker(site.directory) == set()
    assert database.key_values.get(other, "kept").value == b"as it was"


def test_a_reader_in_the_way_puts_the_end_off(tmp_path: Path) -> None:
    """While it holds the write-ahead log the generation is not forgotten, so the next pass goes on."""
    site = embedded(tmp_path / "data")
    database = site.open()
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(8))
    write_marked(database, namespace, "a")
    with closing(sqlite3.connect(site.directory / "log.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM log").fetchone()
        database.namespaces.delete("t", "n")
        for _ in range(2):
            database.maintenance.run_once()
            site.clock.seconds += 61
        assert database.catalog.pending_deletion() == [namespace]
        reader.execute("ROLLBACK")
    database.maintenance.run_once()
    assert database.catalog.pending_deletion() == []
    assert with_marker(site.directory) == set()


def deletion_of(database: Database) -> TenantDeletion:
    """What `quartzdb tenants delete` runs."""
    return database.tenant_deletion()


def write_tenant(database: Database, tenant: str) -> str:
    """Two namespaces and two keys with the marker, of which one is revoked; the text of the other."""
    for name in ("n", "m"):
        namespace, _ = database.namespaces.create(tenant, name, NamespaceSettings(8))
        write_marked(database, namespace, name)
    revoked, _ = database.api_keys.create(tenant, f"{MARKER} 1", ["read"])
    database.api_keys.revoke(tenant, revoked.id)
    return database.api_keys.create(tenant, f"{MARKER} 2", ["read", "write", "admin"])[1]


def test_of_a_tenant_nothing_is_left_in_any_file(tmp_path: Path) -> None:
    """It is out of reach at once, says what is pending, and is forgotten last. Another tenant stays as it was."""
    site = embedded(tmp_path / "data")
    database = site.open()
    other, _ = database.namespaces.create("other", "n", NamespaceSettings(8))
    database.key_values.put(other, NewItem("kept", b"as it was"))
    _, others_key = database.api_keys.create("other", "k", ["read"])
    key = write_tenant(database, "t")
    database.maintenance.run_once()
    assert "catalog.db" in {name.partition("-")[0] for name in with_marker(site.directory)}
    deletion = deletion_of(database)
    assert deletion.run("t") == TenantRemains(2, 1, namespaces_pending=2, keys_pending=2)
    with pytest.raises(Unauthenticated):
        database.api_keys.authenticate(key)
    assert database.tenants.grant("t").status is TenantStatus.SUSPENDED
    for pending in (2, 2, 0):
        left = deletion.run("t")
        assert (left.namespaces_pending, left.namespaces_deleted, left.keys_revoked) == (pending, 0, 0)
        database.maintenance.run_once()
        site.clock.seconds += 61
    assert left.gone
    assert database.tenants.list() == []
    assert with_marker(site.directory) == set()
    with pytest.raises(NotFound):
        deletion.run("t")
    assert database.key_values.get(other, "kept").value == b"as it was"
    assert database.api_keys.authenticate(others_key).tenant == "other"


def test_a_tenant_is_forgotten_only_when_files_have_nothing_of_it(tmp_path: Path) -> None:
    """A reader in the way puts it off, and the next run ends it."""
    site = embedded(tmp_path / "data")
    database = site.open()
    write_marked_key = database.api_keys.create("t", MARKER, ["read"])[0]
    database.api_keys.revoke("t", write_marked_key.id)
    site.clock.seconds += 61
    with closing(sqlite3.connect(site.directory / "catalog.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM api_keys").fetchone()
        left = deletion_of(database).run("t")
        assert (left.gone, left.files_pending) == (False, True)
        reader.execute("ROLLBACK")
    assert deletion_of(database).run("t").gone
    assert with_marker(site.directory) == set()


def stored(site: MaintenanceDeployment) -> Iterator[tuple[str, bytes]]:
    """Every item of the table and every object of the bucket, by its key, as bytes."""
    s3 = site.emulator.s3
    for listed in s3.get_paginator("list_objects_v2").paginate(Bucket=site.place.bucket):
        for one in listed.get("Contents", ()):
            yield one["Key"], s3.get_object(Bucket=site.place.bucket, Key=one["Key"])["Body"].read()
    dynamodb = site.emulator.dynamodb
    for page in dynamodb.get_paginator("scan").paginate(TableName=site.place.table):
        for item in page["Items"]:
            yield raw(item["pk"]).decode(), b"\n".join(raw(value) for value in item.values())


def raw(value: Any) -> bytes:
    (kind,) = value
    return bytes(value[kind]) if kind == "B" else str(value[kind]).encode()


def test_on_aws_nothing_is_left_in_any_item_or_object(aws: Emulators, tmp_path: Path) -> None:
    """Log entries small and large, key-values and their blobs, segments, pointers."""
    with deployed(aws.get("ministack"), tmp_path) as site:
        database = site.database()
        namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(8))
        write_marked(database, namespace, "a")
        site.adapters().pending_work.note(namespace.partition, site.clock.unix_ms())
        run = site.compactor()
        site.clock.seconds += 61
        run({"action": "maintain"}, LambdaContext())
        write_marked(database, namespace, "b")
        found = {
            key.partition("#")[0].partition("/")[0] for key, data in stored(site) if MARKER.encode() in data
        }
        assert found == {"LOG", "KV", "log", "values", "blobs"}
        database.namespaces.delete("t", "n")
        run({"action": "maintain"}, LambdaContext())
        site.clock.seconds += SCHEDULED_THRESHOLDS.forget_after_ms / 1_000
        run({"action": "maintain"}, LambdaContext())
        assert database.catalog.pending_deletion() == []
        assert [key for key, data in stored(site) if MARKER.encode() in data] == []
        seal = [key for key, _ in stored(site) if namespace.generation in key]
        assert seal == [f"LOG#t#n#{namespace.generation}#0"], "it refuses whoever still writes there"


def test_of_a_tenant_nothing_is_left_in_any_item_or_object(aws: Emulators, tmp_path: Path) -> None:
    """Keys and grants included; only the seals of its generations stay, and its name among those of tenants."""
    with deployed(aws.get("ministack"), tmp_path) as site:
        database = site.database()
        write_tenant(database, "t")
        run = site.compactor()
        assert {"LOG", "KV", "KEY"} <= {
            key.partition("#")[0] for key, data in stored(site) if MARKER.encode() in data
        }
        deletion = deletion_of(database)
        assert deletion.run("t") == TenantRemains(2, 1, namespaces_pending=2, keys_pending=2)
        run({"action": "maintain"}, LambdaContext())
        site.clock.seconds += SCHEDULED_THRESHOLDS.forget_after_ms / 1_000
        run({"action": "maintain"}, LambdaContext())
        assert deletion.run("t").gone
        assert [key for key, data in stored(site) if MARKER.encode() in data] == []
        families = {key.partition("#")[0].partition("/")[0] for key, _ in stored(site)}
        assert not families & {
            "KEY",
            "KEYS",
            "GRANTS",
            "KV",
            "NAMESPACES",
            "CONDEMNED",
            "blobs",
            "log",
            "values",
        }
