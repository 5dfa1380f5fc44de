"""The ledger of erasures: what was asked to leave every file, and where that is not done yet. Holds no id and no key.

An erasure has one entry, one open item for each shard that may still have what was erased, and one for the files as a
whole; all of one database's are in one partition of the key-value table, so that one listing says what is open. Where
another site has a copy, one item says how far that is, and another that nobody knows yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import orjson

from quartzdb.domain.erasure import Erasure, PeerCopy
from quartzdb.domain.hlc import Version, stamp_at
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.values import dataclass
from quartzdb.storage.ports import Item, KeyValueTable

LEDGER = Partition("_quartzdb", "erasures", "ledger")
"""No tenant's: theirs begin with a letter or a digit."""
KEPT_DAYS = 400
"""How long an entry stays after everything is gone."""
_DAY_MS = 24 * 3_600_000
_WRITER = "ledger"
_PAGE = 1_000
_WAITING = "waiting/"
_FORGOTTEN_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class OpenShard:
    """A shard that may have something of an erasure. `head`: the stamp up to which its log has to be gone.

    `rows_gone`: no segment has rows any more that were dead by then. `clean`: the sequence of the first manifest whose
    segments have nothing of it; only older manifests, and files that none names, are left.
    """

    erasure: str
    partition: Partition
    head: int
    stamp: int
    rows_gone: bool = False
    clean: int | None = None


@dataclass(frozen=True, slots=True)
class OpenErasure:
    """An erasure that is open; once none of its shards is, files that all share have to be looked after."""

    erasure: str
    partition: Partition
    stamp: int


