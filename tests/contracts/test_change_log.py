"""The contract of ChangeLog: what every log must do, whatever keeps it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from quartzdb.domain.errors import Conflict, NamespaceNotFound
from quartzdb.domain.hlc import Version
from quartzdb.domain.limits import SHARDS_MAX
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import SEALED, ChangeLog, LogPage, StampBehind
from tests.contracts.adapters import BEHIND_MAX, fresh_partition, in_threads, rounds


def key(stamp: int, writer: str = "a.1") -> Version:
    return Version(stamp, writer)


def append(log: ChangeLog, partition: Partition, *stamps: int) -> None:
    for stamp in stamps:
        log.append(partition, key(stamp), b"body %d" % stamp)


def stamps(entries: Sequence[tuple[Version, bytes]]) -> list[int]:
    return [entry[0].stamp for entry in entries]


def test_a_log_that_was_never_written_to_is_empty(log: ChangeLog, partition: Partition) -> None:
    """Reading it is no error and leaves no trace."""
    page = log.read(partition, 0)
    assert not page.entries
    assert (page.floor, page.more) == (0, False)
    assert log.head(partition) == 0
    assert partition not in log.partitions()


def test_entries_come_back_whole_in_key_order(log: ChangeLog, partition: Partition) -> None:
    """Order is that of stamp, then writer, however they arrived."""
    keys = [key(30), key(10), key(20, "b.1"), key(20, "a.1"), key(20, "a.10")]
    for entry in keys:
        log.append(partition, entry, str(entry).encode() + b"\0\xff")
    page = log.read(partition, 0)
    assert list(page.entries) == [(entry, str(entry).encode() + b"\0\xff") for entry in sorted(keys)]
    assert {(type(entry), type(body)) for entry, body in page.entries} == {(Version, bytes)}
    assert log.head(partition) == 30


def test_bodies_of_any_size(log: ChangeLog, partition: Partition) -> None:
    """Around every border where an adapter keeps them elsewhere; again, in conflict, known, cut off and trimmed."""
    sizes = [0, 1, 32 * 1024, 32 * 1024 + 1, 400_000, 3_000_000]
    bodies = {key(stamp): bytes([stamp]) * size for stamp, size in enumerate(sizes, 1)}
    for _ in range(2):
        for entry, body in bodies.items():
            log.append(partition, entry, body)
    for entry, body in bodies.items():
        with pytest.raises(Conflict):
            log.append(partition, entry, body + b"x")
    assert dict(log.read(partition, 0).entries) == bodies
    assert dict(log.read(partition, 0, [key(5)]).entries) == {k: b for k, b in bodies.items() if k.stamp != 5}
    page = log.read(partition, 2, bytes_max=100_000)
    assert (stamps(page.entries), page.more) == ([3, 4, 5], True)
    assert log.trim(partition, 5) == 5
    page = log.read(partition, 0)
    assert (dict(page.entries), page.floor) == ({key(6): bodies[key(6)]}, 5)


def test_after_is_exclusive(log: ChangeLog, partition: Partition) -> None:
    """A reader at a stamp has every entry of that stamp."""
    append(log, partition, 1, 2, 3)
    assert stamps(log.read(partition, 2).entries) == [3]
    assert stamps(log.read(partition, 1).entries) == [2, 3]
    assert stamps(log.read(partition, 3).entries) == []


@pytest.mark.parametrize("collection", [list, tuple, set, frozenset])
def test_known_entries_are_left_out(
    log: ChangeLog, partition: Partition, collection: Callable[..., list[Version]]
) -> None:
    """A late entry between known ones is found; keys that the log does not have make no difference."""
    append(log, partition, *range(1, 10))
    log.append(partition, key(5, "late.1"), b"late")
    known = collection([key(stamp) for stamp in (2, 3, 5, 6, 9, 77)])
    found = [entry for entry, _ in log.read(partition, 1, known).entries]
    assert found == [key(4), key(5, "late.1"), key(7), key(8)]
    assert not log.read(partition, 7, collection([key(8), key(9)])).entries


def test_a_byte_limit_stops_the_read_and_says_so(log: ChangeLog, partition: Partition) -> None:
    """The entry that passes the limit is the last; the next read goes on from there and nothing is lost."""
    for stamp in range(1, 8):
        log.append(partition, key(stamp), b"x" * 10)
    page = log.read(partition, 0, bytes_max=25)
    assert (stamps(page.entries), page.more) == ([1, 2, 3], True)
    page = log.read(partition, 0, [key(1), key(4)], bytes_max=25)
    assert (stamps(page.entries), page.more) == ([2, 3, 5], True)
    page = log.read(partition, 3, bytes_max=35)
    assert (stamps(page.entries), page.more) == ([4, 5, 6, 7], False)
    # What is known already does not count as more.
    page = log.read(partition, 0, [key(stamp) for stamp in range(3, 8)], bytes_max=15)
    assert (stamps(page.entries), page.more) == ([1, 2], False)


def test_a_limit_on_entries_stops_the_read_and_says_so(log: ChangeLog, partition: Partition) -> None:
    """Whatever is known does not count, and the limit on bytes holds as well."""
    for stamp in range(1, 8):
        log.append(partition, key(stamp), b"x" * 10)
    page = log.read(partition, 0, entries_max=2)
    assert (stamps(page.entries), page.more) == ([1, 2], True)
    page = log.read(partition, 2, [key(3), key(5)], entries_max=2)
    assert (stamps(page.entries), page.more) == ([4, 6], True)
    page = log.read(partition, 5, entries_max=2)
    assert (stamps(page.entries), page.more) == ([6, 7], False)
    page = log.read(partition, 5, [key(6), key(7)], entries_max=1)
    assert (stamps(page.entries), page.more) == ([], False)
    page = log.read(partition, 0, bytes_max=15, entries_max=5)
    assert (stamps(page.entries), page.more) == ([1, 2], True)
    log.trim(partition, 3)
    page = log.read(partition, 0, entries_max=1)
    assert (stamps(page.entries), page.floor, page.more) == ([4], 3, True)


def test_partitions_do_not_see_each_other(log: ChangeLog) -> None:
    """Generation and shard are part of the address."""
    first = fresh_partition()
    others = [
        Partition(first.tenant, first.namespace, first.generation, 1),
        Partition(first.tenant, first.namespace, first.generation + "x"),
        Partition(first.tenant, "other", first.generation),
        Partition("other", first.namespace, first.generation),
    ]
    append(log, first, 1)
    for other in others:
        assert not log.read(other, 0).entries
        append(log, other, 2)
    assert stamps(log.read(first, 0).entries) == [1]
    assert {first, *others} <= set(log.partitions())


def test_appending_the_same_entry_again_changes_nothing(log: ChangeLog, partition: Partition) -> None:
    """A writer that does not know whether it was heard may ask again, also when the log has gone on."""
    append(log, partition, 1, 2)
    append(log, partition, 1)
    append(log, partition, 2 + 2 * BEHIND_MAX)
    append(log, partition, 1)
    assert stamps(log.read(partition, 0).entries) == [1, 2, 2 + 2 * BEHIND_MAX]


def test_one_key_never_has_two_bodies(log: ChangeLog, partition: Partition) -> None:
    """The first stays."""
    append(log, partition, 1)
    with pytest.raises(Conflict):
        log.append(partition, key(1), b"another")
    assert log.read(partition, 0).entries == [(key(1), b"body 1")]


def test_an_entry_that_readers_may_have_passed_is_refused(
    strict_log: ChangeLog, partition: Partition
) -> None:
    """Readers look back by more than `behind_max`; what would land further back is not written."""
    append(strict_log, partition, 5_000)
    append(strict_log, partition, 5_000 - BEHIND_MAX)
    with pytest.raises(StampBehind) as behind:
        append(strict_log, partition, 5_000 - BEHIND_MAX - 1)
    assert behind.value.head == 5_000
    assert stamps(strict_log.read(partition, 0).entries) == [5_000 - BEHIND_MAX, 5_000]


def test_an_entry_below_the_floor_is_refused(strict_log: ChangeLog, partition: Partition) -> None:
    """However near the head it is: a reader that begins at the manifest would never see it."""
    append(strict_log, partition, 10, 20)
    strict_log.trim(partition, 15)
    for stamp in (14, 15):
        with pytest.raises(StampBehind) as behind:
            append(strict_log, partition, stamp)
        assert behind.value.head == 20
    append(strict_log, partition, 16)
    strict_log.trim(partition, 900)
    with pytest.raises(StampBehind) as behind:
        append(strict_log, partition, 900)
    assert behind.value.head == 900


def test_trimming_drops_entries_and_raises_the_floor(log: ChangeLog, partition: Partition) -> None:
    """`upto` is inclusive, and the floor tells a reader below it that it has a gap."""
    append(log, partition, 1, 2, 3, 4)
    assert log.trim(partition, 2) == 2
    page = log.read(partition, 0)
    assert (stamps(page.entries), page.floor) == ([3, 4], 2)
    assert log.read(partition, 4).floor == 2
    assert log.trim(partition, 2) == 0


def test_the_floor_never_falls(log: ChangeLog, partition: Partition) -> None:
    """Trimming to an earlier stamp is no error and changes nothing."""
    append(log, partition, 1, 2, 3)
    log.trim(partition, 2)
    assert log.trim(partition, 1) == 0
    assert log.read(partition, 2).floor == 2


def test_a_trimmed_log_remembers_its_head(log: ChangeLog, partition: Partition) -> None:
    """A writer that starts anew must not begin below what was committed before."""
    append(log, partition, 1, 2, 3)
    assert log.trim(partition, 3) == 3
    assert log.head(partition) == 3
    assert partition not in log.partitions()


def test_trimming_many_entries(log: ChangeLog, partition: Partition) -> None:
    """More than an adapter deletes at once."""
    writers, each = 8, rounds(log, 140)

    def work(writer: int) -> None:
        for stamp in range(1, each + 1):
            log.append(partition, key(stamp, f"w.{writer}"), b"")

    in_threads(writers, work)
    assert log.trim(partition, each - 1) == writers * (each - 1)
    assert stamps(log.read(partition, 0).entries) == [each] * writers


def test_a_sealed_log_is_gone_for_good(log: ChangeLog, partition: Partition) -> None:
    """Readers learn it from the floor, writers from an error; it has no head to follow and is not listed."""
    append(log, partition, 1, 2)
    log.seal(partition)
    log.seal(partition)
    page = log.read(partition, 0)
    assert not page.entries
    assert (page.floor, page.more) == (SEALED, False)
    for stamp in (2, 3, 1_000_000):
        with pytest.raises(NamespaceNotFound):
            append(log, partition, stamp)
    assert log.trim(partition, 5) == 0
    assert log.read(partition, 0).floor == SEALED
    assert log.head(partition) == 0
    assert partition not in log.partitions()


def test_a_log_can_be_sealed_before_its_first_entry(log: ChangeLog, partition: Partition) -> None:
    """A write that was under way while the namespace was deleted finds it closed."""
    log.seal(partition)
    with pytest.raises(NamespaceNotFound):
        append(log, partition, 1)


def test_another_instance_sees_what_was_acknowledged(
    open_log: Callable[[], ChangeLog], partition: Partition
) -> None:
    """At once, in both directions, including what it must not remember from before."""
    one, two = open_log(), open_log()
    assert not two.read(partition, 0).entries
    for stamp in range(1, 20, 2):
        append(one, partition, stamp)
        assert two.head(partition) == stamp
        append(two, partition, stamp + 1)
        assert stamps(one.read(partition, stamp - 1).entries) == [stamp, stamp + 1]
    two.trim(partition, 20)
    assert one.read(partition, 0).floor == 20
    two.seal(partition)
    with pytest.raises(NamespaceNotFound):
        append(one, partition, 21)


def test_concurrent_appends_are_all_there_once(log: ChangeLog, partition: Partition) -> None:
    """And one that fails does not take others with it."""

    def work(writer: int) -> None:
        for number in range(1, 26):
            log.append(partition, key(number, f"w.{writer}"), b"%d" % number)
            with pytest.raises(Conflict):
                log.append(partition, key(number, f"w.{writer}"), b"another")

    in_threads(8, work)
    expected = [
        (key(number, f"w.{writer}"), b"%d" % number) for number in range(1, 26) for writer in range(8)
    ]
    assert log.read(partition, 0).entries == expected


def test_a_reader_beside_a_trim_has_every_entry_or_sees_the_gap(log: ChangeLog, partition: Partition) -> None:
    """Never a page that misses entries while its floor says that none are missing."""
    count = rounds(log, 300)
    done = threading.Event()
    failures: list[str] = []

    def read_on() -> None:
        place = 0
        while place < count and not failures:
            finished = done.is_set()
            page = log.read(partition, place)
            found = stamps(page.entries)
            if page.floor > place:
                place = page.floor
            elif found:
                if found != list(range(place + 1, found[-1] + 1)):
                    failures.append(f"after {place}: {found}")
                place = found[-1]
            elif finished:
                failures.append(f"nothing after {place} of {count}")

    def write_and_trim() -> None:
        try:
            for stamp in range(1, count + 1):
                append(log, partition, stamp)
                if stamp % 7 == 0:
                    log.trim(partition, stamp - 3)
        finally:
            done.set()

    in_threads(4, lambda number: write_and_trim() if number == 0 else read_on())
    assert not failures


def test_a_reader_misses_no_acknowledged_entry(log: ChangeLog, partition: Partition) -> None:
    """Whatever a writer was told is committed, every read that begins afterwards returns."""
    acknowledged: list[int] = []
    finished: list[int] = []
    lock = threading.Lock()
    each = rounds(log, 40)

    def write(writer: int) -> None:
        try:
            for number in range(each):
                stamp = number * 4 + writer + 1
                append(log, partition, stamp)
                with lock:
                    acknowledged.append(stamp)
        finally:
            finished.append(writer)

    def read() -> None:
        last = False
        while not last:
            last = len(finished) == 4
            with lock:
                promised = set(acknowledged)
            assert promised <= set(stamps(log.read(partition, 0).entries))

    in_threads(6, lambda number: write(number) if number < 4 else read())
    assert len(acknowledged) == 4 * each


def test_an_ordered_log_commits_nothing_behind_its_head(ordered_log: ChangeLog, partition: Partition) -> None:
    """Not even beside it: a reader that has the head's stamp has all of it. The same entry again is still no error."""
    assert ordered_log.ordered
    append(ordered_log, partition, 5)
    for late in (key(4), key(5, "b.1"), key(5, "0.1")):
        with pytest.raises(StampBehind) as behind:
            ordered_log.append(partition, late, b"")
        assert behind.value.head == 5
    append(ordered_log, partition, 5, 6, 5)
    assert stamps(ordered_log.read(partition, 0).entries) == [5, 6]


