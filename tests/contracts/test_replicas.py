"""The contract of Replica: what docs/replication.md says of a site, wherever its data is and however it is asked."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quartzdb.domain.change import Change, Delete, Patch, Upsert
from quartzdb.domain.errors import (
    ClockSkew,
    Conflict,
    InvalidArgument,
    NamespaceDiffers,
    NotFound,
)
from quartzdb.domain.hlc import Version
from quartzdb.domain.merge import UNKNOWN, RecordState, apply
from quartzdb.domain.metric import Metric
from quartzdb.replication.ports import Applied, Changes, Entry, Feed, FeedGap, SharedNamespace
from quartzdb.services.ports import ApiKey
from quartzdb.storage.ports import Item
from tests.aws_emulators import Emulators
from tests.contracts.replicas import REPLICAS, Running

DIMENSION = 384
"""What every site can have: the namespace behind `/api/*`."""
RECORDS, KEYS = Feed.RECORDS, Feed.KEYS
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=REPLICAS)
def tested(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, aws: Emulators
) -> Iterator[Running]:
    with REPLICAS[request.param](tmp_path_factory.mktemp("replica"), aws) as running:
        yield running


@pytest.fixture
def namespace() -> SharedNamespace:
    return fresh_namespace()


def fresh_namespace() -> SharedNamespace:
    """One that nothing was ever written to, so that tests may share a site."""
    return SharedNamespace(f"t{secrets.token_hex(6)}", "default", DIMENSION, Metric.COSINE)


def version(tested: Running, back_ms: int = 60_000, *, site: str = "there", counter: int = 0) -> Version:
    return Version(((tested.now_ms() - back_ms) << 16) + counter, f"{site}.x")


def vector(seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)


def upsert(tested: Running, record_id: str, back_ms: int = 60_000, **metadata: Any) -> Upsert:
    return Upsert(record_id, version(tested, back_ms), vector(), metadata)


def put(tested: Running, key: str, back_ms: int = 60_000, value: bytes | None = b"value") -> Item:
    return Item(key, version(tested, back_ms), 0, value, "text/plain")


def read_all(
    tested: Running,
    namespace: SharedNamespace,
    feed: Feed,
    cursor: str | None = None,
    *,
    limit: int = 500,
    exclude_site: str | None = None,
) -> list[Any]:
    """Everything that the feed has from a cursor on."""
    found: list[Any] = []
    for _ in range(100):
        page = tested.replica.changes(namespace, feed, cursor, limit=limit, exclude_site=exclude_site)
        assert len(page.changes) <= limit or feed is KEYS
        found += page.changes
        cursor = page.cursor
        if not page.more:
            return found
    raise AssertionError("a feed without an end")


def plain(changes: Changes) -> list[tuple[object, ...]]:
    """Changes as values that can be compared."""
    shown: list[tuple[object, ...]] = []
    for change in changes:
        if isinstance(change, Item):
            kind = change.content_type if change.value is not None else None
            shown.append((change.key, change.version, change.value, kind, change.expires_at_ms))
        elif isinstance(change, Upsert):
            shown.append(
                ("upsert", change.id, change.version, change.vector.tobytes(), dict(change.metadata))
            )
        elif isinstance(change, Patch):
            shown.append(("patch", change.id, change.version, dict(change.set), sorted(change.unset)))
        else:
            shown.append(("delete", change.id, change.version))
    return shown


# --- what is expected, said once more ---------------------------------------------------------------------------------


def states_of(changes: Sequence[Change]) -> dict[str, RecordState]:
    states: dict[str, RecordState] = defaultdict(lambda: UNKNOWN)
    for change in changes:
        states[change.id] = apply(states[change.id], change)
    return states


def expected_digests(live: dict[str, tuple[Version, dict[str, Version]]]) -> list[tuple[int, int]]:
    buckets = [(0, 0)] * 256
    for record_id, (base, patches) in live.items():
        bucket = hashlib.sha256(record_id.encode()).digest()[0]
        patched = [f"{name}={patches[name]}" for name in sorted(patches, key=lambda name: name.encode())]
        text = "\n".join([record_id, str(base), *patched])
        state_hash = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
        count, total = buckets[bucket]
        buckets[bucket] = (count + 1, total + state_hash)
    return buckets


def digests_of_records(changes: Sequence[Change]) -> list[tuple[int, int]]:
    return expected_digests(
        {
            record_id: (state.base, {name: patch.version for name, patch in state.patches.items()})
            for record_id, state in states_of(changes).items()
            if state.live
        }
    )


def entries_of(tested: Running, namespace: SharedNamespace, feed: Feed, ids: Sequence[str]) -> list[Entry]:
    """Entries of the buckets that these ids are in."""
    buckets = {hashlib.sha256(one.encode()).digest()[0] for one in ids}
    return [
        entry
        for bucket in sorted(buckets)
        for entry in tested.replica.entries(namespace, feed, bucket, after=None, limit=1_000).entries
    ]


# --- feeds ------------------------------------------------------------------------------------------------------------


def test_a_site_has_a_name_and_shares_what_it_has(tested: Running, namespace: SharedNamespace) -> None:
    """A namespace that changes come for is created with the settings that come with them."""
    assert tested.replica.site == "here"
    assert namespace not in tested.replica.namespaces()
    assert tested.replica.apply(namespace, RECORDS, []) == Applied(0, 0)
    tested.replica.apply(namespace, RECORDS, [upsert(tested, "a")])
    assert namespace in tested.replica.namespaces()


def test_changes_of_records_come_out_as_they_went_in(tested: Running, namespace: SharedNamespace) -> None:
    """In order, with the versions that they were born with, bit for bit."""
    metadata = {
        "text": "é \U0001f600 \0",
        "n": 2**53 - 1,
        "x": -0.125,
        "no": None,
        "yes": True,
        "deep": {"a": [1]},
    }
    changes: list[Change] = [
        Upsert("a", version(tested, 5_000), vector(1), metadata),
        Patch("a", version(tested, 4_000), {"n": 1, "é": [None]}, ("yes",)),
        Delete("b", version(tested, 3_000, site="elsewhere")),
        Patch("never-written", version(tested, 2_000, counter=65_535), {"a": 1}),
        Upsert("A_-9", version(tested, 1_000), np.zeros(DIMENSION, np.float32) + np.float32(0.1), {}),
    ]
    assert tested.replica.apply(namespace, RECORDS, changes) == Applied(5, 0)
    tested.settle()
    found = read_all(tested, namespace, RECORDS)
    if not tested.one_order:
        found, changes = sorted(found, key=lambda one: one.id), sorted(changes, key=lambda one: one.id)
    assert plain(found) == plain(changes)


def test_changes_of_keys_come_out_as_they_went_in(tested: Running, namespace: SharedNamespace) -> None:
    """Any bytes, content types, expiries and tombstones."""
    later_ms = tested.now_ms() + 3_600_000
    items = [
        Item("bytes", version(tested, 5_000), 0, bytes(range(256)), "image/png"),
        Item("empty", version(tested, 4_000), 0, b"", "text/plain; charset=utf-8"),
        Item("gone", version(tested, 3_000, site="elsewhere"), 0, None),
        Item("brief", version(tested, 2_000), 0, b"soon", "text/plain", later_ms),
        Item("é/\U0001f600 ?%", version(tested, 1_000), 0, b"x", "a/b"),
    ]
    assert tested.replica.apply(namespace, KEYS, items) == Applied(5, 0)
    tested.settle()
    assert sorted(plain(read_all(tested, namespace, KEYS))) == sorted(plain(items))


def test_applying_again_changes_nothing(tested: Running, namespace: SharedNamespace) -> None:
    """Nor does it come out of the feed once more."""
    changes = [upsert(tested, "a", 5_000), Patch("a", version(tested, 4_000), {"n": 1})]
    items = [put(tested, "a", 5_000), put(tested, "b", 4_000, None)]
    for feed, sent in ((RECORDS, changes), (KEYS, items)):
        assert tested.replica.apply(namespace, feed, sent) == Applied(2, 0)  # type: ignore[arg-type]
        tested.settle()
        page = tested.replica.changes(namespace, feed, None, limit=500, exclude_site=None)
        assert tested.replica.apply(namespace, feed, sent) == Applied(0, 2)  # type: ignore[arg-type]
        tested.settle()
        assert read_all(tested, namespace, feed, page.cursor) == []
        assert len(read_all(tested, namespace, feed)) == 2


def test_older_changes_are_known(tested: Running, namespace: SharedNamespace) -> None:
    """The later version has won already, by stamp and then by writer."""
    same = version(tested, 1_000)
    first: list[Change] = [Upsert("a", same, vector(), {}), Patch("a", version(tested, 500), {"n": 2})]
    second: list[Change] = [
        Upsert("a", Version(same.stamp, "aaaa.x"), vector(), {}),
        Patch("a", version(tested, 800), {"n": 1, "m": 1}),
        Delete("a", version(tested, 2_000)),
        Patch("a", version(tested, 600), {"m": 0, "n": 0}),
    ]
    assert tested.replica.apply(namespace, RECORDS, first) == Applied(2, 0)
    assert tested.replica.apply(namespace, RECORDS, second) == Applied(2, 2)
    tested.replica.apply(namespace, KEYS, [put(tested, "a", 1_000)])
    assert tested.replica.apply(namespace, KEYS, [put(tested, "a", 2_000, None)]) == Applied(0, 1)
    assert tested.replica.apply(namespace, KEYS, [put(tested, "a", 500, None)]) == Applied(1, 0)


@pytest.mark.parametrize("feed", Feed)
def test_every_page_of_a_feed(tested: Running, namespace: SharedNamespace, feed: Feed) -> None:
    """Whatever the limit, each change comes once, in one order; a cursor gives the same page again."""
    changes: Any = (
        [upsert(tested, f"r{n}", 1_000 - n) for n in range(9)]
        if feed is RECORDS
        else [put(tested, f"k{n}", 1_000 - n) for n in range(9)]
    )
    tested.replica.apply(namespace, feed, changes[:6])
    tested.replica.apply(namespace, feed, changes[6:])
    tested.settle()
    whole = plain(read_all(tested, namespace, feed))
    assert sorted(map(str, whole)) == sorted(map(str, plain(changes)))
    for limit in (1, 2, 4, 9):
        assert plain(read_all(tested, namespace, feed, limit=limit)) == whole
    first = tested.replica.changes(namespace, feed, None, limit=4, exclude_site=None)
    again = tested.replica.changes(namespace, feed, first.cursor, limit=2, exclude_site=None)
    assert plain(
        tested.replica.changes(namespace, feed, first.cursor, limit=2, exclude_site=None).changes
    ) == plain(again.changes)
    assert first.more
    assert plain(first.changes) + plain(again.changes) == whole[:6]


@pytest.mark.parametrize("feed", Feed)
def test_changes_born_at_the_reader_are_left_out(
    tested: Running, namespace: SharedNamespace, feed: Feed
) -> None:
    """And passed: the cursor moves on, to what was born elsewhere."""
    born = ["there", "there", "elsewhere", "there"]
    versions = [version(tested, 1_000 - n, site=site) for n, site in enumerate(born)]
    changes: Any = (
        [Delete(f"r{n}", one) for n, one in enumerate(versions)]
        if feed is RECORDS
        else [Item(f"k{n}", one, 0, None) for n, one in enumerate(versions)]
    )
    tested.replica.apply(namespace, feed, changes)
    tested.settle()
    found = read_all(tested, namespace, feed, exclude_site="there", limit=1)
    assert [change.version for change in found] == [versions[2]]
    page = tested.replica.changes(namespace, feed, None, limit=500, exclude_site="there")
    assert read_all(tested, namespace, feed, page.cursor) == []


def test_a_page_says_up_to_when_it_is_complete(tested: Running, namespace: SharedNamespace) -> None:
    """Never later than the site's own time."""
    tested.replica.apply(namespace, RECORDS, [upsert(tested, "a")])
    tested.settle()
    before_ms = tested.now_ms()
    for feed in Feed:
        page = tested.replica.changes(namespace, feed, None, limit=500, exclude_site=None)
        assert not page.more
        assert before_ms - 10_000 <= page.through_ms <= tested.now_ms()