class ErasureLedger:
    """Over any key-value table. Everything is safe to repeat."""

    def __init__(self, table: KeyValueTable) -> None:
        self._table = table

    def add(
        self,
        namespace: Namespace,
        erasure: Erasure,
        heads: Sequence[int],
        *,
        again_ms: int | None = None,
        shared: bool = False,
    ) -> None:
        """Begin one: all of it or nothing. `heads` are those of the namespace's logs, in the order of its shards.

        `again_ms` (unix): one that may be there already is begun once more, now. `shared`: another site may have to
        do it, too.
        """
        stamp = stamp_at(erasure.at_ms if again_ms is None else again_ms)
        shards = [
            OpenShard(erasure.id, shard.partition, head, stamp)
            for shard, head in zip(namespace.each_shard, heads, strict=False)
        ]
        self._table.put_many(
            LEDGER,
            [
                _item(_entry_key(namespace.partition, erasure.id), _entry(erasure), stamp),
                _item(_open_key(namespace.partition, "files", erasure.id), b"{}", stamp),
                *(_shard_item(one) for one in shards),
                *([_item(_waiting_key(namespace.partition, erasure.id), b"{}", stamp)] if shared else []),
            ],
        )

    def get(self, namespace: Namespace, erasure_id: str) -> Erasure | None:
        """One of the namespace's."""
        key = _entry_key(namespace.partition, erasure_id)
        item = self._table.get(LEDGER, [key]).get(key)
        return _erasure(item) if item is not None and item.value is not None else None

    def list(self, namespace: Namespace, after: str | None, limit: int, now_ms: int) -> Sequence[Erasure]:
        """Those of a namespace in the order of their ids, which is that of time, after an id."""
        prefix = _entry_key(namespace.partition, "")
        page = self._table.list(
            LEDGER, prefix=prefix, after=prefix + (after or ""), limit=limit, now_ms=now_ms, values=True
        )
        return [_erasure(item) for item in page.items]

    def waiting(
        self, wanted: Callable[[str, str], bool], most: int, now_ms: int
    ) -> Sequence[tuple[Partition, Erasure]]:
        """Erasures in wanted namespaces (tenant, name) of which the other site has not said that its copy is gone, with
        the first partition of each's namespace; at most so many.
        """
        found: list[tuple[Partition, Erasure]] = []
        for item in self._each(_WAITING, now_ms, values=False):
            _, tenant, name, generation, erasure = item.key.split("/")
            if not wanted(tenant, name):
                continue
            partition = Partition(tenant, name, generation)
            key = _entry_key(partition, erasure)
            entry = self._table.get(LEDGER, [key]).get(key)
            if entry is not None and entry.value is not None:
                found.append((partition, _erasure(entry)))
                if len(found) == most:
                    break
        return found

    def peer_copies(self, namespace: Namespace, erasures: Sequence[str]) -> Mapping[str, PeerCopy]:
        """What is known of the other site, by erasure; those that it was never told of are missing."""
        keys = {_peer_key(namespace.partition, one): one for one in erasures}
        found = self._table.get(LEDGER, list(keys)) if keys else {}
        return {
            keys[key]: PeerCopy(**orjson.loads(item.value))
            for key, item in found.items()
            if item.value is not None
        }

    def note_peer(self, namespace: Namespace, erasure: Erasure, copy: PeerCopy, now_ms: int) -> None:
        """Remember what the other site says. Once its copy is gone that is the last word."""
        key, waiting = (
            _peer_key(namespace.partition, erasure.id),
            _waiting_key(namespace.partition, erasure.id),
        )
        there = self._table.get(LEDGER, [key, waiting])
        known = there.get(key)
        stamp = max([stamp_at(now_ms), *(one.version.stamp + 1 for one in there.values())])
        if waiting not in there or there[waiting].value is None:
            return
        value = orjson.dumps({"gone_ms": copy.gone_ms, "until_ms": copy.until_ms, "why": copy.why})
        if known is not None and known.value == value:
            return
        item = _item(key, value, stamp)
        if copy.gone_ms is None:
            self._table.put(LEDGER, item)
            return
        until_ms = now_ms + KEPT_DAYS * _DAY_MS
        self._table.put_many(LEDGER, [replace(item, expires_at_ms=until_ms), _item(waiting, None, stamp)])

    def count_open(self, namespace: Namespace, most: int, now_ms: int) -> int:
        """How many of a namespace are open; `most` stands for that many or more."""
        prefix = _open_key(namespace.partition, "files", "")
        return len(
            self._table.list(LEDGER, prefix=prefix, after=None, limit=most, now_ms=now_ms, values=False).items
        )

    def open(self, now_ms: int) -> tuple[Sequence[OpenShard], Sequence[OpenErasure]]:
        """All that is open."""
        shards: list[OpenShard] = []
        files: list[OpenErasure] = []
        for item in self._each("open/", now_ms):
            _, tenant, name, generation, place, erasure = item.key.split("/")
            if place == "files":
                files.append(OpenErasure(erasure, Partition(tenant, name, generation), item.version.stamp))
                continue
            partition = Partition(tenant, name, generation, int(place))
            shards.append(
                OpenShard(erasure, partition, stamp=item.version.stamp, **orjson.loads(item.value or b""))
            )
        return shards, files

    def keep(self, shard: OpenShard) -> OpenShard:
        """Remember how far a shard is."""
        later = replace(shard, stamp=shard.stamp + 1)
        self._table.put(LEDGER, _shard_item(later))
        return later

    def close_shard(self, shard: OpenShard) -> None:
        """It has nothing of it any more."""
        key = _open_key(shard.partition, str(shard.partition.shard), shard.erasure)
        self._table.put(LEDGER, _item(key, None, shard.stamp + 1))

    def close(self, files: OpenErasure, now_ms: int) -> None:
        """Nothing is left of it where it is looked after."""
        key = _entry_key(files.partition, files.erasure)
        found = self._table.get(LEDGER, [key]).get(key)
        items = [_item(_open_key(files.partition, "files", files.erasure), None, files.stamp + 1)]
        if found is not None and found.value is not None:
            entry = _entry(replace(_erasure(found), gone_ms=now_ms))
            until_ms = now_ms + KEPT_DAYS * _DAY_MS
            items.append(replace(_item(key, entry, found.version.stamp + 1), expires_at_ms=until_ms))
        self._table.put_many(LEDGER, items)

    def forget(self, namespace: Namespace) -> None:
        """The generation is deleted, and everything of it with that."""
        generation = _generation(namespace.partition)
        for kind in ("entry/", "open/", "peer/", _WAITING):
            prefix = f"{kind}{generation}/"
            while items := self._table.list(
                LEDGER, prefix=prefix, after=None, limit=_FORGOTTEN_AT_ONCE, now_ms=0, values=False
            ).items:
                self._table.put_many(LEDGER, [_item(one.key, None, one.version.stamp + 1) for one in items])
                last = max(one.version.stamp for one in items) + 1
                if self._table.ordered:  # it has appended them later than that
                    last = self._table.head(LEDGER)
                self._table.purge(LEDGER, 0, last + 1, _PAGE)

    def _each(self, prefix: str, now_ms: int, *, values: bool = True) -> Iterator[Item]:
        after: str | None = None
        while True:
            page = self._table.list(
                LEDGER, prefix=prefix, after=after, limit=_PAGE, now_ms=now_ms, values=values
            )
            yield from page.items
            if not page.more:
                return
            after = page.items[-1].key


def _generation(partition: Partition) -> str:
    return f"{partition.tenant}/{partition.namespace}/{partition.generation}"


def _entry_key(partition: Partition, erasure: str) -> str:
    return f"entry/{_generation(partition)}/{erasure}"


def _open_key(partition: Partition, place: str, erasure: str) -> str:
    return f"open/{_generation(partition)}/{place}/{erasure}"


def _peer_key(partition: Partition, erasure: str) -> str:
    return f"peer/{_generation(partition)}/{erasure}"


def _waiting_key(partition: Partition, erasure: str) -> str:
    return f"{_WAITING}{_generation(partition)}/{erasure}"


def _item(key: str, value: bytes | None, stamp: int) -> Item:
    return Item(key, Version(stamp, _WRITER), stamp, value, "application/json")


def _shard_item(one: OpenShard) -> Item:
    value = orjson.dumps({"head": one.head, "rows_gone": one.rows_gone, "clean": one.clean})
    return _item(_open_key(one.partition, str(one.partition.shard), one.erasure), value, one.stamp)


def _entry(erasure: Erasure) -> bytes:
    return orjson.dumps(
        {
            "id": erasure.id,
            "at_ms": erasure.at_ms,
            "records": erasure.records,
            "keys": erasure.keys,
            "by_keys": erasure.by_keys,
            "gone_ms": erasure.gone_ms,
        }
    )


def _erasure(item: Item) -> Erasure:
    return Erasure(**orjson.loads(item.value or b""))
