"""Files of expiries: what a publication found to have expired, kept beside the segments as long as the log is.

Without them whoever follows changes could not be told of a record that a merge has dropped by now. Small files are put
together as segments are, so that there are few. A namespace in which nothing expires has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import orjson

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.expired import Expired
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.domain.values import dataclass
from quartzdb.storage.snapshot.manifest import ExpiredRef, Manifest, checksum
from quartzdb.storage.snapshot.store import SnapshotStore

FILE_EXPIRIES_MAX = 20_000
"""Some 2 MB: what one page of a feed has to read at most before it begins."""
_FANOUT = 8
_SPANS = 8
"""A file spans at most this part of the time for which expiries are kept: it goes whole, with its youngest."""


@dataclass(frozen=True, slots=True)
class ExpiredSince:
    """What a publication adds: all expiries after those that its base has, up to a stamp."""

    expiries: Sequence[Expired]
    through: int


@dataclass(frozen=True, slots=True)
class KeptExpiries:
    """The three fields of a manifest."""

    files: tuple[ExpiredRef, ...]
    through: int
    floor: int


def kept_expiries(
    store: SnapshotStore, base: Manifest, added: ExpiredSince | None, kept_from: int, *, kept: int
) -> KeptExpiries:
    """What the manifest after `base` has: with what is added, without what is older than a stamp.

    `kept` is how long they are kept, in stamp units. New files are stored; nobody sees them before the publication.
    """
    files = list(base.expired)
    through = base.expired_through
    if added is not None and added.through > through:
        fresh = [one for one in added.expiries if through < one.after <= added.through]
        for start in range(0, len(fresh), FILE_EXPIRIES_MAX):
            some = fresh[start : start + FILE_EXPIRIES_MAX]
            last = start + FILE_EXPIRIES_MAX >= len(fresh)
            upto = added.through if last else some[-1].after
            files.append(_stored(store, base.partition, some, files[-1].through if start else through, upto))
        through = added.through
    floor = max([base.expired_floor, *(one.through for one in files if one.through < kept_from)])
    files = [one for one in files if one.through > floor]
    if added is not None:
        files = _put_together(store, base.partition, files, kept // _SPANS)
    return KeptExpiries(tuple(files), through, floor)


def read_expired(store: SnapshotStore, ref: ExpiredRef) -> list[Expired]:
    """The expiries of a file, in their order. Raises Corrupted, BlobMissing."""
    data = store.verified_bytes(ref.file)
    try:
        rows = orjson.loads(data)
        return [Expired(int(after), str(name), Version.parse(v), int(ms)) for after, name, v, ms in rows]
    except (ValueError, TypeError) as error:
        raise Corrupted(f"{ref.file.key} cannot be decoded.", hint="Run `quartzdb verify`.") from error


def _stored(
    store: SnapshotStore, partition: Partition, expiries: Sequence[Expired], after: int, through: int
) -> ExpiredRef:
    data = orjson.dumps([[one.after, one.id, str(one.version), one.expires_at_ms] for one in expiries])
    # Named by what is in it: of two who publish the same at once, both write the same file.
    file = store.store_file(f"{partition}/expired/{through:016x}-{checksum(data)}", data)
    return ExpiredRef(file, after, through, len(expiries))


def _put_together(
    store: SnapshotStore, partition: Partition, files: Sequence[ExpiredRef], span: int
) -> list[ExpiredRef]:
    found = list(files)
    while len(found) >= _FANOUT:
        last = found[-_FANOUT:]
        count = sum(one.count for one in last)
        if (
            count > FILE_EXPIRIES_MAX
            or last[-1].through - last[0].after > span
            or _tier(last[0].count) > _tier(last[-1].count)
        ):
            break
        expiries = [one for ref in last for one in read_expired(store, ref)]
        found[-_FANOUT:] = [_stored(store, partition, expiries, last[0].after, last[-1].through)]
    return found


def _tier(count: int) -> int:
    return int(math.log(max(1, count), _FANOUT))
