"""The contract of ArchiveStore, and what is made in one: ZIP files that any process goes on with."""

from __future__ import annotations

import io
import json
import random
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quartzdb.adapters.aws.s3_archives import S3ArchiveLinks, S3Archives
from quartzdb.domain.errors import InvalidArgument, NotFound, Unavailable
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.archives import Archives
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.ports import ArchiveStore
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.tenant_export import TenantExport
from quartzdb.services.zip_stream import ZipStream
from quartzdb.wiring.embedded import Database
from tests.aws_emulators import NAMES, Emulators
from tests.doubles.memory_archives import MemoryArchives
from tests.embedded import embedded

ARCHIVE = "org_1/exp_1"
PART = 5 * 1024 * 1024
"""The least that S3 takes of all parts but the last."""


@dataclass
class Store:
    port: ArchiveStore
    read: Callable[[str], bytes]
    left: Callable[[], list[str]]


@pytest.fixture(params=["memory", *(f"s3-{name}" for name in NAMES)])
def store(request: pytest.FixtureRequest, aws: Emulators) -> Store:
    if request.param == "memory":
        memory = MemoryArchives()
        return Store(memory, memory.read, lambda: [*memory._whole, *memory._states, *memory._uploads])
    emulator = aws.get(request.param.removeprefix("s3-"))
    bucket, client = emulator.new_place().bucket, emulator.s3

    def read(archive: str) -> bytes:
        return client.get_object(Bucket=bucket, Key=f"exports/{archive}.zip")["Body"].read()

    def left() -> list[str]:
        objects = client.list_objects_v2(Bucket=bucket).get("Contents", ())
        uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
        return [*(one["Key"] for one in objects), *(one["UploadId"] for one in uploads)]

    return Store(S3Archives(client, bucket), read, left)


def test_an_archive_is_its_parts_once_it_is_complete(store: Store) -> None:
    """One that is put again takes the place of what had its number; before the end there is nothing to read."""
    port = store.port
    upload = port.begin(ARCHIVE)
    port.put_part(ARCHIVE, upload, 1, b"x" * PART)
    tags = [
        port.put_part(ARCHIVE, upload, 1, b"a" * PART),
        port.put_part(ARCHIVE, upload, 2, b"end"),
    ]
    assert port.size(ARCHIVE) is None
    port.complete(ARCHIVE, upload, tags)
    assert port.size(ARCHIVE) == PART + 3
    assert store.read(ARCHIVE) == b"a" * PART + b"end"


def test_a_state_is_the_last_that_was_kept(store: Store) -> None:
    """Whole, whatever bytes it has."""
    assert store.port.state(ARCHIVE) is None
    store.port.keep_state(ARCHIVE, b"one")
    store.port.keep_state(ARCHIVE, bytes(range(256)))
    assert store.port.state(ARCHIVE) == bytes(range(256))
    assert store.port.state("org_1/exp_2") is None


def test_nothing_is_left_of_what_is_deleted(store: Store) -> None:
    """Complete or not, and again."""
    port = store.port
    port.put_part(ARCHIVE, upload := port.begin(ARCHIVE), 1, b"x")
    port.keep_state(ARCHIVE, b"state")
    port.delete(ARCHIVE, upload)
    assert store.left() == []
    tag = port.put_part(ARCHIVE, upload := port.begin(ARCHIVE), 1, b"x")
    port.complete(ARCHIVE, upload, [tag])
    port.keep_state(ARCHIVE, b"state")
    for _ in range(2):
        port.delete(ARCHIVE, upload)
        port.delete(ARCHIVE, None)
    assert store.left() == []


def test_a_link_needs_no_other_right(aws: Emulators) -> None:
    """It has an end, and says what the file is to be called; the bucket alone lets nobody in that knows the name."""
    emulator = aws.get("ministack")
    bucket = emulator.new_place().bucket
    port = S3Archives(emulator.s3, bucket)
    upload = port.begin(ARCHIVE)
    port.complete(ARCHIVE, upload, [port.put_part(ARCHIVE, upload, 1, b"content")])
    link = S3ArchiveLinks(emulator.s3, bucket).link(ARCHIVE, "mine.zip", 900)
    assert "X-Amz-Expires=900" in link
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(link) as answer:
        assert answer.read() == b"content"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="mine.zip"'


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20), st.lists(st.binary(max_size=300), max_size=5), max_size=6
    )
)
def test_what_a_stream_of_processes_writes_is_an_archive(files: dict[str, list[bytes]]) -> None:
    """Each goes on from the state of the one before, as text; anybody's program reads the whole."""
    made, stream = b"", ZipStream()
    for name, pieces in files.items():
        made += stream.begin(name)
        for piece in pieces:
            made += stream.add(piece)
            stream = ZipStream.of(json.loads(json.dumps(stream.state())))
    made += stream.finish()
    assert stream.offset == len(made)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        read = [archive.read(info) for info in archive.infolist()]
    assert read == [b"".join(pieces) for pieces in files.values()]


def test_a_name_is_there_once() -> None:
    """Or a reader would find one of two."""
    stream = ZipStream()
    stream.begin("a")
    for name in ("a", "", "x" * 2_000):
        with pytest.raises(InvalidArgument):
            stream.begin(name)


