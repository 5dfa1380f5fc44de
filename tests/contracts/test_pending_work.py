"""The contract of PendingWorkList."""

from __future__ import annotations

from quartzdb.domain.namespace import Partition
from quartzdb.maintenance.ports import PendingWorkList
from tests.contracts.adapters import fresh_partition, in_threads


def test_what_is_noted_is_found(pending_work: PendingWorkList) -> None:
    """Until it is settled, with what it was noted with last."""
    one, two = fresh_partition(), fresh_partition()
    pending_work.note(one, 1_000)
    pending_work.note(two, 2_000)
    pending_work.note(one, 3_000)
    noted = {note.partition: note for note in pending_work.all_pending()}
    assert {place: note.since_ms for place, note in noted.items()} == {one: 3_000, two: 2_000}
    assert pending_work.settle(noted[one])
    assert [note.partition for note in pending_work.all_pending()] == [two]


def test_what_was_noted_again_is_not_settled(pending_work: PendingWorkList) -> None:
    """Whoever settles may not know what the later note is about."""
    place = fresh_partition()
    pending_work.note(place, 1_000)
    (seen,) = pending_work.all_pending()
    pending_work.note(place, 1_000)
    assert not pending_work.settle(seen)
    (later,) = pending_work.all_pending()
    assert pending_work.settle(later)
    assert not pending_work.settle(later)
    assert list(pending_work.all_pending()) == []


def test_many_are_noted_at_once(pending_work: PendingWorkList) -> None:
    """By as many as there are shards of the stream."""
    places = [Partition("t", f"n{number}", "g") for number in range(40)]

    def note(number: int) -> None:
        for place in places[number::4]:
            pending_work.note(place, number)

    in_threads(4, note)
    assert sorted(note.partition for note in pending_work.all_pending()) == sorted(places)
