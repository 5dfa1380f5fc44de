"""Use cases of erasures: a deletion that also leaves files, and a report of what is gone from where.

An erasure is a deletion, a reminder for whoever restores an earlier state, and a note in the ledger. Everything dead by
then is rewritten away by maintenance, which looks at what is open; nothing is known here of how.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.cursor import decode_cursor, encode_cursor
from quartzdb.domain.erasure import Erasure, PeerCopy
from quartzdb.domain.errors import Conflict, ErasureNotFound
from quartzdb.domain.filter import Filter
from quartzdb.domain.freeing import freeing
from quartzdb.domain.hlc import Version, stamp_at
from quartzdb.domain.limits import ERASURES_OPEN_MAX, IDEMPOTENCY_TTL_SECONDS
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.values import dataclass
from quartzdb.services.keyvalue import KeyValues
from quartzdb.services.page import Page, check_limit
from quartzdb.services.records import Records
from quartzdb.storage.erasure_ledger import ErasureLedger
from quartzdb.storage.erasure_reminders import ErasureReminders
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS
from quartzdb.storage.ports import ChangeLog

KEY_TOMBSTONES_DAYS = 8
"""The names of deleted keys are kept for seven, and dropped within a day."""
_DAY_MS = 24 * 3_600_000
_ASKED = "erasure"
"""The writer in a reminder that was made before its deletion."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An erasure that was begun. `version` None where a filter matched nothing; `more`: it matches further records."""

    erasure: Erasure
    version: Version | None
    more: bool = False