def test_a_namespace_that_is_not_there_is_empty(tested: Running, namespace: SharedNamespace) -> None:
    """And its cursor goes on from the beginning once it is there."""
    for feed in Feed:
        page = tested.replica.changes(namespace, feed, None, limit=500, exclude_site=None)
        assert (list(page.changes), page.more) == ([], False)
        assert [tuple(bucket) for bucket in tested.replica.digests(namespace, feed).buckets] == [(0, 0)] * 256
        assert list(tested.replica.entries(namespace, feed, 0, after=None, limit=10).entries) == []
        assert list(tested.replica.fetch(namespace, feed, ["a"])) == []
        change: Any = upsert(tested, "a") if feed is RECORDS else put(tested, "a")
        tested.replica.apply(namespace, feed, [change])
        tested.settle()
        assert len(read_all(tested, namespace, feed, page.cursor)) == 1


def test_pages_end_before_4_mb(tested: Running, namespace: SharedNamespace) -> None:
    """Unless a single change is larger: that one comes alone, and can be applied alone."""
    large = [put(tested, f"k{n}", 1_000 - n, secrets.token_bytes(700_000)) for n in range(6)]
    larger = put(tested, "larger", 500, secrets.token_bytes(3_400_000))
    tested.replica.apply(namespace, KEYS, large)
    tested.replica.apply(namespace, KEYS, [larger])
    tested.settle()
    found: list[Item] = []
    cursor, more = None, True
    while more:
        page = tested.replica.changes(namespace, KEYS, cursor, limit=500, exclude_site=None)
        sizes = [len(item.value or b"") * 4 / 3 for item in page.changes if isinstance(item, Item)]
        assert sum(sizes) <= 4 * 1024 * 1024 or len(sizes) == 1
        found += page.changes  # type: ignore[arg-type]
        cursor, more = page.cursor, page.more
    assert sorted(plain(found), key=str) == sorted(plain([*large, larger]), key=str)
    fetched = tested.replica.fetch(namespace, KEYS, [item.key for item in (*large, larger)])
    assert sorted(plain(fetched), key=str) == sorted(plain([*large, larger]), key=str)


