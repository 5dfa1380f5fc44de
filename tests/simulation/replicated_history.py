"""What two sites were told and have, by the definition of merging alone: is anything missing, and what is the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from quartzdb.domain.change import Change
from quartzdb.domain.hlc import Version
from quartzdb.domain.merge import UNKNOWN, RecordState, apply, join, state_of
from quartzdb.domain.namespace import Partition
from quartzdb.storage.log.codec import decode_entry
from quartzdb.storage.ports import Item
from tests.doubles.memory_log import MemoryChangeLog


@dataclass(frozen=True)
class Acknowledged:
    """A change of a record, or the present state of a key, whose client had its answer at `at` (world seconds)."""

    at: float
    site: str
    change: Change | Item


@dataclass
class Landed:
    """The join of everything that ever got into one site's log, by id."""

    states: dict[str, RecordState] = field(default_factory=dict)

    def land(self, changes: list[Change]) -> None:
        """An entry was committed."""
        for change in changes:
            self.states[change.id] = apply(self.states.get(change.id, UNKNOWN), change)


class LandingLog(MemoryChangeLog):
    """Tells `landed` of every entry, trimmed later or not."""

    def __init__(self, landed: Landed, *, behind_max: int) -> None:
        super().__init__(behind_max=behind_max)
        self._landed = landed

    def _append(self, partition: Partition, key: Version, body: bytes) -> None:
        super()._append(partition, key, body)
        self._landed.land(decode_entry(body, key))


def missing_record(landed: Landed, change: Change) -> bool:
    """Whether a site lacks it, or something later in its place."""
    known = landed.states.get(change.id, UNKNOWN)
    return join(known, state_of(change)) is not known


def missing_item(latest: Item | None, item: Item) -> bool:
    """Likewise. `latest` is what the site ever stored last of the key, whether or not it has forgotten that."""
    return latest is None or latest.version < item.version


def truth(sites: list[Landed], now_ms: int) -> dict[str, RecordState]:
    """What every site must have in the end: all states that are shown, from everything that landed anywhere."""
    whole: dict[str, RecordState] = {}
    for landed in sites:
        for record_id, state in landed.states.items():
            whole[record_id] = join(whole.get(record_id, UNKNOWN), state)
    return {record_id: state for record_id, state in whole.items() if shows(state, now_ms)}


def shows(state: RecordState, now_ms: int) -> bool:
    """Whether a reader sees a record: sites drop at different times what has expired."""
    return state.live and (state.expires_at_ms is None or state.expires_at_ms > now_ms)


def returned(destination: str, changes: list[Change] | list[Item]) -> list[str]:
    """The changes that are brought to where they were born."""
    return [
        f"{change.key if isinstance(change, Item) else change.id} at {change.version} came back to {destination}"
        for change in changes
        if change.version.site == destination
    ]