def test_a_log_that_takes_late_entries_says_so(strict_log: ChangeLog) -> None:
    """Its readers must look back."""
    assert not strict_log.ordered


def test_an_ordered_log_is_read_without_looking_back(ordered_log: ChangeLog, partition: Partition) -> None:
    """A reader that goes on from the last stamp it saw gets every entry of every writer, once and in order."""
    writers, each = 4, 25
    finished: list[int] = []

    def write(writer: int) -> None:
        try:
            stamp, written = 1, 0
            while written < each:
                try:
                    ordered_log.append(partition, key(stamp, f"w.{writer}"), b"")
                    written += 1
                    stamp += 1
                except StampBehind as behind:
                    stamp = behind.head + 1
        finally:
            finished.append(writer)

    def read() -> None:
        found: list[int] = []
        last = False
        while not last:
            last = len(finished) == writers
            found += stamps(ordered_log.read(partition, found[-1] if found else 0).entries)
        assert found == stamps(ordered_log.read(partition, 0).entries)
        assert len(found) == writers * each

    in_threads(writers + 2, lambda number: write(number) if number < writers else read())


def shards(count: int = 4) -> list[Partition]:
    first = fresh_partition()
    return [Partition(first.tenant, first.namespace, first.generation, number) for number in range(count)]


