"""The contract of UnsettledList."""

from __future__ import annotations

from quartzdb.domain.namespace import Partition
from quartzdb.maintenance.ports import UnsettledList
from tests.contracts.adapters import fresh_partition, in_threads


def test_what_is_noted_is_found(unsettled: UnsettledList) -> None:
    """Until it is settled, with what it was noted with last."""
    one, two = fresh_partition(), fresh_partition()
    unsettled.note(one, 1_000)
    unsettled.note(two, 2_000)
    unsettled.note(one, 3_000)
    noted = {note.partition: note for note in unsettled.everything()}
    assert {place: note.since_ms for place, note in noted.items()} == {one: 3_000, two: 2_000}
    assert unsettled.settle(noted[one])
    assert [note.partition for note in unsettled.everything()] == [two]


def test_what_was_noted_again_is_not_settled(unsettled: UnsettledList) -> None:
    """Whoever settles may not know what the later note is about."""
    place = fresh_partition()
    unsettled.note(place, 1_000)
    (seen,) = unsettled.everything()
    unsettled.note(place, 1_000)
    assert not unsettled.settle(seen)
    (later,) = unsettled.everything()
    assert unsettled.settle(later)
    assert not unsettled.settle(later)
    assert list(unsettled.everything()) == []


def test_many_are_noted_at_once(unsettled: UnsettledList) -> None:
    """By as many as there are shards of the stream."""
    places = [Partition("t", f"n{number}", "g") for number in range(40)]
    in_threads(4, lambda number: [unsettled.note(place, number) for place in places[number::4]])
    assert sorted(note.partition for note in unsettled.everything()) == sorted(places)