# --- digests ----------------------------------------------------------------------------------------------------------


def test_digests_are_those_of_the_protocol(tested: Running, namespace: SharedNamespace) -> None:
    """Live records with the patches that still show; no tombstones."""
    changes: list[Change] = [
        upsert(tested, "a", 5_000),
        upsert(tested, "b", 5_000, x=1),
        Patch("b", version(tested, 4_000), {"x": 2, "é": 1}, ("gone",)),
        Patch("b", version(tested, 6_000), {"old": 2}),
        upsert(tested, "c", 5_000),
        Patch("c", version(tested, 4_000), {"x": 2}),
        Upsert("c", version(tested, 3_000), vector(), {}),
        upsert(tested, "d", 5_000),
        Delete("d", version(tested, 4_000)),
        Patch("d", version(tested, 3_000), {"x": 1}),
        Patch("e", version(tested, 3_000), {"x": 1}),
    ]
    tested.replica.apply(namespace, RECORDS, changes)
    found = [tuple(bucket) for bucket in tested.replica.digests(namespace, RECORDS).buckets]
    assert found == digests_of_records(changes)
    assert sum(count for count, _ in found) == 3


def test_digests_of_keys_are_those_of_the_protocol(tested: Running, namespace: SharedNamespace) -> None:
    """Neither tombstones nor what has expired."""
    items = [
        put(tested, "a", 5_000),
        put(tested, "é", 5_000),
        put(tested, "é", 4_000, b"other"),
        put(tested, "gone", 5_000),
        put(tested, "gone", 4_000, None),
        replace(put(tested, "over", 5_000), expires_at_ms=tested.now_ms() - 1),
        replace(put(tested, "soon", 5_000), expires_at_ms=tested.now_ms() + 3_600_000),
    ]
    tested.replica.apply(namespace, KEYS, items)
    found = [tuple(bucket) for bucket in tested.replica.digests(namespace, KEYS).buckets]
    live = {"a": items[0], "é": items[2], "soon": items[6]}
    assert found == expected_digests({key: (item.version, {}) for key, item in live.items()})