def bodies_of(partitions: Sequence[Partition], sizes: Sequence[int] = (7,)) -> dict[Partition, bytes]:
    return {one: bytes([65 + number]) * sizes[number % len(sizes)] for number, one in enumerate(partitions)}


def test_entries_of_several_partitions_are_committed_together(log: ChangeLog) -> None:
    """Under one key, whatever their sizes; committing them again, as a writer in doubt does, changes nothing."""
    partitions = shards()
    bodies = bodies_of(partitions, (3, 33_000, 0, 400_000))
    for _ in range(2):
        log.append_together(bodies, key(10))
    for partition, body in bodies.items():
        assert log.read(partition, 0).entries == [(key(10), body)]
        assert log.head(partition) == 10
    assert set(partitions) <= set(log.partitions())


def test_a_transaction_over_every_shard_there_can_be(log: ChangeLog) -> None:
    """As many as a namespace may have."""
    partitions = shards(SHARDS_MAX)
    bodies = bodies_of(partitions, (20,))
    log.append_together(bodies, key(10))
    assert {one: log.read(one, 0).entries for one in partitions} == {
        one: [(key(10), body)] for one, body in bodies.items()
    }


def test_one_conflict_keeps_all_of_them_out(log: ChangeLog) -> None:
    """What one partition has under the key stays, and the others get nothing."""
    partitions = shards()
    log.append(partitions[2], key(10), b"another")
    with pytest.raises(Conflict):
        log.append_together(bodies_of(partitions), key(10))
    found = [list(log.read(one, 0).entries) for one in partitions]
    assert found == [[], [], [(key(10), b"another")], []]


