"""The contract of KeyValueTable: what every table must do, whatever keeps it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quartzdb.domain.errors import TooLarge
from quartzdb.domain.hlc import Version
from quartzdb.domain.limits import KV_BATCH_ITEMS_MAX
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import Expect, Item, KeyPage, KeyValueTable
from tests.contracts.adapters import fresh_partition, in_threads, rounds

NOW_MS = 1_000_000
EDGES = "\0\x01ab/_%*?[~\x7f\x80\u07ff\u0800\ud7ff\ue000\ufffd\uffff\U00010000\U0001f600\U0010fffe\U0010ffff"
"""Characters around every border of UTF-8 and UTF-16, where a wrong order shows, and those that patterns use."""
KEYS = st.text(st.sampled_from(EDGES), min_size=1, max_size=4)


def item(
    key: str,
    stamp: int,
    value: bytes | None = b"value",
    *,
    writer: str = "a.1",
    appended: int | None = None,
    expires_at_ms: int | None = None,
) -> Item:
    appended = stamp if appended is None else appended
    return Item(key, Version(stamp, writer), appended, value, "text/plain", expires_at_ms)


def listed(table: KeyValueTable, partition: Partition, **changed: object) -> KeyPage:
    asked: dict[str, object] = {"prefix": "", "after": None, "limit": 100, "now_ms": NOW_MS, "values": False}
    return table.list(partition, **{**asked, **changed})  # type: ignore[arg-type]


def put_all(table: KeyValueTable, partition: Partition, items: Sequence[Item]) -> None:
    """In as many batches as the table needs."""
    for start in range(0, len(items), table.batch_items_max):
        table.put_many(partition, items[start : start + table.batch_items_max])


def keys(page: KeyPage) -> list[str]:
    return [found.key for found in page.items]


def test_an_item_comes_back_as_it_was_put(table: KeyValueTable, partition: Partition) -> None:
    """Every field, any bytes; a key without an item is left out."""
    items = [
        item("plain", 1, bytes(range(256))),
        item("empty", 2, b""),
        item("gone", 3, None),
        item("brief", 4, expires_at_ms=NOW_MS),
        item("foreign", 5, writer="cloudflare.x-1_2", appended=77),
    ]
    for one in items:
        assert table.put(partition, one) == (True, None)
    found = table.get(partition, [one.key for one in items] + ["absent"])
    assert found == {one.key: one for one in items}
    assert table.get(partition, []) == {}
    assert table.get(fresh_partition(), ["plain"]) == {}


def test_large_values(table: KeyValueTable, partition: Partition) -> None:
    """The largest that the service accepts, and more keys in one question than an adapter asks for at once."""
    large = item("large", 1, b"\xa5" * (10 * 1024 * 1024))
    table.put(partition, large)
    many = [item(f"key {number}", number + 2) for number in range(700)]
    put_all(table, partition, many)
    found = table.get(partition, ["large", *(one.key for one in many), "absent", "large"])
    assert found == {one.key: one for one in [large, *many]}


@pytest.mark.parametrize("value", [b"x", None], ids=["value", "tombstone"])
def test_the_later_version_wins(table: KeyValueTable, partition: Partition, value: bytes | None) -> None:
    """Whatever arrives last; equal versions are the same write, stored once."""
    second = item("k", 5, b"second", writer="b.1")
    assert table.put(partition, item("k", 4, value)).stored
    assert table.put(partition, second).stored
    for other in (item("k", 4, value), item("k", 5, value, writer="a.1"), second):
        outcome = table.put(partition, other)
        assert not outcome.stored
        assert outcome.previous is not None
        assert outcome.previous.version == second.version
    assert table.get(partition, ["k"])["k"] == second
    assert table.put(partition, item("k", 5, value, writer="c.1")).stored
    assert table.get(partition, ["k"])["k"].value == value


def test_a_put_says_what_was_there_without_its_value(table: KeyValueTable, partition: Partition) -> None:
    """Enough to know whether it was live, and no large value is read for it."""
    table.put(partition, item("k", 1, b"long", expires_at_ms=9))
    assert table.put(partition, item("k", 2, None)) == (True, item("k", 1, b"", expires_at_ms=9))
    assert table.put(partition, item("k", 3)) == (True, item("k", 2, None))
    assert table.put(partition, item("k", 3)) == (False, item("k", 3, b""))


def test_compare_and_set_needs_the_expected_version(table: KeyValueTable, partition: Partition) -> None:
    """A put whose condition fails changes nothing and says what is there."""
    table.put(partition, item("k", 1))
    outcome = table.put(partition, item("k", 3), Expect(Version(2, "a.1"), NOW_MS))
    assert outcome == (False, item("k", 1, b""))
    assert not table.put(partition, item("k", 3), Expect(Version(1, "b.1"), NOW_MS)).stored
    assert table.put(partition, item("k", 3), Expect(Version(1, "a.1"), NOW_MS)).stored
    assert not table.put(partition, item("absent", 3), Expect(Version(1, "a.1"), NOW_MS)).stored
    assert table.get(partition, ["k", "absent"]) == {"k": item("k", 3)}


@pytest.mark.parametrize(
    "there",
    [None, item("k", 1, None), item("k", 1, expires_at_ms=NOW_MS)],
    ids=["none", "deleted", "expired"],
)
def test_no_live_item_counts_as_absent(
    table: KeyValueTable, partition: Partition, there: Item | None
) -> None:
    """A tombstone or an expired item does not stop an `If-None-Match: *`, and no version names it."""
    if there:
        table.put(partition, there)
    assert not table.put(partition, item("k", 2), Expect(Version(1, "a.1"), NOW_MS)).stored
    assert table.put(partition, item("k", 2), Expect(None, NOW_MS)).stored
    assert not table.put(partition, item("k", 3), Expect(None, NOW_MS)).stored
    assert table.get(partition, ["k"])["k"] == item("k", 2)


def test_a_condition_does_not_override_the_order_of_versions(
    table: KeyValueTable, partition: Partition
) -> None:
    """The writer has to take a later version first."""
    table.put(partition, item("k", 5))
    assert not table.put(partition, item("k", 4), Expect(Version(5, "a.1"), NOW_MS)).stored
    table.put(partition, item("k", 6, None))
    assert not table.put(partition, item("k", 4), Expect(None, NOW_MS)).stored


def test_one_of_many_compare_and_sets_wins(table: KeyValueTable, partition: Partition) -> None:
    """Each names the version that it read; the counter misses none of the increments that were stored."""
    table.put(partition, item("counter", 1, b"0"))
    stored: list[int] = []

    def work(writer: int) -> None:
        for _ in range(20):
            there = table.get(partition, ["counter"])["counter"]
            new = item(
                "counter",
                there.version.stamp + 1,
                b"%d" % (int(there.value or b"") + 1),
                writer=f"w.{writer}",
            )
            if table.put(partition, new, Expect(there.version, NOW_MS)).stored:
                stored.append(writer)

    in_threads(8, work)
    assert table.get(partition, ["counter"])["counter"].value == b"%d" % len(stored)


def test_a_batch_is_stored_in_order(table: KeyValueTable, partition: Partition) -> None:
    """Each item as one put would be: one that is too old is left out without harm to the others."""
    table.put(partition, item("old", 9))
    outcomes = table.put_many(
        partition, [item("a", 1), item("old", 2), item("a", 3, b"later"), item("a", 2), item("b", 1, None)]
    )
    assert [outcome.stored for outcome in outcomes] == [True, False, True, False, True]
    assert [outcome.previous and outcome.previous.version.stamp for outcome in outcomes] == [
        None,
        9,
        1,
        3,
        None,
    ]
    found = table.get(partition, ["a", "b", "old"])
    assert found == {"a": item("a", 3, b"later"), "b": item("b", 1, None), "old": item("old", 9)}
    assert list(table.put_many(partition, [])) == []


def test_a_table_stores_as_many_together_as_it_says(table: KeyValueTable, partition: Partition) -> None:
    """At least what the smallest does; where more would not be all or none, they are refused and none is stored."""
    most = table.batch_items_max
    assert 100 <= most <= KV_BATCH_ITEMS_MAX
    table.put_many(partition, [item(f"{n}", 1) for n in range(most)])
    assert table.count(partition, NOW_MS)[0] == most
    other = fresh_partition()
    with suppress(TooLarge):
        table.put_many(other, [item(f"{n}", 1) for n in range(most + 1)])
    assert table.count(other, NOW_MS)[0] in {0, most + 1}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stored=st.dictionaries(KEYS, st.sampled_from(["live", "brief", "expired", "deleted"]), max_size=30),
    prefix=st.one_of(st.just(""), KEYS),
    after=st.one_of(st.none(), KEYS),
    limit=st.integers(1, 12),
    values=st.booleans(),
)
def test_listing_is_by_code_point(
    table: KeyValueTable, stored: dict[str, str], prefix: str, after: str | None, limit: int, values: bool
) -> None:
    """Exactly what filtering and sorting in Python gives, for any prefix, place and page size."""
    partition = fresh_partition()
    expiry = {"live": None, "brief": NOW_MS + 1, "expired": NOW_MS, "deleted": None}
    items = [
        item(key, 1, None if state == "deleted" else key.encode(), expires_at_ms=expiry[state])
        for key, state in stored.items()
    ]
    table.put_many(partition, items)
    live = sorted(key for key, state in stored.items() if state in {"live", "brief"})
    expected = [key for key in live if key.startswith(prefix) and (after is None or key > after)]
    page = listed(table, partition, prefix=prefix, after=after, limit=limit, values=values)
    assert keys(page) == expected[:limit]
    assert page.more == (len(expected) > limit)
    assert [found.value for found in page.items] == [
        key.encode() if values else b"" for key in expected[:limit]
    ]
    assert table.count(partition, NOW_MS) == (len(live), sum(2 * len(key.encode()) for key in live))


def test_every_page_of_a_listing(table: KeyValueTable, partition: Partition) -> None:
    """Going on after the last key of a page visits every key once."""
    expected = sorted({"a" + one + two for one in EDGES for two in EDGES})
    put_all(table, partition, [item(key, 1) for key in [*expected, "b", "A", "`"]])
    found: list[str] = []
    page = listed(table, partition, prefix="a", limit=37)
    while page.items:
        found += keys(page)
        page = listed(table, partition, prefix="a", after=found[-1], limit=37)
    assert found == expected


def test_the_longest_keys_are_listed_in_order(table: KeyValueTable, partition: Partition) -> None:
    """512 characters of four bytes, which differ at the end, in the middle or by their length alone."""
    last, astral, wide = "\U0010ffff", "\U0001f600", "\uffff"
    heads = [astral * 239, astral * 240, astral * 320, wide * 320, wide * 319 + "ab", "a" + astral * 239]
    ends = ["", "a", "\x7f", "é", wide, astral, last, last * 2, last + "a", astral * 3]
    stored = {(head + end)[:512] for head in heads for end in ends}
    stored |= {astral * 511 + one for one in ("", "a", astral, last, wide)} | {
        last * 512,
        last * 240,
        last * 241,
    }
    stored |= {astral, "a", "b", "c" * 512}
    put_all(table, partition, [item(key, 1) for key in sorted(stored, key=len)])
    assert table.get(partition, sorted(stored)) == {key: item(key, 1) for key in stored}
    expected = sorted(stored)
    found: list[str] = []
    page = listed(table, partition, limit=7)
    while page.items:
        found += keys(page)
        page = listed(table, partition, after=found[-1], limit=7)
    assert found == expected
    for prefix in (
        astral * 239,
        astral * 240,
        astral * 241,
        astral * 511,
        wide * 320,
        wide * 319,
        last * 240,
        last * 241,
    ):
        with_prefix = [key for key in expected if key.startswith(prefix)]
        assert keys(listed(table, partition, prefix=prefix)) == with_prefix
        for after in (astral * 240, astral * 320 + "b", wide * 320 + "a", last * 300):
            behind = [key for key in with_prefix if key > after]
            assert keys(listed(table, partition, prefix=prefix, after=after)) == behind
    total = sum(len(key.encode()) + len(b"value") for key in stored)
    assert table.count(partition, NOW_MS) == (len(stored), total)
    changed = table.changes(partition, 0, 100, 1_000)
    assert sorted(change.key for change in changed) == expected


def test_a_prefix_that_ends_at_the_last_code_point(table: KeyValueTable, partition: Partition) -> None:
    """There is no next code point to stop at."""
    last = "\U0010ffff"
    table.put_many(partition, [item(key, 1) for key in ("a", last, last + "a", last + last, "b" + last, "c")])
    assert keys(listed(table, partition, prefix=last)) == [last, last + "a", last + last]
    assert keys(listed(table, partition, prefix=last + last)) == [last + last]
    assert keys(listed(table, partition, prefix="b" + last)) == ["b" + last]


def test_a_prefix_is_no_pattern(table: KeyValueTable, partition: Partition) -> None:
    """Wildcards of any kind, and letters of the other case, match only themselves."""
    table.put_many(partition, [item(key, 1) for key in ("a%", "ab", "A%", "a_", "a*", "[a]", "a\0b", "a\0")])
    assert keys(listed(table, partition, prefix="a%")) == ["a%"]
    assert keys(listed(table, partition, prefix="a_")) == ["a_"]
    assert keys(listed(table, partition, prefix="a*")) == ["a*"]
    assert keys(listed(table, partition, prefix="[a")) == ["[a]"]
    assert keys(listed(table, partition, prefix="a\0")) == ["a\0", "a\0b"]


def test_an_item_expires_to_the_millisecond(table: KeyValueTable, partition: Partition) -> None:
    """At its time of expiry it is gone from listings and counts; `get` still shows it."""
    table.put(partition, item("k", 1, b"12345", expires_at_ms=NOW_MS))
    assert keys(listed(table, partition, now_ms=NOW_MS - 1)) == ["k"]
    assert table.count(partition, NOW_MS - 1) == (1, 6)
    assert keys(listed(table, partition, now_ms=NOW_MS)) == []
    assert table.count(partition, NOW_MS) == (0, 0)
    assert table.get(partition, ["k"])["k"].live(NOW_MS - 1)
    assert not table.get(partition, ["k"])["k"].live(NOW_MS)


def test_counting_follows_every_change(table: KeyValueTable, partition: Partition) -> None:
    """Bytes are those of keys, in UTF-8, and of values."""
    assert table.count(partition, NOW_MS) == (0, 0)
    table.put_many(partition, [item("ab", 1, b"123"), item("é", 1, b""), item("gone", 1, None)])
    assert table.count(partition, NOW_MS) == (2, 7)
    table.put(partition, item("ab", 2, b"1"))
    assert table.count(partition, NOW_MS) == (2, 5)
    table.put(partition, item("ab", 3, None))
    assert table.count(partition, NOW_MS) == (1, 2)


def test_the_change_feed_is_in_the_order_of_appending(table: KeyValueTable, partition: Partition) -> None:
    """`after` is exclusive, `upto` inclusive; tombstones and expired items are changes too, with their values."""
    items = [
        item("c", 5, appended=10),
        item("a", 9, None, appended=20),
        item("b", 1, appended=30, expires_at_ms=1),
        item("d", 2, appended=40),
    ]
    table.put_many(partition, items[::-1])
    assert list(table.changes(partition, 0, 100, 10)) == items
    assert list(table.changes(partition, 10, 30, 10)) == items[1:3]
    assert list(table.changes(partition, 0, 100, 2)) == items[:2]
    assert list(table.changes(partition, 40, 100, 2)) == []
    assert list(table.changes(partition, 10, 19, 2)) == []
    assert list(table.changes(fresh_partition(), 0, 100, 2)) == []


def test_an_overwritten_item_moves_in_the_change_feed(table: KeyValueTable, partition: Partition) -> None:
    """A key is in the feed once, at its present place."""
    table.put_many(partition, [item("a", 1, appended=10), item("b", 1, appended=11)])
    table.put(partition, item("a", 2, appended=12))
    assert [(change.key, change.appended) for change in table.changes(partition, 0, 100, 10)] == [
        ("b", 11),
        ("a", 12),
    ]
    # A put that did not take effect does not move it.
    table.put(partition, item("b", 1, appended=13))
    assert [(change.key, change.appended) for change in table.changes(partition, 0, 100, 10)] == [
        ("b", 11),
        ("a", 12),
    ]


def test_a_page_of_changes_never_ends_within_a_stamp(table: KeyValueTable, partition: Partition) -> None:
    """A batch has one stamp: who goes on from the last one seen would lose the rest of it."""
    table.put_many(partition, [item(key, 1, appended=10) for key in "dcab"] + [item("e", 1, appended=11)])
    assert [change.key for change in table.changes(partition, 0, 100, 1)] == ["a", "b", "c", "d"]
    assert [change.key for change in table.changes(partition, 0, 100, 4)] == ["a", "b", "c", "d"]
    assert [change.key for change in table.changes(partition, 0, 100, 5)] == ["a", "b", "c", "d", "e"]
    assert [change.key for change in table.changes(partition, 10, 100, 1)] == ["e"]


def test_purging_drops_what_nobody_needs(table: KeyValueTable, partition: Partition) -> None:
    """Expired before the time, tombstones from before the stamp; everything else stays."""
    items = [
        item("live", 1),
        item("brief", 2, expires_at_ms=101),
        item("expiring", 3, expires_at_ms=100),
        item("expired", 4, expires_at_ms=99),
        item("deleted", 5, None, appended=49),
        item("deleted later", 6, None, appended=50),
        item("deleted with expiry", 7, None, appended=50, expires_at_ms=1),
    ]
    table.put_many(partition, items)
    assert table.purge(partition, 100, 50, 10) == 2
    kept = [one for one in items if one.key not in {"expired", "deleted"}]
    assert table.get(partition, [one.key for one in items]) == {one.key: one for one in kept}
    assert table.purge(partition, 100, 50, 10) == 0
    assert table.purge(fresh_partition(), 100, 50, 10) == 0


def test_purging_stops_at_its_limit(table: KeyValueTable, partition: Partition) -> None:
    """So that it never holds up writers for long; the next call goes on."""
    table.put_many(partition, [item(f"e{n}", 1, expires_at_ms=1) for n in range(5)])
    table.put_many(partition, [item(f"d{n}", 1, None) for n in range(5)])
    assert [table.purge(partition, 100, 50, 4) for _ in range(4)] == [4, 4, 2, 0]


def test_dropping_removes_everything_of_one_partition(table: KeyValueTable, partition: Partition) -> None:
    """More than an adapter deletes at once; others keep theirs."""
    other = fresh_partition()
    table.put(other, item("k", 1))
    for start in (0, 600):
        put_all(table, partition, [item(f"{n}", 1) for n in range(start, start + 600)])
    table.drop(partition)
    table.drop(partition)
    table.drop(fresh_partition())
    assert table.count(partition, NOW_MS) == (0, 0)
    assert keys(listed(table, partition)) == []
    assert list(table.changes(partition, 0, 100, 10)) == []
    assert table.get(other, ["k"]) == {"k": item("k", 1)}


def test_another_instance_sees_what_was_acknowledged(
    open_table: Callable[[], KeyValueTable], partition: Partition
) -> None:
    """At once, in both directions."""
    one, two = open_table(), open_table()
    assert two.get(partition, ["k"]) == {}
    for stamp in range(1, 20, 2):
        one.put(partition, item("k", stamp))
        assert two.get(partition, ["k"])["k"].version.stamp == stamp
        assert two.put(partition, item("k", stamp + 1), Expect(Version(stamp, "a.1"), NOW_MS)).stored
        assert one.get(partition, ["k"])["k"].version.stamp == stamp + 1


def test_concurrent_puts_leave_the_latest(table: KeyValueTable, partition: Partition) -> None:
    """On every key, whoever wrote it, and every put tells its own outcome."""

    def work(writer: int) -> None:
        for stamp in range(1, 16):
            table.put(partition, item(f"k{stamp % 3}", stamp, b"%d" % writer, writer=f"w.{writer}"))

    in_threads(8, work)
    found = table.get(partition, ["k0", "k1", "k2"])
    assert {key: one.version for key, one in found.items()} == {
        "k0": Version(15, "w.7"),
        "k1": Version(13, "w.7"),
        "k2": Version(14, "w.7"),
    }
    assert all(one.value == b"7" for one in found.values())


def test_a_walk_finds_every_item_of_any_state(table: KeyValueTable, partition: Partition) -> None:
    """Tombstones and expired items included, without values; nothing of another partition."""
    count = rounds(table, 1_030)
    put_all(table, partition, [item(f"k{n:04}", n + 1, b"v" * 10) for n in range(count)])
    table.put(partition, item("gone", 5_000, None, writer="cloudflare.x", appended=77))
    table.put(partition, item("expired", 5_001, expires_at_ms=NOW_MS - 1))
    table.put(fresh_partition(), item("elsewhere", 1))
    found = {one.key: one for one in table.all_items(partition)}
    assert len(found) == count + 2
    assert (found["gone"].version, found["gone"].value) == (Version(5_000, "cloudflare.x"), None)
    assert found["gone"].appended == 77
    assert not found["expired"].live(NOW_MS)
    assert found["k0007"].live(NOW_MS)
    assert {one.value for one in found.values()} == {b"", None}
    assert list(table.all_items(fresh_partition())) == []
