"""What lies in DynamoDB and S3: within their limits, expiring where it may, and readable while it is being replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from quartzdb.adapters.aws.dynamodb_keyvalue import DynamoKeyValue
from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.s3_blobs import S3Blobs
from quartzdb.adapters.aws.s3_bucket import S3Bucket
from quartzdb.adapters.aws.s3_local_files import S3LocalFiles
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.errors import TooLarge
from quartzdb.domain.hlc import Version, stamp_at
from quartzdb.domain.namespace import Partition
from quartzdb.services.ports import BROWSER, BROWSER_KEY_KEPT_MS, ApiKey, StoredAnswer
from quartzdb.storage.ports import Item
from quartzdb.wiring.aws import AwsSettings, aws_adapters
from quartzdb.wiring.aws_clients import AwsEndpoints
from quartzdb.wiring.embedded import Adapters
from tests.aws_emulators import PATIENCE, REGION, Emulator, Emulators, Place
from tests.aws_fault_proxy import Fault, FaultProxy, Request, fault_proxy

AT = Partition("t", "n", "g")
LARGE = 150_000


@dataclass
class Site:
    """Adapters behind a proxy, and others that go straight to the emulator."""

    emulator: Emulator
    place: Place
    proxy: FaultProxy
    through: Adapters
    straight: Adapters

    def items(self) -> list[dict[str, Any]]:
        """Every item of the table, typed as DynamoDB has it."""
        answer = self.emulator.dynamodb.scan(TableName=self.place.table, ConsistentRead=True)
        return list(answer["Items"])

    def blobs(self) -> list[str]:
        return sorted(key for key, _, _ in self.straight.blobs.list(""))

    def meanwhile(self, path: str, happens: Any) -> None:
        """Let something happen just before the next GET of a path arrives."""
        left = [1]

        def plan(request: Request) -> Fault | None:
            if request.name == "GET" and path in request.path and left[0]:
                left[0] = 0
                happens()
            return None

        self.proxy.plan = plan


@pytest.fixture
def site(aws: Emulators, tmp_path: Path) -> Iterator[Site]:
    # ministack: it has DynamoDB's limit of 400 KB for an item, and moto has a lower one.
    emulator = aws.get("ministack")
    place = emulator.new_place()
    with fault_proxy(emulator.endpoint_url) as proxy:
        through, straight = (
            aws_adapters(
                AwsSettings(
                    table=place.table,
                    bucket=place.bucket,
                    region=REGION,
                    work_dir=tmp_path,
                    endpoints=AwsEndpoints.at(url),
                    patience=PATIENCE,
                )
            )
            for url in (proxy.url, emulator.endpoint_url)
        )
        yield Site(emulator, place, proxy, through, straight)


def item(
    key: str, stamp: int, value: bytes | None, *, content_type: str = "a/b", expires_at_ms: int | None = None
) -> Item:
    return Item(key, Version(stamp, "a.1"), stamp, value, content_type, expires_at_ms)


def test_a_value_is_read_while_it_is_replaced(site: Site) -> None:
    """The reader has the reference of a blob that is just being removed: it asks again and gets the new value."""
    table, other = site.through.table, site.straight.table
    table.put(AT, item("k", 1, b"1" * LARGE))
    site.meanwhile("_kv", lambda: other.put(AT, item("k", 2, b"2" * LARGE)))
    assert table.get(AT, ["k"])["k"].value == b"2" * LARGE
    site.meanwhile("_kv", lambda: other.put(AT, item("k", 3, None)))
    page = table.list(AT, prefix="", after=None, limit=10, now_ms=0, values=True)
    assert page.items == []
    assert site.blobs() == []


def test_a_log_is_read_while_it_is_trimmed(site: Site) -> None:
    """The blob of an entry goes after the floor was raised: the reader gets the rest, and sees the gap."""
    for stamp in (1, 2):
        site.through.log.append(AT, Version(stamp, "a.1"), b"%d" % stamp * LARGE)
    site.meanwhile("_log", lambda: site.straight.log.trim(AT, 1))
    page = site.through.log.read(AT, 0)
    assert [key.stamp for key, _ in page.entries] == [2]
    assert page.floor == 1
    assert len(site.blobs()) == 1


def test_a_second_attempt_does_not_upload_again(site: Site) -> None:
    """A large body on a slow line would never be acknowledged in time. Both entries stay whole until trimmed."""
    log, second = site.through.log, stamp_at(1_000)
    for stamp in (1, 2, 1, second):
        log.append(AT, Version(stamp, "a.1"), b"x" * LARGE)
    assert site.proxy.count("PUT") == len(site.blobs()) == 1
    log.append(AT, Version(11 * second, "a.1"), b"x" * LARGE)
    assert len(site.blobs()) == 2, "a trim does not look further ahead than ten seconds"
    assert log.trim(AT, 2) == 2
    page = site.straight.log.read(AT, 0)
    assert [(key.stamp, len(body)) for key, body in page.entries] == [(second, LARGE), (11 * second, LARGE)]
    assert log.trim(AT, second) == 1
    assert len(site.blobs()) == 1
    site.straight.log.append(AT, Version(11 * second, "a.1"), b"x" * LARGE)
    log.seal(AT)
    assert site.blobs() == []


def test_a_value_that_was_not_stored_leaves_no_blob(site: Site) -> None:
    """Neither one that came too late, alone or in a batch, nor an entry whose key is taken; the stored one stays."""
    table = site.through.table
    table.put(AT, item("k", 5, b"5" * LARGE))
    table.put(AT, item("k", 4, b"4" * LARGE))
    table.put(AT, item("k", 5, b"5" * LARGE))
    table.put_many(AT, [item("k", 3, b"3" * LARGE), item("other", 1, b"o" * LARGE)])
    assert len(site.blobs()) == 2
    assert table.get(AT, ["k"])["k"].value == b"5" * LARGE
    table.put_many(AT, [item("k", 6, b"6" * LARGE), item("k", 7, b"7" * LARGE)])
    assert len(site.blobs()) == 2
    assert table.get(AT, ["k"])["k"].value == b"7" * LARGE
    table.purge(AT, 0, 0, 10)
    table.drop(AT)
    assert site.blobs() == []


def test_a_batch_of_large_values_is_one_transaction(site: Site) -> None:
    """100 values of 100 KB are more than the 4 MB that a transaction takes: they go to S3."""
    items = [item("\U0001f600" * 510 + f"{n:02}", 1, bytes([n]) * 100_000) for n in range(100)]
    site.through.table.put_many(AT, items)
    assert len(site.blobs()) == 100
    found = site.through.table.get(AT, [one.key for one in items])
    assert found == {one.key: one for one in items}


def test_every_item_fits_into_400_kb(site: Site) -> None:
    """The largest key with the largest inline value, the largest inline entry, and the largest answer that is kept."""
    key = "\U0001f600" * 512
    site.through.table.put(AT, item(key, 1, b"x" * 100 * 1024, content_type="c" * 256, expires_at_ms=2**43))
    site.through.log.append(AT, Version(2**62, "w" * 64), b"x" * 32 * 1024)
    headers = tuple((f"x-{n}", "v" * 200) for n in range(50))
    site.through.idempotency.begin("t", "k" * 255, b"p" * 32, 1_000, 1_000, 1_000)
    body = b"".join(b"%d" % (n * n) for n in range(40_000))
    site.through.idempotency.finish("t", "k" * 255, StoredAnswer(b"p" * 32, 200, body, "a/b", headers))
    kept = site.through.idempotency.begin("t", "k" * 255, b"p" * 32, 1_000, 1_000, 1_000)
    assert kept == StoredAnswer(b"p" * 32, 200, body, "a/b", headers)
    too_large = StoredAnswer(b"p", 200, Random(1).randbytes(400_000))
    with pytest.raises(TooLarge):
        site.through.idempotency.finish("t", "k", too_large)
    assert site.through.table.get(AT, [key])[key].value == b"x" * 100 * 1024
    assert len(site.items()) >= 4


def test_expiry_by_dynamodb_itself_is_never_early_and_never_leaves_a_blob(site: Site) -> None:
    """It counts whole seconds, so the time is rounded up; a value in S3 waits for `purge`, which removes both."""
    table = site.through.table
    table.put(AT, item("small", 1, b"x", expires_at_ms=1_700_000_000_001))
    table.put(AT, item("large", 1, b"x" * LARGE, expires_at_ms=1_700_000_000_001))
    table.put(AT, item("kept", 1, b"x"))
    table.put(AT, item("deleted", 1, None, expires_at_ms=1_700_000_000_001))
    expiry = {one["sk"]["S"]: one.get("expires_at", {}).get("N") for one in site.items()}
    assert expiry == {"small": "1700000001", "large": None, "kept": None, "deleted": None}
    assert table.purge(AT, 1_700_000_000_002, 0, 10) == 2
    assert site.blobs() == []
    assert set(table.get(AT, ["small", "large", "kept", "deleted"])) == {"kept", "deleted"}


def test_a_browser_s_key_is_dropped_by_dynamodb_itself(site: Site) -> None:
    """With what lists it, some time after its end, rounded up. No other key ever is."""
    key = ApiKey(
        "0" * 11 + "1",
        "t",
        "page",
        frozenset({"read"}),
        bytes(32),
        1_000,
        1_700_000_000_001,
        created_by=BROWSER,
    )
    site.straight.api_keys.add(key)
    site.straight.api_keys.add(replace(key, id="0" * 11 + "2", created_by=None))
    dropped = [one["expires_at"]["N"] for one in site.items() if "expires_at" in one]
    assert dropped == [str(1_700_000_000 + BROWSER_KEY_KEPT_MS // 1_000 + 1)] * 2


def test_what_has_expired_stays_for_a_peer_that_has_yet_to_read_it(site: Site) -> None:
    """DynamoDB forgets it that much later; no client sees it meanwhile."""
    kept_ms = 7 * 24 * 3_600_000
    client = site.emulator.dynamodb
    table = DynamoKeyValue(
        DynamoTable(client, site.place.table, SystemClock()), site.straight.blobs, expired_kept_ms=kept_ms
    )
    table.put(AT, item("one", 1, b"x", expires_at_ms=1_700_000_000_001))
    table.put_many(AT, [item(key, 1, b"x", expires_at_ms=1_700_000_000_000) for key in ("two", "three")])
    expiry = {one["sk"]["S"]: one["expires_at"]["N"] for one in site.items()}
    week_s = 7 * 24 * 3_600
    assert expiry == {
        "one": str(1_700_000_001 + week_s),
        "two": str(1_700_000_000 + week_s),
        "three": str(1_700_000_000 + week_s),
    }
    assert not table.get(AT, ["one"])["one"].live(1_700_000_000_002)


def test_a_large_file_is_sent_in_parts(site: Site, tmp_path: Path) -> None:
    """And reads back whole, by parts and as a copy."""
    bucket = S3Bucket(
        site.emulator.s3, site.place.bucket, SystemClock(), multipart_from_bytes=5 * 1024 * 1024
    )
    blobs = S3Blobs(bucket, S3LocalFiles(tmp_path / "copies", 10**9, SystemClock()))
    content = bytes(range(251)) * 50_000
    source = tmp_path / "source"
    source.write_bytes(content)
    blobs.put("t/large", source)
    blobs.put("t/large", source)
    assert blobs.get("t/large") == content
    assert blobs.read_ranges("t/large", [(10_000_000, 5)]) == [content[10_000_000:10_000_005]]
    assert blobs.local_file("t/large").read_bytes() == content


def test_bodies_lie_apart_from_segments(site: Site) -> None:
    """Each family has a prefix of its own, which rights are given by, and is listed and removed like the rest."""
    placed = {
        "t/n/g/0/segments/s/vectors": "blobs/",
        "t/n/g/0/manifests/m.json": "blobs/",
        "t/_log/n/g/0/entry": "log/",
        "t/_kv/_kv/g/0/value": "values/",
    }
    for key in placed:
        site.straight.blobs.put(key, key.encode())
    listed = site.emulator.s3.list_objects_v2(Bucket=site.place.bucket)
    assert {one["Key"] for one in listed["Contents"]} == {root + key for key, root in placed.items()}
    for key in placed:
        assert site.straight.blobs.get(key) == key.encode()
    assert site.blobs() == sorted(placed)
    for prefix in ("t", "t/", "t/_", "t/_log", "t/_kv/", "t/n/g", "other/"):
        found = [key for key, _, _ in site.straight.blobs.list(prefix)]
        assert sorted(found) == sorted(key for key in placed if key.startswith(prefix))
    site.straight.blobs.delete(list(placed))
    assert site.blobs() == []
