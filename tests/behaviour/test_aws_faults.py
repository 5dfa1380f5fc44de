"""What callers see when AWS throttles, fails, answers late or not at all.

A bounded wait, a clear error, and nothing half applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quartzdb.adapters.aws.patience import Patience
from quartzdb.domain.change import OWN, Delete
from quartzdb.domain.errors import Corrupted, OutcomeUnknown, Unavailable
from quartzdb.domain.hlc import HybridClock, Version
from quartzdb.domain.namespace import Namespace, NamespaceSettings, Partition
from quartzdb.services.keyvalue import KeyValues, NewItem
from quartzdb.storage.log.append import LogWriter
from quartzdb.storage.ports import Expect, Item
from quartzdb.wiring.aws import AwsSettings, aws_adapters
from quartzdb.wiring.aws_clients import AwsEndpoints
from quartzdb.wiring.embedded import Adapters
from tests.aws_emulators import NAMES, REGION, Emulators
from tests.aws_fault_proxy import Fault, FaultProxy, Request, dynamodb_error, fault_proxy, s3_error
from tests.manual_clock import ManualClock

AT = Partition("t", "n", "g")
ATTEMPTS = 2
READ_SECONDS = 2.5
"""An emulator on a busy machine must never be taken to be late: moto carries a repeated transaction out twice."""
PATIENCE = Patience(connect_seconds=2, read_seconds=READ_SECONDS, attempts_max=ATTEMPTS)
LOST = Fault("lost")


@pytest.fixture(scope="module")
def proxies(aws: Emulators) -> Iterator[dict[str, FaultProxy]]:
    with fault_proxy(aws.get("moto").endpoint_url) as moto:
        yield {"moto": moto}


@pytest.fixture
def proxy(proxies: dict[str, FaultProxy]) -> Iterator[FaultProxy]:
    proxy = proxies["moto"]
    proxy.heal()
    yield proxy
    proxy.heal()


def opened(emulator: str, aws: Emulators, proxy: FaultProxy, directory: Path) -> Adapters:
    """Adapters that reach the emulator through the proxy, and lose patience soon."""
    place = aws.get(emulator).new_place()
    return aws_adapters(
        AwsSettings(
            table=place.table,
            bucket=place.bucket,
            region=REGION,
            work_dir=directory,
            endpoints=AwsEndpoints.at(proxy.url),
            patience=PATIENCE,
        )
    )


@pytest.fixture
def site(aws: Emulators, proxy: FaultProxy, tmp_path: Path) -> Adapters:
    return opened("moto", aws, proxy, tmp_path)


def item(key: str, stamp: int, value: bytes | None = b"value") -> Item:
    return Item(key, Version(stamp, "a.1"), stamp, value)


DYNAMODB_FAULTS = {
    "throttled": dynamodb_error("ProvisionedThroughputExceededException"),
    "failing": dynamodb_error("InternalServerError", 500),
    "down": Fault("refused", 503, b"<html>not JSON</html>"),
    "reset": Fault("reset"),
    "late": Fault("late", seconds=2 * READ_SECONDS),
}


@pytest.mark.parametrize("fault", DYNAMODB_FAULTS)
def test_a_read_is_tried_a_bounded_number_of_times(site: Adapters, proxy: FaultProxy, fault: str) -> None:
    """Then it says that DynamoDB is unavailable and what to do; it works again as soon as DynamoDB does."""
    site.log.append(AT, Version(1, "a.1"), b"body")
    proxy.fail("Query", DYNAMODB_FAULTS[fault])
    with pytest.raises(Unavailable) as told:
        site.log.read(AT, 0)
    # First without the client: once more where it was a kept connection that broke.
    assert proxy.count("Query") in {ATTEMPTS + 1, ATTEMPTS + 2}
    assert told.value.hint
    assert "DynamoDB table" in str(told.value)
    proxy.heal()
    assert [key.stamp for key, _ in site.log.read(AT, 0).entries] == [1]


def test_a_passing_trouble_is_not_noticed(site: Adapters, proxy: FaultProxy) -> None:
    """One bad answer costs a moment, no error."""
    proxy.fail("PutItem", DYNAMODB_FAULTS["throttled"], times=1)
    assert site.table.put(AT, item("k", 1)) == (True, None)
    proxy.fail("GET", s3_error("SlowDown", 503), times=1)
    site.blobs.put("a/b", b"content")
    assert site.blobs.get("a/b") == b"content"


def test_a_missing_table_is_told_from_a_slow_one(site: Adapters, proxy: FaultProxy) -> None:
    """It is not tried again, and the hint is another one."""
    proxy.fail("GetItem", dynamodb_error("ResourceNotFoundException"))
    with pytest.raises(Unavailable, match="does not exist") as told:
        site.catalog.get("t", "n")
    assert "stack" in (told.value.hint or "")
    assert proxy.count("GetItem") == 2, "without the client, and by it"


def test_missing_rights_are_told(site: Adapters, proxy: FaultProxy) -> None:
    """With the way to find out."""
    proxy.fail("GetItem", dynamodb_error("AccessDeniedException"))
    with pytest.raises(Unavailable, match="may not be used") as told:
        site.api_keys.get("id")
    assert "role" in (told.value.hint or "")


def test_a_write_whose_answer_was_lost_counts_once(site: Adapters, proxy: FaultProxy) -> None:
    """Each kind of write recognises its own first attempt, and reports what it did."""
    proxy.fail("PutItem", LOST, times=1)
    site.log.append(AT, Version(1, "a.1"), b"body")
    assert proxy.count("PutItem") >= 2
    assert site.log.read(AT, 0).entries == [(Version(1, "a.1"), b"body")]

    proxy.fail("PutItem", LOST, times=1)
    assert site.table.put(AT, item("k", 1)).stored
    proxy.fail("PutItem", LOST, times=1)
    assert site.table.put(AT, item("k", 2), Expect(Version(1, "a.1"), 0)).stored
    assert not site.table.put(AT, item("k", 2)).stored, (
        "without a lost answer the same version is stored once"
    )

    namespace = Namespace("t", "n", "g", NamespaceSettings(8), 1)
    site.catalog.create(Namespace("t", "other", "g", NamespaceSettings(8), 1))
    proxy.fail("PutItem", LOST, times=1)
    assert site.catalog.create(namespace) == namespace

    proxy.fail("PutItem", LOST, times=1)
    assert site.idempotency.begin("t", "key", b"print", 1_000, 100, 1_000) is None
    proxy.fail("PutItem", LOST, times=1)
    assert site.leases.acquire("lease", "a", 1_000, 100)


@pytest.mark.parametrize("fault", ["lost", "reset", "failing"])
def test_a_write_that_is_never_answered_may_have_been_made(
    site: Adapters, proxy: FaultProxy, fault: str
) -> None:
    """The error says so, and never that nothing was changed; a read that is not answered is no such thing."""
    proxy.plan = lambda _: {**DYNAMODB_FAULTS, "lost": LOST}[fault]
    with pytest.raises(OutcomeUnknown) as told:
        site.table.put(AT, item("k", 1))
    assert "may have been made" in told.value.message
    with pytest.raises(Unavailable) as read:
        site.table.get(AT, ["k"])
    assert not isinstance(read.value, OutcomeUnknown)


def test_a_throttled_write_was_not_made(site: Adapters, proxy: FaultProxy) -> None:
    """AWS refused it before it did anything."""
    proxy.plan = lambda _: DYNAMODB_FAULTS["throttled"]
    with pytest.raises(Unavailable) as told:
        site.table.put(AT, item("k", 1))
    assert not isinstance(told.value, OutcomeUnknown)
    proxy.heal()
    assert site.table.get(AT, ["k"]) == {}


def one_by_one(name: str, *faults: Fault | None, key: str = "") -> Callable[[Request], Fault | None]:
    """Those faults for requests of that name that hold `key`, in order; the last one for the rest."""
    left = list(faults)

    def plan(request: Request) -> Fault | None:
        if request.name != name or not (key in request.path or key.encode() in request.body):
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    return plan


@pytest.mark.parametrize("first", ["lost", "failing"])
def test_a_throttled_repetition_tells_nothing_of_the_attempt_before_it(
    site: Adapters, proxy: FaultProxy, first: str
) -> None:
    """The client repeats what was lost by itself; that its last attempt was refused does not undo the first."""
    throttled = DYNAMODB_FAULTS["throttled"]
    proxy.plan = one_by_one("PutItem", {**DYNAMODB_FAULTS, "lost": LOST}[first], throttled)
    with pytest.raises(OutcomeUnknown):
        site.table.put(AT, item("k", 1))
    proxy.heal()
    assert (site.table.get(AT, ["k"]) != {}) == (first == "lost")
    proxy.plan = one_by_one("PutItem", throttled)
    with pytest.raises(Unavailable) as told:
        site.table.put(AT, item("k", 2))
    assert not isinstance(told.value, OutcomeUnknown)


@pytest.mark.parametrize("shards", [1, 2])
def test_an_append_that_cannot_be_looked_at_may_be_committed(
    site: Adapters, proxy: FaultProxy, shards: int
) -> None:
    """The floor is read after the entry was put: what fails then does not say that nothing was changed."""
    places = [replace(AT, shard=shard) for shard in range(shards)]
    key = Version(1, "a.1")
    read = "GetItem" if shards == 1 else "BatchGetItem"
    proxy.plan = one_by_one(read, DYNAMODB_FAULTS["throttled"], key="~floor")
    append = (
        site.log.append_together if shards > 1 else lambda bodies, at: site.log.append(AT, at, bodies[AT])
    )
    with pytest.raises(OutcomeUnknown):
        append(dict.fromkeys(places, b"body"), key)
    proxy.heal()
    assert [site.log.read(place, 0).entries for place in places] == [[(key, b"body")]] * shards


def test_a_put_that_cannot_tidy_up_is_made(site: Adapters, proxy: FaultProxy) -> None:
    """The value that it replaced could not be removed: the new one is there, and nobody is told that it is not."""
    large = b"x" * 200_000
    site.table.put(AT, item("one", 1, large))
    site.table.put(AT, item("two", 1, large))
    proxy.plan = one_by_one("POST", s3_error("SlowDown", 503))
    with pytest.raises(OutcomeUnknown):
        site.table.put(AT, item("one", 2))
    with pytest.raises(OutcomeUnknown):
        site.table.put_many(AT, [item("two", 2)])
    proxy.heal()
    assert {key: found.value for key, found in site.table.get(AT, ["one", "two"]).items()} == {
        "one": b"value",
        "two": b"value",
    }


def test_a_second_append_that_fails_does_not_undo_the_first(site: Adapters, proxy: FaultProxy) -> None:
    """An entry that landed too late to be acknowledged stays in the log while it is appended anew."""
    clock = ManualClock()
    writer = LogWriter(site.log, HybridClock(clock.unix_ms, "a.1", ahead_ms_max=500), clock)
    throttled = one_by_one("PutItem", None, DYNAMODB_FAULTS["throttled"], key="LOG#")

    def slow(request: Request) -> Fault | None:
        fault = throttled(request)
        if request.name == "PutItem" and b"LOG#" in request.body and fault is None:
            clock.seconds += 5
        return fault

    proxy.plan = slow
    with pytest.raises(OutcomeUnknown):
        writer.append(AT, [Delete("r", OWN)])
    proxy.heal()
    assert len(site.log.read(AT, 0).entries) == 1


def test_a_second_put_that_fails_does_not_undo_the_first(site: Adapters, proxy: FaultProxy) -> None:
    """Nor a value that was put too late for the feed and is put once more."""
    clock = ManualClock()
    namespace = Namespace("t", "n", "g", NamespaceSettings(), 1)
    key_values = KeyValues(site.table, HybridClock(clock.unix_ms, "a.1", ahead_ms_max=500), clock)
    throttled = one_by_one("PutItem", None, DYNAMODB_FAULTS["throttled"])

    def slow(request: Request) -> Fault | None:
        fault = throttled(request)
        if request.name == "PutItem" and fault is None:
            clock.seconds += 5
        return fault

    proxy.plan = slow
    with pytest.raises(OutcomeUnknown):
        key_values.put(namespace, NewItem("k", b"value"))
    proxy.heal()
    assert key_values.get(namespace, "k").value == b"value"


def test_a_pointer_that_cannot_be_looked_at_may_have_moved(site: Adapters, proxy: FaultProxy) -> None:
    """Whether its put was never answered, or was repeated and cannot be told from another's."""
    proxy.plan = one_by_one("PUT", LOST, key="pointers/")
    with pytest.raises(OutcomeUnknown):
        site.blobs.swap_pointer("p/CURRENT", b"one", None)
    proxy.fail("PUT", s3_error("SlowDown", 503), path="pointers/")
    with pytest.raises(Unavailable) as told:
        site.blobs.swap_pointer("q/CURRENT", b"one", None)
    assert not isinstance(told.value, OutcomeUnknown)


