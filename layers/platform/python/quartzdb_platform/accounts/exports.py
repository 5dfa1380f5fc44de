"""Use case of taking everything along where no answer is large enough for it: an archive that is made step by step by
the scheduled pass, kept for some days, and fetched by a link that ends.

What is made and how far it is, is a document; a step that was cut short is taken again, and is done once. Who owns the
organization asks for one, sees those that there are, and is given links, each time with a sign-in of the last minutes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, NotFound, QuartzError
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.archive import OF_ORGANIZATION
from quartzdb_platform.accounts.export_steps import BEGIN, ExportSteps, archive_name
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.domain.ids import new_id
from quartzdb_platform.identity.attempts import Attempts
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.ports import (
    Change,
    DataPlaneArchives,
    DataPlaneKeys,
    Delete,
    Document,
    DocumentTable,
    Put,
)
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)
KEPT_MS = 6 * 24 * 3_600_000
"""From when it is whole. The store drops by itself what is seven days old, however that came there."""
LINK_SECONDS = 900
KEPT_MAX = 5
"""Of one organization, those that are being made included."""
RUN_SECONDS = 240.0
_CLAIM_MS = 5 * 60_000
"""Longer than a step takes: whoever holds it is at it, or is no more."""
_FAILURES_MAX = 20
_PK = "EXPORTS"
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Export:
    """An archive. `ready_at_ms` None: it is being made, or `failed`. `bytes` once it is ready."""

    id: str
    requested_at_ms: int
    requested_by: str
    steps: int = 0
    failed: bool = False
    bytes: int | None = None
    ready_at_ms: int | None = None
    delete_at_ms: int | None = None


class Exports:
    """`archives` None: this deployment makes none, and sends everything at once."""

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        credentials: Credentials,
        keys: DataPlaneKeys,
        archives: DataPlaneArchives | None,
        clock: Clock,
    ) -> None:
        self._table = table
        self._audit = audit
        self._credentials = credentials
        self._archives = archives
        self._clock = clock
        self._attempts = Attempts(table, clock)
        self._steps = None if archives is None else ExportSteps(table, keys, archives, clock)

    @property
    def kept(self) -> bool:
        """Whether this deployment keeps archives."""
        return self._archives is not None

    def request(self, access: Access) -> Export:
        """Have one made. Raises StepUpRequired, TooManyAttempts, Conflict."""
        self._credentials.require_fresh(access.credential)
        self._present()
        self._attempts.count("exports of one organization", access.organization_id, OF_ORGANIZATION)
        export_id = new_id("exp", self._clock.unix_ms())

        def decide() -> tuple[Export, Sequence[Change]]:
            present = self._all(access.organization_id)
            if any(one.body["ready_at_ms"] is None and not one.body["failed"] for one in present):
                raise Conflict("An archive is being made already.", hint="Wait for it.")
            if len(present) >= KEPT_MAX:
                raise Conflict(f"There are {KEPT_MAX} archives already.", hint="Delete one.")
            body = {
                "id": export_id,
                "requested_at_ms": self._clock.unix_ms(),
                "requested_by": access.actor.id,
                "steps": 0,
                "failed": False,
                "bytes": None,
                "ready_at_ms": None,
                "delete_at_ms": None,
                "place": BEGIN,
                "planned": None,
                "claimed_until_ms": 0,
                "failures": 0,
            }
            event = self._audit.entry(access.organization_id, access.actor, "organization.export", export_id)
            listed = {"organization_id": access.organization_id}
            return _export(body), [
                Put(store.organization_pk(access.organization_id), _sk(export_id), body),
                Put(_PK, export_id, listed),
                *event,
            ]

        return change(self._table, decide)

    def list(self, access: Access) -> Sequence[Export]:
        """The oldest first."""
        return [_export(one.body) for one in self._all(access.organization_id)]

    def link(self, access: Access, export_id: str) -> tuple[str, int]:
        """Where it can be fetched, and until when (unix milliseconds). Raises StepUpRequired, NotFound, Conflict."""
        self._credentials.require_fresh(access.credential)
        archives = self._present()
        export = _export(self._get(access.organization_id, export_id).body)
        now_ms = self._clock.unix_ms()
        if export.ready_at_ms is None or export.delete_at_ms is None or export.delete_at_ms <= now_ms:
            raise Conflict("This archive is not ready.", hint="See when `ready_at` says so.")
        event = self._audit.entry
        change(
            self._table,
            lambda: (
                None,
                event(access.organization_id, access.actor, "organization.export.fetch", export_id),
            ),
        )
        seconds = min(LINK_SECONDS, (export.delete_at_ms - now_ms) // 1_000)
        name = f"{access.organization_id}.zip"
        link = archives.link(archive_name(access.organization_id, export_id), name, seconds)
        return link, now_ms + seconds * 1_000

    def delete(self, access: Access, export_id: str) -> None:
        """Have it gone with the next scheduled pass, whole or not; no link is given any more. Raises NotFound."""

        def decide() -> tuple[None, Sequence[Change]]:
            found = self._get(access.organization_id, export_id)
            event = self._audit.entry(
                access.organization_id, access.actor, "organization.export.delete", export_id
            )
            body = {**found.body, "failed": True, "delete_at_ms": self._clock.unix_ms()}
            return None, [Put(found.pk, found.sk, body, found.revision), *event]

        change(self._table, decide)

    def run_due(self, _now_ms: int) -> None:
        """Go on with each that is being made, and drop those whose days are over. One that fails keeps no other from
        its turn, and is given up when it fails again and again.
        """
        ends = self._clock.monotonic() + RUN_SECONDS
        after = None
        while listed := self._table.query(_PK, "", limit=_AT_ONCE, after=after):
            for one in listed:
                organization_id, export_id = one.body["organization_id"], one.sk
                try:
                    self._go_on(organization_id, export_id, ends)
                except QuartzError as error:
                    logger.error("the archive %s goes on later: %s", export_id, error)
                    self._failed(organization_id, export_id)
            after = listed[-1].sk

    def forget(self, organization_id: str) -> None:
        """Nothing of its archives is left. Raises Unavailable, and then it has to be done again."""
        for one in self._all(organization_id):
            self._drop(organization_id, one.body["id"])

    def _go_on(self, organization_id: str, export_id: str, ends: float) -> None:
        steps = self._steps
        assert steps is not None, "without archives none is asked for"
        while self._clock.monotonic() < ends:
            found = self._table.get(store.organization_pk(organization_id), _sk(export_id))
            now_ms = self._clock.unix_ms()
            delete_at_ms = None if found is None else found.body["delete_at_ms"]
            if found is None or (delete_at_ms is not None and now_ms >= delete_at_ms):
                self._drop(organization_id, export_id)
                return
            body = found.body
            if body["ready_at_ms"] is not None or body["failed"] or body["claimed_until_ms"] > now_ms:
                return
            # What a step is has to be settled before it is taken: there may be more documents by the next try.
            planned = body["planned"] or steps.plan(organization_id, body["place"])
            claimed = {**body, "planned": planned, "claimed_until_ms": now_ms + _CLAIM_MS}
            if not self._table.transact([Put(found.pk, found.sk, claimed, found.revision)]):
                return  # somebody else is at it
            made = steps.take(organization_id, export_id, body["steps"] + 1, body["place"], planned)
            done = {
                **body,
                "steps": body["steps"] + 1,
                "place": made.place,
                "planned": None,
                "claimed_until_ms": 0,
                "failures": 0,
            }
            if made.bytes is not None:
                now_ms = self._clock.unix_ms()
                done |= {"bytes": made.bytes, "ready_at_ms": now_ms, "delete_at_ms": now_ms + KEPT_MS}
            self._table.transact([Put(found.pk, found.sk, done, found.revision + 1)])

    def _failed(self, organization_id: str, export_id: str) -> None:
        found = self._table.get(store.organization_pk(organization_id), _sk(export_id))
        if found is None:
            return
        failures = found.body["failures"] + 1
        body = {**found.body, "failures": failures, "claimed_until_ms": 0}
        if failures >= _FAILURES_MAX:
            body |= {"failed": True, "delete_at_ms": self._clock.unix_ms() + KEPT_MS}
        self._table.transact([Put(found.pk, found.sk, body, found.revision)])

    def _drop(self, organization_id: str, export_id: str) -> None:
        """The archive first: its documents are how it is found."""
        self._present().delete(archive_name(organization_id, export_id))

        def decide() -> tuple[None, Sequence[Change]]:
            places = ((store.organization_pk(organization_id), _sk(export_id)), (_PK, export_id))
            found = [one for place in places if (one := self._table.get(*place)) is not None]
            return None, [Delete(one.pk, one.sk, one.revision) for one in found]

        change(self._table, decide)

    def _present(self) -> DataPlaneArchives:
        if self._archives is None:
            raise Conflict(
                "This deployment keeps no archives.", hint="GET …/export sends everything in one answer."
            )
        return self._archives

    def _all(self, organization_id: str) -> Sequence[Document]:
        return self._table.query(store.organization_pk(organization_id), "export#", limit=_AT_ONCE)

    def _get(self, organization_id: str, export_id: str) -> Document:
        found = self._table.get(store.organization_pk(organization_id), _sk(export_id))
        if found is None:
            raise NotFound(f"There is no archive {export_id[:80]!r}.", field="export_id")
        return found


def _export(body: Mapping[str, Any]) -> Export:
    names = (
        "id",
        "requested_at_ms",
        "requested_by",
        "steps",
        "failed",
        "bytes",
        "ready_at_ms",
        "delete_at_ms",
    )
    return Export(**{name: body[name] for name in names})


def _sk(export_id: str) -> str:
    return f"export#{export_id}"
