"""Restoring a deployment to one moment: the table by DynamoDB, the bucket by `quartzdb restore`.

No emulator goes back in time, so a copy of the table made at the moment stands for the restored one. The bucket and its
versions are real.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from quartzdb.cli.full_compaction import fold_and_merge_all
from quartzdb.cli.main import cli
from quartzdb.domain.grant import TenantStatus
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.maintenance.restoration import plan_of
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord
from quartzdb.storage.ports import BlobVersion
from quartzdb.wiring.aws import AwsSettings, open_aws
from quartzdb.wiring.aws_clients import AwsEndpoints
from quartzdb.wiring.embedded import Database
from quartzdb.wiring.settings import DEFAULT_TENANT
from tests.aws_emulators import PATIENCE, REGION, Emulator, Emulators, Place, create_table


@dataclass
class Site:
    """A deployment on an emulator."""

    emulator: Emulator
    place: Place
    directory: Path

    def open(self, table: str | None = None) -> Database:
        """A process that has never seen anything, on the table or on a restored one."""
        return open_aws(
            AwsSettings(
                table or self.place.table,
                self.place.bucket,
                region=REGION,
                work_dir=self.directory,
                endpoints=AwsEndpoints.at(self.emulator.endpoint_url),
                patience=PATIENCE,
            )
        )

    def moment(self) -> str:
        """A moment by S3's clock after everything so far and before everything to come."""
        stamps: list[datetime] = []
        while len(set(stamps)) < 2:  # S3's clock may tick by the second
            self.emulator.s3.put_object(Bucket=self.place.bucket, Key="clock", Body=b"")
            seen = self.emulator.s3.head_object(Bucket=self.place.bucket, Key="clock")["LastModified"]
            newest = self.emulator.s3.list_object_versions(Bucket=self.place.bucket, Prefix="clock")[
                "Versions"
            ][0]
            stamps.append(max(seen, newest["LastModified"]))
        then = min(stamps)
        return then.astimezone(UTC).isoformat()

    def restored_table(self) -> str:
        """What point-in-time recovery would restore if it was asked for this moment."""
        name = f"{self.place.table}-restored-{datetime.now(UTC):%H%M%S%f}"
        create_table(self.emulator.dynamodb, name)
        pages = self.emulator.dynamodb.get_paginator("scan").paginate(TableName=self.place.table)
        for page in pages:
            for item in page["Items"]:
                self.emulator.dynamodb.put_item(TableName=name, Item=item)
        return name

    def restore(self, to: str, table: str | None, *options: str) -> tuple[int, Any]:
        """The command's exit status, and what it answers. `table` is the restored one, None the deployed one itself."""
        place = ["--table", self.place.table, "--bucket", self.place.bucket, "--to", to, "--json"]
        place += ["--from", table] if table else []
        result = CliRunner().invoke(cli, ["restore", *place, *options])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, json.loads(result.stdout) if result.stdout else result.stderr