def test_a_pointer_whose_swap_was_not_answered_is_looked_at(site: Adapters, proxy: FaultProxy) -> None:
    """The writer learns that it did move it."""
    proxy.fail("PUT", LOST, times=1, path="pointers/")
    assert site.blobs.swap_pointer("p/CURRENT", b"one", None)
    there = site.blobs.read_pointer("p/CURRENT")
    assert there is not None
    assert there[0] == b"one"
    proxy.fail("PUT", LOST, times=1, path="pointers/")
    assert site.blobs.swap_pointer("p/CURRENT", b"two", there[1])
    assert not site.blobs.swap_pointer("p/CURRENT", b"three", there[1])


def test_a_batch_whose_answer_was_lost_is_stored_once(aws: Emulators, tmp_path: Path) -> None:
    """Transactions carry a token. On ministack only: moto carries a repeated one out again."""
    with fault_proxy(aws.get("ministack").endpoint_url) as proxy:
        site = opened("ministack", aws, proxy, tmp_path)
        proxy.fail("TransactWriteItems", LOST, times=1)
        outcomes = site.table.put_many(AT, [item("a", 1), item("b", 1)])
        assert [outcome.stored for outcome in outcomes] == [True, True]
        assert proxy.count("TransactWriteItems") == 2
        namespace = site.catalog.create(Namespace("t", "n", "g", NamespaceSettings(8), 1))
        proxy.fail("TransactWriteItems", LOST, times=1)
        assert site.catalog.remove(namespace)
        assert site.catalog.pending_deletion() == [namespace]