def test_one_partition_that_is_past_the_key_keeps_all_of_them_out(strict_log: ChangeLog) -> None:
    """The writer is told how far it is, and takes a later key."""
    partitions = shards()
    append(strict_log, partitions[3], 5_000)
    with pytest.raises(StampBehind) as behind:
        strict_log.append_together(bodies_of(partitions), key(5_000 - BEHIND_MAX - 1))
    assert behind.value.head == 5_000
    assert [stamps(strict_log.read(one, 0).entries) for one in partitions] == [[], [], [], [5_000]]


def test_a_trimmed_partition_refuses_all_of_them(log: ChangeLog) -> None:
    """Nothing ever shows below a floor; appended again under a later key, all of it is there."""
    partitions = shards()
    append(log, partitions[1], 100)
    log.trim(partitions[1], 100)
    with pytest.raises(StampBehind) as behind:
        log.append_together(bodies_of(partitions, (5, 40_000)), key(90))
    assert behind.value.head == 100
    assert not log.read(partitions[1], 0).entries
    log.append_together(bodies_of(partitions), key(101))
    for partition in partitions:
        assert key(101) in dict(log.read(partition, 0).entries)


def test_a_sealed_partition_refuses_all_of_them(log: ChangeLog) -> None:
    """A generation that is being deleted takes no batch, however many of its shards are sealed by then."""
    partitions = shards()
    log.append_together(bodies_of(partitions, (5, 40_000)), key(10))
    log.seal(partitions[0])
    log.seal(partitions[3])
    with pytest.raises(NamespaceNotFound):
        log.append_together(bodies_of(partitions, (5, 40_000)), key(20))
    for partition in (partitions[0], partitions[3]):
        assert not log.read(partition, 0).entries
        assert partition not in log.partitions()