def test_entries_show_what_is_behind_a_digest(tested: Running, namespace: SharedNamespace) -> None:
    """Versions of live records, of tombstones, and of patches of what was never written, by id and page by page."""
    live, patch = version(tested, 5_000), version(tested, 4_000)
    gone = version(tested, 3_000)
    changes: list[Change] = [
        Upsert("a", live, vector(), {}),
        Patch("a", patch, {"x": 1}, ("y",)),
        Delete("b", gone),
        Patch("c", patch, {"x": 1}),
        *(Upsert(f"r{n}", live, vector(), {}) for n in range(40)),
    ]
    tested.replica.apply(namespace, RECORDS, changes)
    found = {entry.id: entry for entry in entries_of(tested, namespace, RECORDS, ["a", "b", "c"])}
    assert found["a"] == Entry("a", live, {"x": patch, "y": patch}, True)
    assert found["b"] == Entry("b", gone, {}, False)
    assert found["c"] == Entry("c", None, {"x": patch}, False)
    bucket = hashlib.sha256(b"a").digest()[0]
    same = [
        one for one in (f"s{n}" for n in range(3_000)) if hashlib.sha256(one.encode()).digest()[0] == bucket
    ]
    tested.replica.apply(namespace, RECORDS, [Delete(one, gone) for one in same[:7]])
    whole = tested.replica.entries(namespace, RECORDS, bucket, after=None, limit=1_000).entries
    assert [entry.id for entry in whole] == sorted({"a", *same[:7]} | {e.id for e in whole})
    paged: list[Entry] = []
    after: str | None = None
    more = True
    while more:
        page = tested.replica.entries(namespace, RECORDS, bucket, after=after, limit=3)
        assert len(page.entries) <= 3
        paged += page.entries
        after, more = page.entries[-1].id, page.more
    assert paged == list(whole)