def test_a_batch_that_fails_stores_nothing(site: Adapters, proxy: FaultProxy) -> None:
    """Neither when DynamoDB refuses it nor when S3 does not take one of its values."""
    large = item("large", 1, b"x" * 200_000)
    proxy.fail("TransactWriteItems", DYNAMODB_FAULTS["failing"])
    with pytest.raises(Unavailable):
        site.table.put_many(AT, [item("a", 1), large])
    proxy.fail("PUT", s3_error("SlowDown", 503))
    with pytest.raises(Unavailable, match="throttled"):
        site.table.put_many(AT, [item("a", 1), large])
    assert proxy.count("PUT") == ATTEMPTS
    proxy.heal()
    assert site.table.get(AT, ["a", "large"]) == {}
    assert all(outcome.stored for outcome in site.table.put_many(AT, [item("a", 1), large]))
    assert site.table.get(AT, ["large"])["large"] == large


def test_an_entry_is_not_committed_before_its_body(site: Adapters, proxy: FaultProxy) -> None:
    """A large body goes to S3 first; if that fails, the log has nothing."""
    proxy.fail("PUT", s3_error("InternalError", 500))
    with pytest.raises(Unavailable):
        site.log.append(AT, Version(1, "a.1"), b"x" * 100_000)
    proxy.heal()
    assert site.log.read(AT, 0).entries == []
    site.log.append(AT, Version(1, "a.1"), b"x" * 100_000)
    assert site.log.read(AT, 0).entries == [(Version(1, "a.1"), b"x" * 100_000)]


