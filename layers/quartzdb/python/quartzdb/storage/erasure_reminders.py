"""Reminders of erasures: what a restoration of an earlier state has to erase again. Kept outside of what is restored.

So are those of tenants that were deleted: by their names, which stay in the catalog anyway.

A reminder has no id and no key in the clear, only a keyed hash of each: it tells a name that is there from others, and
gives none away to who has not the key. It is of one generation of a namespace, and has the version of the deletion:
erasing again is that very deletion, so what was written after it stays, and doing it twice changes nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, field

import orjson

from quartzdb.domain.erasure import Erasure
from quartzdb.domain.errors import Corrupted
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.values import dataclass
from quartzdb.storage.ports import ReminderStore

AROUND_MS = 60_000
"""Erasures from so long before the moment of the state are done again, too: clocks are not one. Where the state has
them, that changes nothing."""
WRITER = "restore-"
"""How the process that restores begins its name in versions, behind the site's."""
_FORMAT = 1
_HASH_BYTES = 16
_KEY_BYTES = 32
_KEYS, _REMINDERS, _TENANTS = "keys/", "reminders/", "tenants/"
_ID_TIME_DIGITS = 12
"""An erasure's id begins with its time, in hexadecimal unix milliseconds."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """One erasure to be done again. `hashes` are those of ids, or (`erasure.by_keys`) of keys."""

    partition: Partition
    erasure: Erasure
    version: Version
    key: bytes = field(repr=False)
    hashes: frozenset[bytes]

    def hash_of(self, name: str) -> bytes:
        """What an id or key would be in `hashes`."""
        return _hash(self.key, self.partition, self.erasure.by_keys, name)


@dataclass(frozen=True, slots=True)
class ErasedAgain:
    """What was done again: so many erasures, of which so many records and keys were there, and so many deletions of
    tenants, of which so many namespaces were there.
    """

    erasures: int = 0
    records: int = 0
    keys: int = 0
    tenants: int = 0
    namespaces: int = 0


class ErasureReminders:
    """One per process. Keys are made where there are none; two processes that each make one do no harm."""

    def __init__(
        self, store: ReminderStore, *, make_key: Callable[[], bytes] = lambda: secrets.token_bytes(_KEY_BYTES)
    ) -> None:
        self._store = store
        self._make_key = make_key
        self._key: bytes | None = None

    def about_to(
        self, namespace: Namespace, erasure: Erasure, names: Iterable[str], version: Version
    ) -> None:
        """Before a deletion whose names nobody could find again after it: `version` may be somewhat later than its."""
        self._put(namespace, erasure, names, version, "asked")

    def done(self, namespace: Namespace, erasure: Erasure, names: Iterable[str], version: Version) -> None:
        """After the deletion, with its version. Safe to repeat; durable."""
        self._put(namespace, erasure, names, version, "done")

    def tenant_gone(self, tenant: str, at_ms: int) -> None:
        """Before anything of a tenant is deleted, whatever it had by then. Durable."""
        self._store.put(f"{_TENANTS}{tenant}/{at_ms:0{_ID_TIME_DIGITS}x}", orjson.dumps({"format": _FORMAT}))

    def tenants_gone_since(self, ms: int) -> Mapping[str, int]:
        """The tenants that were deleted from a time on (unix), and when that was said last."""
        gone: dict[str, int] = {}
        for name in self._store.names(_TENANTS):
            tenant, at_ms = name.split("/")[1], _at_ms(name)
            if at_ms >= ms:
                gone[tenant] = max(at_ms, gone.get(tenant, 0))
        return gone

    def since(self, ms: int) -> Sequence[Reminder]:
        """Those of erasures from a time on (unix), in their order. Raises Corrupted."""
        names = [name for name in self._store.names(_REMINDERS) if _at_ms(name) >= ms]
        keys: dict[str, bytes] = {}
        found = [self._read(name, keys) for name in names]
        return sorted(found, key=lambda one: one.version)

    def end(self, before_ms: int) -> int:
        """Forget those of erasures before a time: no state of before can be restored any more. Returns how many."""
        names = [*self._store.names(_REMINDERS), *self._store.names(_TENANTS)]
        gone = [name for name in names if _at_ms(name) < before_ms]
        self._store.remove(gone)
        return len(gone)

    def take_over(self, other: ReminderStore) -> None:
        """Have what another place has, too. Durable."""
        there = set(self._store.names(""))
        # Keys first, and anew when reminders were listed: none is ever here without its key.
        reminders = other.names(_REMINDERS)
        for name in (*other.names(_KEYS), *reminders, *other.names(_TENANTS)):
            data = None if name in there else other.get(name)
            if data is not None:
                self._store.put(name, data)

    def _put(
        self, namespace: Namespace, erasure: Erasure, names: Iterable[str], version: Version, part: str
    ) -> None:
        partition = namespace.partition
        key = self._current_key()
        hashes = sorted({_hash(key, partition, erasure.by_keys, name) for name in names})
        document = {
            "format": _FORMAT,
            "erasure": asdict(erasure),
            "version": str(version),
            "key": _key_id(key),
            "hashes": b64encode(b"".join(hashes)).decode(),
        }
        place = f"{partition.tenant}/{partition.namespace}/{partition.generation}/{erasure.id}-{part}"
        self._store.put(_REMINDERS + place, orjson.dumps(document))

    def _current_key(self) -> bytes:
        if self._key is None:
            known = self._store.names(_KEYS)
            key = self._store.get(min(known)) if known else None
            if key is None:
                key = self._make_key()
                self._store.put(_KEYS + _key_id(key), key)
            self._key = key
        return self._key

    def _read(self, name: str, keys: dict[str, bytes]) -> Reminder:
        data = self._store.get(name)
        try:
            document = orjson.loads(data or b"")
            if document["format"] != _FORMAT:
                raise Corrupted(
                    f"The reminder of an erasure {name!r} has a format that this release does not read.",
                    hint="Restore with the release that wrote it, or a newer one.",
                )
            hashes = b64decode(document["hashes"], validate=True)
            tenant, namespace, generation = name.split("/")[1:4]
            return Reminder(
                Partition(tenant, namespace, generation),
                Erasure(**document["erasure"]),
                Version.parse(document["version"]),
                self._key_of(document["key"], keys),
                frozenset(hashes[at : at + _HASH_BYTES] for at in range(0, len(hashes), _HASH_BYTES)),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Corrupted(
                f"The reminder of an erasure {name!r} cannot be read.",
                hint="Without it, what was erased then would come back. Bring it back from another copy.",
            ) from error

    def _key_of(self, key_id: str, keys: dict[str, bytes]) -> bytes:
        if key_id not in keys:
            key = self._store.get(_KEYS + key_id)
            if key is None or _key_id(key) != key_id:
                raise Corrupted(
                    f"The key {key_id!r} of reminders of erasures is missing, or another one.",
                    hint="Without it, what was erased would come back. Bring it back from another copy.",
                )
            keys[key_id] = key
        return keys[key_id]


def _key_id(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:32]


def _hash(key: bytes, partition: Partition, by_keys: bool, name: str) -> bytes:
    of = (
        f"{partition.tenant}/{partition.namespace}/{partition.generation}/{'key' if by_keys else 'id'}/{name}"
    )
    return hashlib.blake2b(of.encode(), key=key, digest_size=_HASH_BYTES).digest()


def _at_ms(name: str) -> int:
    return int(name.rpartition("/")[2][:_ID_TIME_DIGITS], 16)