def test_an_ordered_log_makes_one_key_for_several_partitions(ordered_log: ChangeLog) -> None:
    """Later than the heads of all of them."""
    partitions = shards()
    append(ordered_log, partitions[1], 50)
    asked: list[int] = []

    def after(head: int) -> Version:
        asked.append(head)
        return key(head + 1)

    bodies = bodies_of(partitions)
    assert ordered_log.append_next_together(bodies, after) == key(51)
    assert asked == [50]
    for partition, body in bodies.items():
        assert ordered_log.read(partition, 50).entries == [(key(51), body)]
    ordered_log.seal(partitions[2])
    with pytest.raises(NamespaceNotFound):
        ordered_log.append_next_together(bodies, after)
    assert stamps(ordered_log.read(partitions[0], 0).entries) == [51]


def test_batches_of_many_writers_are_whole(log: ChangeLog) -> None:
    """Whoever appends to the same shards at once waits for nobody, and no batch is ever cut."""
    partitions = shards()
    count = rounds(log, 20)

    def write(number: int) -> None:
        for turn in range(count):
            bodies = dict.fromkeys(partitions, b"%d/%d" % (number, turn))
            log.append_together(bodies, key(turn * 10 + number + 1, f"w.{number}"))

    in_threads(4, write)
    found = [log.read(one, 0).entries for one in partitions]
    assert len(found[0]) == 4 * count
    assert all(one == found[0] for one in found)