def test_entries_of_keys(tested: Running, namespace: SharedNamespace) -> None:
    """Tombstones and expired items are not live."""
    items = [
        put(tested, "a", 5_000),
        put(tested, "b", 4_000, None),
        replace(put(tested, "c", 3_000), expires_at_ms=tested.now_ms() - 1),
    ]
    tested.replica.apply(namespace, KEYS, items)
    found = {entry.id: entry for entry in entries_of(tested, namespace, KEYS, ["a", "b", "c"])}
    assert found == {
        item.key: Entry(item.key, item.version, {}, live)
        for item, live in zip(items, (True, False, False), strict=True)
    }


def test_what_is_fetched_makes_the_same_state(tested: Running, namespace: SharedNamespace) -> None:
    """Applied to a namespace that has nothing: live records, tombstones and lonely patches; unknown ids give none."""
    changes: list[Change] = [
        upsert(tested, "a", 5_000, x=1, y=1),
        Patch("a", version(tested, 4_000), {"x": 2, "z": {"deep": [1]}}, ("y",)),
        Patch("a", version(tested, 3_000), {"x": 3}),
        Delete("b", version(tested, 3_000)),
        Patch("c", version(tested, 3_000), {"x": 1}),
    ]
    tested.replica.apply(namespace, RECORDS, changes)
    fetched = tested.replica.fetch(namespace, RECORDS, ["a", "b", "c", "unknown"])
    mine, theirs = states_of(changes), states_of(fetched)  # type: ignore[arg-type]
    assert set(theirs) == {"a", "b", "c"}
    assert theirs["a"].visible_metadata() == mine["a"].visible_metadata() == {"x": 3, "z": {"deep": [1]}}
    for record_id, state in mine.items():
        assert (theirs[record_id].base, theirs[record_id].live) == (state.base, state.live)
        assert theirs[record_id].patches == state.patches
    other = fresh_namespace()
    tested.replica.apply(other, RECORDS, fetched)
    assert all_or_some(tested, other, "abc") == all_or_some(tested, namespace, "abc")

    items = [put(tested, "a", 5_000), put(tested, "b", 4_000, None)]
    tested.replica.apply(namespace, KEYS, items)
    assert plain(tested.replica.fetch(namespace, KEYS, ["b", "unknown", "a"])) == plain(items[::-1])


def all_or_some(tested: Running, namespace: SharedNamespace, ids: str) -> list[Entry]:
    return sorted(
        (entry for entry in entries_of(tested, namespace, RECORDS, list(ids)) if entry.id in ids),
        key=lambda entry: entry.id,
    )


# --- convergence ------------------------------------------------------------------------------------------------------

_ids = st.sampled_from("abc")
_fields = st.dictionaries(st.sampled_from("xyé"), st.integers(0, 9), max_size=2)


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[tuple[str, str, dict[str, int], tuple[str, ...]]], list[list[int]]]:
    """Changes, each with a version of its own, and two ways of sending them: in any order, in parts, some twice."""
    count = draw(st.integers(1, 8))
    changes = [
        (draw(st.sampled_from("upd")), draw(_ids), draw(_fields), draw(st.sampled_from([(), ("z",)])))
        for _ in range(count)
    ]
    orders = [
        [*draw(st.permutations(range(count))), *draw(st.lists(st.integers(0, count - 1), max_size=3))]
        for _ in range(2)
    ]
    return changes, orders