class Faulty:
    """A store whose call of that number fails, having been carried out or not."""

    def __init__(self, store: ArchiveStore) -> None:
        self._store = store
        self.failing = 0
        self.committed = False
        self.calls = 0

    def __getattr__(self, name: str) -> Callable[..., object]:
        call = getattr(self._store, name)

        def counted(*arguments: object) -> object:
            self.calls += 1
            if self.calls != self.failing:
                return call(*arguments)
            if self.committed:
                call(*arguments)
            raise Unavailable("cut off")

        return counted


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = embedded(tmp_path / "data").open()
    for tenant in ("prj_a", "prj_b"):
        for name in ("one", "two"):
            namespace, _ = database.namespaces.create(tenant, name, NamespaceSettings(2))
            records = [NewRecord(f"{name}{n}", np.array([n, 1], np.float32)) for n in range(3)]
            database.records.upsert(namespace, records)
        values, _ = database.namespaces.create(tenant, "values", NamespaceSettings())
        for n in range(45):
            database.key_values.put(values, NewItem(f"{n:02d}", random.Random(n).randbytes(200)))
    return database


def export_of(database: Database) -> TenantExport:
    return TenantExport(database.namespaces, database.records, database.key_values)


def make(archives: Archives, *, tries: int = 1) -> int:
    """All steps of an archive, each again where it failed; a page of each tenant in a step."""

    def step(do: Callable[[], object]) -> object:
        for left in reversed(range(tries)):
            try:
                return do()
            except Unavailable:
                if not left:
                    raise
        raise AssertionError("tries is at least 1")

    number = 1
    step(lambda: archives.add(ARCHIVE, 1, [("about.jsonl", b"1\n"), ("about.jsonl", b"2\n")]))
    for tenant in ("prj_a", "prj_b"):
        cursor: str | None = None
        while True:
            number += 1
            at, of = cursor, number
            found = step(
                lambda tenant=tenant, of=of, at=at: archives.add_tenant(  # type: ignore[misc]
                    ARCHIVE, of, tenant, f"projects/{tenant}", at, lambda: False
                )
            )
            cursor = found if isinstance(found, str) else None
            if cursor is None:
                break
    size = step(lambda: archives.finish(ARCHIVE, number + 1))
    assert isinstance(size, int)
    return size


def test_an_archive_has_all_of_each_tenant(store: Store, database: Database) -> None:
    """In steps of a page each; what is sent again is answered and not done again; of what is unknown there is none."""
    archives = Archives(store.port, export_of(database), part_bytes=PART)
    size = make(archives)
    content = store.read(ARCHIVE)
    assert len(content) == size == archives.finish(ARCHIVE, 16)
    files = unpacked(content)
    folders = {f"projects/{tenant}" for tenant in ("prj_a", "prj_b")}
    kinds = ("one.records", "one.kv", "two.records", "two.kv", "values.kv")
    assert set(files) == {"about.jsonl", *(f"{folder}/{kind}.jsonl" for folder in folders for kind in kinds)}
    assert files["about.jsonl"] == b"1\n2\n"
    header, *lines = files["projects/prj_a/values.kv.jsonl"].splitlines()
    assert json.loads(header)["quartzdb_export"]["namespace"] == "values"
    assert [json.loads(one)["key"] for one in lines] == [f"{n:02d}" for n in range(45)]
    with pytest.raises(InvalidArgument, match="has had 16 steps"):
        archives.add(ARCHIVE, 20, [])
    archives.delete(ARCHIVE)
    assert store.left() == []
    with pytest.raises(NotFound):
        archives.finish(ARCHIVE, 17)


@pytest.mark.parametrize("committed", [False, True])
def test_an_archive_that_is_cut_short_anywhere_is_the_same(database: Database, committed: bool) -> None:
    """Whatever call of the store fails, done or not."""
    whole = MemoryArchives()
    make(Archives(whole, export_of(database), part_bytes=1_000))
    counting = Faulty(MemoryArchives())
    make(Archives(counting, export_of(database), part_bytes=1_000))  # type: ignore[arg-type]
    for failing in range(1, counting.calls + 1):
        memory = MemoryArchives()
        faulty = Faulty(memory)
        faulty.failing, faulty.committed = failing, committed
        make(Archives(faulty, export_of(database), part_bytes=1_000), tries=2)  # type: ignore[arg-type]
        assert memory.read(ARCHIVE) == whole.read(ARCHIVE), failing


def test_a_namespace_that_goes_while_it_is_exported_ends_there(database: Database) -> None:
    """And what comes after it is in the archive, whole."""
    export = export_of(database)
    first = export.page("prj_a", None)
    assert first.file == "one.records.jsonl"
    database.namespaces.delete("prj_a", "one")
    files, cursor = [], first.cursor
    while cursor is not None:
        page = export.page("prj_a", cursor)
        files.append(page.file)
        cursor = page.cursor
    assert list(dict.fromkeys(files)) == ["two.records.jsonl", "two.kv.jsonl", "values.kv.jsonl"]