def test_an_ordered_log_commits_if_what_came_between_allows_it(ordered_log: ChangeLog) -> None:
    """The writer is shown all that came after what it knows, of each partition, when nobody else can come between."""
    first, second = shards(2)
    append(ordered_log, first, 10, 20, 30)
    shown: list[list[int]] = []

    def holds(pages: Sequence[LogPage]) -> bool:
        shown.append([len(shown), *(stamp for page in pages for stamp in stamps(page.entries))])
        return len(shown) > 1

    def commit() -> Version | None:
        bodies, since = {first: b"a", second: b"b"}, {first: 10, second: 0}
        return ordered_log.append_next_if(bodies, lambda head: key(head + 5), since, holds)

    assert commit() is None
    assert not ordered_log.read(second, 0).entries
    assert commit() == key(35)
    assert shown == [[0, 20, 30], [1, 20, 30]]
    assert stamps(ordered_log.read(first, 30).entries) == stamps(ordered_log.read(second, 0).entries) == [35]


def test_a_fence_sends_those_back_that_come_late(fenced_log: ChangeLog, partition: Partition) -> None:
    """An entry at or below it is not acknowledged any more; its own entry is, and later ones are."""
    append(fenced_log, partition, 5)
    fenced_log.fence(partition, key(20))
    for late in (19, 20):
        with pytest.raises(StampBehind) as behind:
            fenced_log.append(partition, key(late, "late.1"), b"late")
        assert behind.value.head >= 20
    append(fenced_log, partition, 21)
    assert fenced_log.append_fenced({partition: b"mine"}, key(20))
    entries = dict(fenced_log.read(partition, 0).entries)
    assert (entries[key(20)], entries[key(21)]) == (b"mine", b"body 21")


def test_a_later_fence_takes_the_place_of_an_earlier_one(fenced_log: ChangeLog) -> None:
    """Of several shards it is enough that one has it; then nothing is stored."""
    first, second = shards(2)
    for partition in (first, second):
        fenced_log.fence(partition, key(20))
    fenced_log.fence(second, key(30, "other.1"))
    assert not fenced_log.append_fenced({first: b"a", second: b"b"}, key(20))
    assert not fenced_log.read(first, 0).entries
    for again in (29, 30):
        with pytest.raises(StampBehind):
            fenced_log.fence(second, key(again))
    assert fenced_log.append_fenced({second: b"c"}, key(30, "other.1"))


def test_a_batch_of_shards_minds_the_fence_of_each(fenced_log: ChangeLog) -> None:
    """As an entry of one partition does."""
    partitions = shards(3)
    fenced_log.fence(partitions[1], key(50))
    with pytest.raises(StampBehind):
        fenced_log.append_together(bodies_of(partitions), key(40))
    fenced_log.append_together(bodies_of(partitions), key(51))


def test_floors_and_fences_do_not_stand_in_each_others_way(
    fenced_log: ChangeLog, partition: Partition
) -> None:
    """What is trimmed stays so, and a sealed log takes no fence."""
    fenced_log.fence(partition, key(20))
    assert fenced_log.read(partition, 0).floor == fenced_log.head(partition) == 0
    fenced_log.trim(partition, 40)
    assert not fenced_log.append_fenced({partition: b"x"}, key(20))
    with pytest.raises(StampBehind):
        fenced_log.fence(partition, key(35))
    fenced_log.seal(partition)
    with pytest.raises(NamespaceNotFound):
        fenced_log.fence(partition, key(60))


def known_version(log: ChangeLog) -> bytes | None:
    """Once it was asked for often enough that looking for a cheap way to tell has paid."""
    return [log.data_version() for _ in range(20)][-1]


def test_the_data_version_tells_of_every_commit(
    open_log: Callable[[], ChangeLog], partition: Partition
) -> None:
    """Whoever made it, and in whatever partition; a log of which only a read tells says so each time."""
    log, other = open_log(), open_log()
    append(log, partition, 1)
    changes: Sequence[Callable[[], object]] = (
        lambda: append(log, partition, 2),
        lambda: append(other, partition, 3),
        lambda: append(other, fresh_partition(), 3),
        lambda: other.trim(partition, 2),
        lambda: other.seal(partition),
    )
    for change in changes:
        before = known_version(log)
        assert before == known_version(log)
        change()
        assert before is None or log.data_version() not in {before, None}