def test_a_trim_that_breaks_off_shows_the_gap(site: Adapters, proxy: FaultProxy) -> None:
    """The floor is raised before anything goes, and the next trim goes on."""
    for stamp in range(1, 41):
        site.log.append(AT, Version(stamp, "a.1"), b"")
    left = [1]

    def second_batch_fails(request: Request) -> Fault | None:
        if request.name != "BatchWriteItem":
            return None
        left[0] -= 1
        return None if left[0] >= 0 else DYNAMODB_FAULTS["throttled"]

    proxy.plan = second_batch_fails
    with pytest.raises(Unavailable):
        site.log.trim(AT, 35)
    proxy.heal()
    page = site.log.read(AT, 0)
    assert page.floor == 35
    assert [key.stamp for key, _ in page.entries] == list(range(26, 41))
    assert site.log.trim(AT, 35) == 10


def test_what_a_batch_left_unprocessed_is_sent_again(site: Adapters, proxy: FaultProxy) -> None:
    """As often as it takes, within bounds."""
    for stamp in range(1, 4):
        site.log.append(AT, Version(stamp, "a.1"), b"")
    left = [2]

    def unprocessed(request: Request) -> Fault | None:
        if request.name != "BatchWriteItem" or left[0] == 0:
            return None
        left[0] -= 1
        requests = request.body.partition(b'"RequestItems":')[2].rpartition(b', "ReturnConsumedCapacity"')[0]
        return Fault("refused", 200, b'{"UnprocessedItems": %s}' % requests)

    proxy.plan = unprocessed
    assert site.log.trim(AT, 2) == 2
    assert left == [0]
    assert [key.stamp for key, _ in site.log.read(AT, 0).entries] == [3]
    left[0] = 1_000
    with pytest.raises(Unavailable, match="unprocessed"):
        site.log.trim(AT, 3)