@pytest.fixture
def site(aws: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    emulator = aws.get("ministack")
    place = emulator.new_place()
    emulator.s3.put_bucket_versioning(Bucket=place.bucket, VersioningConfiguration={"Status": "Enabled"})
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return Site(emulator, place, tmp_path / "work")


def _namespace(database: Database, name: str) -> Namespace:
    return database.namespaces.create(DEFAULT_TENANT, name, NamespaceSettings(4))[0]


def _write(database: Database, namespace: Namespace, ids: range, year: int) -> None:
    records = [
        NewRecord(f"r{number}", np.array([1, number, year, 1], dtype=np.float32), {"year": year})
        for number in ids
    ]
    database.records.upsert(namespace, records)


def _years(database: Database, name: str) -> dict[str, Any]:
    namespace = database.namespaces.get(DEFAULT_TENANT, name)
    ids = database.records.list(namespace, limit=1_000).items
    found = database.records.fetch(namespace, ids)
    return {key: (record.metadata or {})["year"] for key, record in found.items()}


def test_everything_is_as_it_was_at_the_moment(site: Site) -> None:
    """Records, large values and deleted namespaces come back, and nothing written later is seen."""
    database = site.open()
    books, gone = _namespace(database, "books"), _namespace(database, "gone")
    _write(database, books, range(20), 1)
    _write(database, gone, range(5), 1)
    fold_and_merge_all(database, books)
    fold_and_merge_all(database, gone)
    _write(database, books, range(10), 2)  # in the log when the moment comes
    key, _ = database.api_keys.create(DEFAULT_TENANT, "k", ["read"])
    large = bytes(range(256)) * 1_000  # its value is a blob
    database.key_values.put_many(books, [NewItem("k", large)])
    then, table = site.moment(), site.restored_table()

    _write(database, books, range(5, 25), 3)
    fold_and_merge_all(database, books)
    later = _namespace(database, "later")
    _write(database, later, range(3), 3)
    _write(database, books, range(25, 30), 3)
    fold_and_merge_all(database, books)
    database.key_values.put_many(books, [NewItem("k", b"small")])
    database.namespaces.delete(DEFAULT_TENANT, "gone")
    _collect(database, gone)
    database.api_keys.revoke(DEFAULT_TENANT, key.id)
    database.tenants.set_status("bad", TenantStatus.SUSPENDED)
    fold_and_merge_all(database, later)
    _delete_what_is_superseded(site, database, books)

    code, said = site.restore(then, table)
    assert (code, said["applied"]) == (0, False)
    assert said["pointers_back"] == 2, "of the namespace written to, and of the deleted one"
    assert said["pointers_gone"] == 1, "that of the namespace made later"
    assert said["blobs_back"] > 0
    assert said["items_written"] > 0
    assert said["items_deleted"] > 0
    code, done = site.restore(then, table, "--apply")
    assert (code, done["incomplete"]) == (0, [])

    restored = site.open()
    names = [one.name for one in restored.namespaces.list(DEFAULT_TENANT, limit=10).items]
    assert names == ["books", "gone"]
    expected = {f"r{number}": 1 for number in range(10, 20)} | {f"r{number}": 2 for number in range(10)}
    assert _years(restored, "books") == expected
    assert _years(restored, "gone") == {f"r{number}": 1 for number in range(5)}
    (kept,) = restored.api_keys.list(DEFAULT_TENANT)
    assert kept.revoked_at_ms is not None, "a key that was revoked later stays revoked"
    assert restored.tenants.grant("bad").status is TenantStatus.SUSPENDED, "and who was suspended, suspended"
    item = restored.key_values.get(restored.namespaces.get(DEFAULT_TENANT, "books"), "k")
    assert item.value == large
    code, again = site.restore(then, table, "--apply")
    assert (code, again["blobs_back"], again["incomplete"]) == (0, 0, []), "doing it twice is harmless"
    assert (again["items_written"], again["items_deleted"]) == (0, 0)
    assert _years(site.open(), "books") == expected

    books = restored.namespaces.get(DEFAULT_TENANT, "books")
    _write(restored, books, range(30, 33), 4)
    fold_and_merge_all(restored, books)
    assert _years(site.open(), "books") == expected | {f"r{number}": 4 for number in range(30, 33)}


def test_a_restoration_can_be_undone(site: Site) -> None:
    """Bucket and recovery keep what was replaced: a later moment brings it back."""
    database = site.open()
    books = _namespace(database, "books")
    _write(database, books, range(5), 1)
    fold_and_merge_all(database, books)
    then, table = site.moment(), site.restored_table()
    _write(database, books, range(3, 8), 2)
    fold_and_merge_all(database, books)
    before = _years(site.open(), "books")
    now, table_now = site.moment(), site.restored_table()
    assert site.restore(then, table, "--apply")[0] == 0
    assert _years(site.open(), "books") == {f"r{number}": 1 for number in range(5)}
    assert site.restore(now, table_now, "--apply")[0] == 0
    assert _years(site.open(), "books") == before


def test_many_items_come_back(site: Site) -> None:
    """More than one request can look up or write: those that changed, those that are gone, and those that are new."""
    database = site.open()
    space = database.namespaces.create(DEFAULT_TENANT, "kv", NamespaceSettings())[0]
    for start in range(0, 270, 90):
        items = [NewItem(f"k{number:03}", b"1") for number in range(start, start + 90)]
        database.key_values.put_many(space, items)
    then, table = site.moment(), site.restored_table()
    database.key_values.put_many(space, [NewItem(f"k{number:03}", b"2") for number in range(180, 270)])
    database.key_values.put_many(space, [NewItem(f"n{number:03}", b"2") for number in range(90)])
    code, said = site.restore(then, table, "--apply")
    assert (code, said["items_written"], said["items_deleted"]) == (0, 90, 90)
    found = site.open().key_values.list(space, limit=1_000, values=True).items
    assert [(item.key, item.value) for item in found] == [(f"k{number:03}", b"1") for number in range(270)]


def test_a_table_is_not_copied_onto_itself(site: Site) -> None:
    """The restored table and the deployed one have to be two."""
    code, said = site.restore(datetime.now(UTC).isoformat(), site.place.table)
    assert code == 1
    assert "cannot be copied onto itself" in said


def test_a_table_with_later_writes_is_refused(site: Site) -> None:
    """Naming the live table instead of the restored one changes nothing."""
    database = site.open()
    books = _namespace(database, "books")
    _write(database, books, range(5), 1)
    head_ms = database.log.head(books.partition) >> 16
    early = datetime.fromtimestamp((head_ms - 60_000) / 1000, UTC).isoformat()
    code, said = site.restore(early, None, "--apply")
    assert code == 4
    assert "The table has writes to 'books' from 60 s after that moment." in said


def test_what_cannot_be_restored_is_said(site: Site) -> None:
    """Blobs that are gone for good are named, and the exit status is 1."""
    database = site.open()
    books = _namespace(database, "books")
    _write(database, books, range(5), 1)
    fold_and_merge_all(database, books)
    then, table = site.moment(), site.restored_table()
    s3 = site.emulator.s3
    versions = s3.list_object_versions(Bucket=site.place.bucket, Prefix="blobs/")["Versions"]
    (lost,) = [one for one in versions if one["Key"].endswith("records.sqlite")]
    s3.delete_object(Bucket=site.place.bucket, Key=lost["Key"], VersionId=lost["VersionId"])
    code, said = site.restore(then, table, "--apply")
    assert code == 1
    assert said["incomplete"] == [f"default/books: {lost['Key'].removeprefix('blobs/')} is missing"]


def test_moments_out_of_reach_are_refused(site: Site) -> None:
    """The future, what is older than the versions that are kept, and a time without a zone."""
    assert "Only the last 35 days" in site.restore("2020-01-01T00:00:00Z", None)[1]
    assert "Only the last 35 days" in site.restore("2990-01-01T00:00:00Z", None)[1]
    assert "has no zone" in site.restore("2026-01-01T00:00:00", None)[1]
    assert "is no time" in site.restore("yesterday", None)[1]


def test_a_bucket_without_versions_is_refused(aws: Emulators, site: Site) -> None:
    """It has nothing to restore from, and says so before anything is changed."""
    bare = aws.get("moto").new_place()
    site.emulator.s3.create_bucket(Bucket=bare.bucket + "-bare")
    site.place = Place(site.place.table, bare.bucket + "-bare")
    code, said = site.restore(datetime.now(UTC).isoformat(), None)
    assert code == 4
    assert "keeps no versions" in said


def test_versions_of_one_second_are_told_apart() -> None:
    """S3 tells whole seconds: what is current is newest, a listing's order decides, and a doubtful blob comes back."""

    def version(
        key: str, name: str, at_ms: int, *, deletion: bool = False, current: bool = False
    ) -> BlobVersion:
        return BlobVersion(key, key.endswith("CURRENT"), name, at_ms, deletion, current)

    plan = plan_of(
        [
            version("a/CURRENT", "3", 9_000_000, current=True),
            version("a/CURRENT", "2", 5_000_000),
            version("a/CURRENT", "1", 5_000_000),
            version("b/CURRENT", "1", 5_000_000, current=True),
            version("c/CURRENT", "2", 6_000_000, deletion=True, current=True),
            version("c/CURRENT", "1", 5_000_000),
            version("d/CURRENT", "1", 6_000_000, current=True),
            version("e", "2", 5_000_000, deletion=True, current=True),
            version("e", "1", 5_000_000),
            version("f", "2", 4_000_000, deletion=True, current=True),
            version("f", "1", 3_000_000),
            version("g", "1", 3_000_000, current=True),
            version("h", "4", 9_000_000, deletion=True, current=True),
            version("h", "3", 8_000_000, deletion=True),
            version("h", "1", 3_000_000),
            version("i", "2", 9_000_000, deletion=True, current=True),
            version("i", "1", 8_000_000),
        ],
        5_000_500,
    )
    assert [(one.key, one.id) for one in plan.pointers_back] == [("a/CURRENT", "2"), ("c/CURRENT", "1")]
    assert [(one.key, one.id) for one in plan.pointers_gone] == [("d/CURRENT", "1")]
    assert [(one.key, one.id) for one in plan.deletions] == [("e", "2"), ("h", "4"), ("h", "3")]


def _collect(database: Database, namespace: Namespace) -> None:
    """What maintenance does with a deleted namespace, without its wait."""
    partition = namespace.partition
    database.log.seal(partition)
    blobs = database.store.blobs
    blobs.delete([key for key, _, _ in blobs.list(f"{partition}/")])
    database.catalog.forget_deleted(namespace)


def _delete_what_is_superseded(site: Site, database: Database, namespace: Namespace) -> None:
    """What a sweep does once its grace is over."""
    blobs, pointer = database.store.blobs, database.store.pointer(namespace.partition)
    assert pointer is not None
    kept = {f"{namespace.partition}/CURRENT", pointer.current}
    kept |= database.store.manifest(pointer.current).blob_keys
    blobs.delete([key for key, _, _ in blobs.list(f"{namespace.partition}/") if key not in kept])