@dataclass(frozen=True, slots=True)
class ErasedPlace:
    """Where something of it may be. `at_ms` (unix): since when it is gone; `until_ms`: when it ends at the latest,
    where that is known.
    """

    name: str
    gone: bool
    at_ms: int | None = None
    until_ms: int | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What is gone from where. `copies` says what no erasure reaches, and for how long that is kept."""

    erasure: Erasure
    places: tuple[ErasedPlace, ...]
    copies: tuple[str, ...]

    @property
    def gone(self) -> bool:
        """Whether it is gone from everywhere that the database looks after."""
        return all(place.gone for place in self.places)


class Erasures:
    """One instance serves every namespace. `late_ms`: how long after its time something may stay that expires.
    `copies`: see Report.
    """

    def __init__(
        self,
        records: Records,
        key_values: KeyValues,
        ledger: ErasureLedger,
        reminders: ErasureReminders,
        log: ChangeLog,
        clock: Clock,
        *,
        shared: Callable[[str, str], bool] = lambda _tenant, _name: False,
        late_ms: int = 0,
        copies: tuple[str, ...] = (),
    ) -> None:
        self._records = records
        self._key_values = key_values
        self._ledger = ledger
        self._reminders = reminders
        self._log = log
        self._clock = clock
        self._shared = shared
        self._answers_kept_ms = IDEMPOTENCY_TTL_SECONDS * 1000 + late_ms
        self._copies = copies

    def of_ids(self, namespace: Namespace, ids: Sequence[str], *, after: Version | None = None) -> Begun:
        """Erase records by id, within the limits of a deletion; one that does not exist is no error.

        Raises Conflict where too many of the namespace are open, and whatever a deletion raises. If the deletion was
        made but the note was not, the same request again makes both good.
        """
        self._check_open(namespace)
        deletion = self._records.delete(namespace, ids, after=after)
        erasure = replace(self._new(), records=deletion.deleted)
        assert deletion.version is not None, "a deletion by id is written in any case"
        self._remind(namespace, erasure, ids, deletion.version)
        self._note(namespace, erasure)
        return Begun(erasure, deletion.version)

    def of_matching(self, namespace: Namespace, condition: Filter, *, after: Version | None = None) -> Begun:
        """Erase the records that match, up to DELETE_BY_FILTER_MAX. Raises as `of_ids`."""
        self._check_open(namespace)
        erasure = self._new()
        # The same filter would not find them again if this is cut off behind their deletion.
        latest = Version(stamp_at(erasure.at_ms + CLOCK_ERROR_MAX_MS), _ASKED)
        deletion = self._records.delete_matching(
            namespace,
            condition,
            after=after,
            about_to=lambda ids: self._about_to(namespace, erasure, ids, latest),
        )
        erasure = replace(erasure, records=deletion.deleted, at_ms=self._clock.unix_ms())
        if deletion.version is not None:
            self._remind(namespace, erasure, deletion.ids, deletion.version)
        self._note(namespace, erasure)
        return Begun(erasure, deletion.version, deletion.more)

    def of_keys(self, namespace: Namespace, keys: Sequence[str], *, after: Version | None = None) -> Begun:
        """Erase key-values. Raises as `of_ids`."""
        self._check_open(namespace)
        version, existed = self._key_values.delete_many(namespace, keys, after=after)
        self._key_values.forget_values(namespace, keys, version)
        erasure = replace(self._new(), keys=existed, by_keys=True)
        self._remind(namespace, erasure, keys, version)
        self._note(namespace, erasure)
        return Begun(erasure, version)

    def report(self, namespace: Namespace, erasure_id: str) -> Report:
        """How far one is. Raises ErasureNotFound."""
        erasure = self._ledger.get(namespace, erasure_id)
        if erasure is None:
            raise ErasureNotFound(f"There is no erasure {erasure_id[:80]!r}.", field="id")
        return self._report(namespace, erasure, self._ledger.peer_copies(namespace, [erasure.id]))

    def list(self, namespace: Namespace, *, cursor: str | None = None, limit: int = 100) -> Page[Report]:
        """A page of a namespace's erasures, the oldest first."""
        listing = f"erasures/{namespace.generation}"
        after = decode_cursor(listing, cursor) if cursor else None
        found = self._ledger.list(namespace, after, check_limit(limit) + 1, self._clock.unix_ms())
        copies = self._ledger.peer_copies(namespace, [one.id for one in found[:limit]])
        reports = [self._report(namespace, one, copies) for one in found[:limit]]
        return Page(reports, encode_cursor(listing, found[limit - 1].id) if len(found) > limit else None)

    def _check_open(self, namespace: Namespace) -> None:
        if self._ledger.count_open(namespace, ERASURES_OPEN_MAX, self._clock.unix_ms()) >= ERASURES_OPEN_MAX:
            raise Conflict(
                f"{ERASURES_OPEN_MAX} erasures of the namespace are open.",
                hint="Erase more records with each request, or wait until earlier ones are done.",
            )

    def _new(self) -> Erasure:
        now_ms = self._clock.unix_ms()
        return Erasure(f"{now_ms:012x}{secrets.token_hex(6)}", now_ms, 0, 0, False)

    def _about_to(
        self, namespace: Namespace, erasure: Erasure, names: Sequence[str], latest: Version
    ) -> None:
        with freeing():
            self._reminders.about_to(namespace, erasure, names, latest)

    def _remind(self, namespace: Namespace, erasure: Erasure, names: Sequence[str], version: Version) -> None:
        with freeing():
            self._reminders.done(namespace, erasure, names, version)

    def _note(self, namespace: Namespace, erasure: Erasure) -> None:
        with freeing():
            self._ledger.add(
                namespace,
                erasure,
                heads_of(self._log, namespace, erasure),
                shared=self._shared(namespace.tenant, namespace.name),
            )

    def _report(self, namespace: Namespace, erasure: Erasure, copies: Mapping[str, PeerCopy]) -> Report:
        now_ms, gone_ms = self._clock.unix_ms(), erasure.gone_ms
        shared = self._shared(namespace.tenant, namespace.name)
        places: list[ErasedPlace] = []
        if not erasure.by_keys:
            places += [ErasedPlace(name, gone_ms is not None, gone_ms) for name in ("segments", "log")]
        places.append(ErasedPlace("files", gone_ms is not None, gone_ms))
        if erasure.by_keys:
            places += [ErasedPlace("values", True, erasure.at_ms)]
            why = "the names of deleted keys are kept against late writes"
            until_ms = erasure.at_ms + KEY_TOMBSTONES_DAYS * _DAY_MS
            places.append(_timed("keys", until_ms, now_ms, why))
        until_ms = erasure.at_ms + self._answers_kept_ms
        places.append(_timed("idempotent_answers", until_ms, now_ms, "answers to earlier requests are kept"))
        if shared:
            copy = copies.get(erasure.id, PeerCopy(why="the other site has not been told of it yet"))
            gone = copy.gone_ms is not None
            places.append(ErasedPlace("peer", gone, copy.gone_ms, None if gone else copy.until_ms, copy.why))
        return Report(erasure, tuple(places), self._copies)


def heads_of(log: ChangeLog, namespace: Namespace, erasure: Erasure) -> Sequence[int]:
    """Up to where each of the namespace's logs may have something of it."""
    if not namespace.settings.holds_records or erasure.by_keys:
        return ()
    return [log.head(partition) for partition in namespace.partitions]


def _timed(name: str, until_ms: int, now_ms: int, why: str) -> ErasedPlace:
    return (
        ErasedPlace(name, True, until_ms)
        if now_ms >= until_ms
        else ErasedPlace(name, False, until_ms=until_ms, why=why)
    )