S3_FAULTS = {
    "slow down": s3_error("SlowDown", 503),
    "failing": s3_error("InternalError", 500),
    "reset": Fault("reset"),
    "late": Fault("late", seconds=2 * READ_SECONDS),
}


@pytest.mark.parametrize("fault", S3_FAULTS)
def test_s3_is_asked_a_bounded_number_of_times(site: Adapters, proxy: FaultProxy, fault: str) -> None:
    """Then it says so, whichever way the blob was asked for."""
    site.blobs.put("a/b", b"content")
    proxy.fail("GET", S3_FAULTS[fault])
    with pytest.raises(Unavailable) as told:
        site.blobs.get("a/b")
    assert proxy.count("GET") == ATTEMPTS
    assert told.value.hint
    proxy.heal()
    assert site.blobs.get("a/b") == b"content"


def test_a_body_that_breaks_off_is_read_again(site: Adapters, proxy: FaultProxy, tmp_path: Path) -> None:
    """Never passed on in part, neither in memory nor as a file."""
    content = bytes(range(256)) * 4_000
    site.blobs.put("a/b", content)
    cut = Fault("cut")
    proxy.fail("GET", cut, times=1)
    assert site.blobs.get("a/b") == content
    proxy.fail("GET", cut, times=1)
    assert site.blobs.read_ranges("a/b", [(10, 100_000)]) == [content[10:100_010]]
    proxy.fail("GET", cut)
    with pytest.raises(Unavailable):
        site.blobs.local_file("a/b")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    proxy.fail("GET", cut, times=1)
    assert site.blobs.local_file("a/b").read_bytes() == content


@pytest.mark.parametrize("emulator", NAMES)
def test_bytes_that_do_not_match_their_checksum_are_not_served(
    aws: Emulators, tmp_path: Path, emulator: str
) -> None:
    """S3 keeps the SHA-256 of each blob, and what arrives is compared with it."""
    with fault_proxy(aws.get(emulator).endpoint_url) as proxy:
        site = opened(emulator, aws, proxy, tmp_path)
        site.blobs.put("a/b", b"content")
        proxy.fail("GET", Fault("damaged"), times=1)
        assert site.blobs.get("a/b") == b"content"
        proxy.fail("GET", Fault("damaged"))
        with pytest.raises(Corrupted, match="checksum"):
            site.blobs.get("a/b")