def test_any_order_and_any_repetition_give_one_state(tested: Running) -> None:
    """Of records and of keys, split into any parts: equal digests, and those that merging says."""

    @settings(
        max_examples=tested.examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(plan=plans(), part=st.integers(1, 4))
    def converge(plan: Any, part: int) -> None:
        written, orders = plan
        records: list[Change] = []
        items: list[Item] = []
        for number, (kind, one, values, unset) in enumerate(written):
            born = version(tested, 60_000 - number, site="there" if number % 2 else "here")
            if kind == "u":
                records.append(Upsert(one, born, vector(number), values))
            elif kind == "d":
                records.append(Delete(one, born))
            else:
                records.append(Patch(one, born, values or {"x": 0}, unset))
            items.append(Item(one, born, 0, None if kind == "d" else str(number).encode(), "text/plain"))
        ends = []
        for order in orders:
            namespace = fresh_namespace()
            for start in range(0, len(order), part):
                some = order[start : start + part]
                tested.replica.apply(namespace, RECORDS, [records[number] for number in some])
                tested.replica.apply(namespace, KEYS, [items[number] for number in some])
            ends.append(
                tuple(
                    [tuple(bucket) for bucket in tested.replica.digests(namespace, feed).buckets]
                    for feed in Feed
                )
            )
        latest = {item.key: item for item in items}
        keys: dict[str, tuple[Version, dict[str, Version]]] = {
            key: (item.version, {}) for key, item in latest.items() if item.value is not None
        }
        assert ends[0] == ends[1] == (digests_of_records(records), expected_digests(keys))

    converge()


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_version_from_too_far_ahead_is_refused_with_all_that_came_with_it(
    tested: Running, namespace: SharedNamespace
) -> None:
    """500 ms are let pass."""
    tested.replica.apply(namespace, RECORDS, [Delete("a", version(tested, -300))])
    for feed in Feed:
        sent: Any = (
            [upsert(tested, "b"), Delete("c", version(tested, -60_000))]
            if feed is RECORDS
            else [put(tested, "b"), put(tested, "c", -60_000)]
        )
        with pytest.raises(ClockSkew):
            tested.replica.apply(namespace, feed, sent)
        assert list(tested.replica.fetch(namespace, feed, ["b", "c"])) == []


def test_a_namespace_of_other_settings_is_refused(tested: Running, namespace: SharedNamespace) -> None:
    """Whichever of them differs, and for both feeds."""
    tested.replica.apply(namespace, RECORDS, [upsert(tested, "a")])
    others = [replace(namespace, dimension=3), replace(namespace, metric=Metric.DOT)]
    for other, feed in itertools.product(others, Feed):
        with pytest.raises(NamespaceDiffers):
            tested.replica.apply(other, feed, [])


BAD_CHANGES: dict[str, Callable[[Running], Change]] = {
    "id": lambda tested: Delete("no\nid", version(tested)),
    "dimension": lambda tested: Upsert("a", version(tested), np.ones(3, np.float32), {}),
    "no direction": lambda tested: Upsert("a", version(tested), np.zeros(DIMENSION, np.float32), {}),
    "metadata too large": lambda tested: upsert(tested, "a", x="x" * 1_100_000),
}
BAD_ITEMS: dict[str, Callable[[Running], Item]] = {
    "empty key": lambda tested: put(tested, ""),
    "long key": lambda tested: put(tested, "k" * 513),
    "content type": lambda tested: replace(put(tested, "a"), content_type="é"),
}


@pytest.mark.parametrize("kind", BAD_CHANGES)
def test_records_that_no_client_could_write_are_refused(
    tested: Running, namespace: SharedNamespace, kind: str
) -> None:
    """With all that came with them."""
    changes: list[Change] = [upsert(tested, "good"), BAD_CHANGES[kind](tested)]
    with pytest.raises(InvalidArgument) as refused:
        tested.replica.apply(namespace, RECORDS, changes)
    assert (refused.value.field or "").startswith("changes[1]")
    assert list(tested.replica.fetch(namespace, RECORDS, ["good"])) == []


@pytest.mark.parametrize("kind", BAD_ITEMS)
def test_keys_that_no_client_could_write_are_refused(
    tested: Running, namespace: SharedNamespace, kind: str
) -> None:
    """With all that came with them."""
    with pytest.raises(InvalidArgument) as refused:
        tested.replica.apply(namespace, KEYS, [put(tested, "good"), BAD_ITEMS[kind](tested)])
    assert (refused.value.field or "").startswith("changes[1]")
    assert list(tested.replica.fetch(namespace, KEYS, ["good"])) == []


def test_a_namespace_that_nobody_shares_is_not_found(tested: Running) -> None:
    """Nothing that could climb out of a tenant is one."""
    for tenant in ("", "a/b", "..", "a#b", "t" * 64):
        bad = SharedNamespace(tenant, "default", DIMENSION, Metric.COSINE)
        with pytest.raises((InvalidArgument, NotFound)):
            tested.replica.apply(bad, RECORDS, [upsert(tested, "a")])
        with pytest.raises((InvalidArgument, NotFound)):
            tested.replica.changes(bad, RECORDS, None, limit=1, exclude_site=None)


def test_cursors_of_elsewhere_are_refused(tested: Running, namespace: SharedNamespace) -> None:
    """Altered ones, and those of another feed or namespace: at best they are a gap."""
    tested.replica.apply(namespace, RECORDS, [upsert(tested, "a")])
    tested.settle()
    cursor = tested.replica.changes(namespace, RECORDS, None, limit=1, exclude_site=None).cursor
    for where, feed, bad in (
        (namespace, RECORDS, "nonsense"),
        (namespace, KEYS, cursor),
        (fresh_namespace(), RECORDS, cursor),
    ):
        with pytest.raises((InvalidArgument, FeedGap)):
            tested.replica.changes(where, feed, bad, limit=1, exclude_site=None)


def test_limits_are_kept(tested: Running, namespace: SharedNamespace) -> None:
    """Of a page, of a listing, and of the buckets that there are."""
    tested.replica.apply(namespace, RECORDS, [upsert(tested, "a")])
    for limit in (0, 501):
        with pytest.raises(InvalidArgument):
            tested.replica.changes(namespace, RECORDS, None, limit=limit, exclude_site=None)
    for limit in (0, 1_001):
        with pytest.raises(InvalidArgument):
            tested.replica.entries(namespace, RECORDS, 0, after=None, limit=limit)
    with pytest.raises((InvalidArgument, NotFound)):
        tested.replica.entries(namespace, RECORDS, 256, after=None, limit=1)


def test_metadata_may_be_larger_than_a_client_may_write(tested: Running, namespace: SharedNamespace) -> None:
    """One site's limit to the byte is another's one byte too many: a feed must not stop at that."""
    large = upsert(tested, "a", x="x" * 40_000)
    assert tested.replica.apply(namespace, RECORDS, [large]) == Applied(1, 0)
    assert plain(tested.replica.fetch(namespace, RECORDS, ["a"])) == plain([large])


# --- API keys ---------------------------------------------------------------------------------------------------------


def api_key(tested: Running, **changed: Any) -> ApiKey:
    key = ApiKey(
        secrets.token_hex(6),
        f"t{secrets.token_hex(4)}",
        "the website",
        frozenset({"read", "write"}),
        secrets.token_bytes(32),
        tested.now_ms() - next(_numbers),
    )
    return replace(key, **changed)


def test_api_keys_are_taken_over_once(tested: Running) -> None:
    """A revocation comes after, and is never taken back."""
    keys = [api_key(tested), api_key(tested, expires_at_ms=tested.now_ms() + 1_000)]
    assert tested.replica.apply_api_keys(keys) == 2
    assert tested.replica.apply_api_keys(keys) == 0
    revoked = replace(keys[0], revoked_at_ms=tested.now_ms())
    assert tested.replica.apply_api_keys([revoked, keys[1]]) == 1
    assert tested.replica.apply_api_keys([revoked, keys[0]]) == 0


def test_bad_api_keys_are_refused(tested: Running) -> None:
    """Together with those that came with them."""
    good = api_key(tested)
    bad: dict[str, Any] = {
        "id": "x" * 12,
        "tenant": "a/b",
        "name": "",
        "scopes": frozenset({"root"}),
        "secret_sha256": b"short",
    }
    for name, value in bad.items():
        with pytest.raises(InvalidArgument) as refused:
            tested.replica.apply_api_keys([good, api_key(tested, **{name: value})])
        assert (refused.value.field or "").startswith(f"keys[1].{name}")
    assert tested.replica.apply_api_keys([good]) == 1
    with pytest.raises(Conflict):
        tested.replica.apply_api_keys([replace(good, secret_sha256=bytes(32))])
