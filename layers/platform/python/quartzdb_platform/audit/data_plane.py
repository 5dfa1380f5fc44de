"""The database's audit lines as events of organizations: each line exactly once, in the order they were written in.

A source is a file of lines or a batch of a log: where it was read to is kept in the transactions of the events, so that
whoever reads it again, after a crash or because a message came twice, goes on there. Refusals of one key for one reason
become one event with their number.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from quartzdb.domain.clock import Clock
from quartzdb_platform.audit.log import AuditLog, Happened
from quartzdb_platform.ports import AuditLine, AuditLines, Change, DocumentTable, Put
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)
LINES_AT_ONCE = 6
"""Of one transaction: each may be of another organization: an event, its head, its day, and a key's networks."""
_PAGE_LINES = 600
NETWORKS_MAX = 100
"""Remembered of one key; of more, the one that was not seen for longest is forgotten, and new when it comes again."""
_DONE = "done"
_SOURCE_KEPT_MS = 35 * 24 * 3_600_000
_TEXT_CHARACTERS_MAX = 512
_COUNT_MAX = 10**9


class DataPlaneAudit:
    """One instance serves every source."""

    def __init__(self, table: DocumentTable, audit: AuditLog, clock: Clock) -> None:
        self._table = table
        self._audit = audit
        self._clock = clock

    def read_to(self, source: str) -> int:
        """The place up to which a source was taken; 0 for none of it."""
        found = self._table.get(_source_pk(source), "source")
        return found.body["place"] if found else 0

    def take(self, source: str, lines: Sequence[AuditLine]) -> int:
        """Make events of what was not taken yet; how many lines were. Lines of what is no project are passed over.

        Raises Unavailable, Conflict; then what is left is taken by the next call.
        """
        begun = self.read_to(source)
        left = [line for line in lines if line.place > begun]
        for first in range(0, len(left), LINES_AT_ONCE):
            self._take(source, left[first : first + LINES_AT_ONCE])
        return len(left)

    def take_all(self, lines: AuditLines) -> None:
        """Make events of all lines that there are now, and have them dropped. Raises as `take`."""
        while True:
            # Also what an earlier call took and did not come to drop.
            read_to = self.read_to(lines.source)
            lines.drop(read_to)
            found = lines.read(read_to, _PAGE_LINES)
            if not found:
                return
            self.take(lines.source, found)

    def take_batch(self, batch_id: str, texts: Sequence[str]) -> int:
        """Make events of the lines of a message that may come more than once, always with the same id and lines: what a
        subscription to a log delivers. Raises as `take`.
        """
        return self.take(f"batch#{batch_id}", [AuditLine(at, text) for at, text in enumerate(texts, 1)])

    def _take(self, source: str, lines: Sequence[AuditLine]) -> None:
        def decide() -> tuple[None, Sequence[Change]]:
            pk = _source_pk(source)
            cursor = self._table.get(pk, "source")
            if cursor is not None and cursor.body["place"] >= lines[0].place:
                return None, ()  # somebody else was faster
            of_organizations: dict[str, list[Happened]] = {}
            networks: dict[str, Put] = {}
            for line in lines:
                self._sort(line, of_organizations, networks)
            ends_ms = self._clock.unix_ms() + _SOURCE_KEPT_MS
            revision = None if cursor is None else cursor.revision
            events = [
                one
                for organization_id, happened in of_organizations.items()
                for one in self._audit.appended(organization_id, _counted(happened))
            ]
            at = Put(pk, "source", {"place": lines[-1].place}, revision, ends_ms)
            return None, [at, *networks.values(), *events]

        change(self._table, decide)

    def _sort(self, line: AuditLine, found: dict[str, list[Happened]], networks: dict[str, Put]) -> None:
        parsed = _parsed(line.text)
        if parsed is None:
            logger.warning("a line of the database's audit log is none: %.200s", line.text)
            return
        tenant, happened = parsed
        project = self._table.get(f"PROJECT#{tenant}", "project")
        if project is None:
            return
        if happened.action == "key.network":
            known = networks.get(happened.actor) or self._networks(tenant, happened.actor)
            seen = dict(known.body["seen"])
            new = happened.target not in seen
            seen.pop(happened.target, None)
            seen[happened.target] = happened.at_ms
            while len(seen) > NETWORKS_MAX:
                del seen[next(iter(seen))]
            networks[happened.actor] = known._replace(body={"seen": seen})
            # Where a key begins is no news.
            if not new or len(seen) == 1:
                return
            happened = replace(happened, action="key.new_network")
        happened = replace(happened, target="/".join(part for part in (tenant, happened.target) if part))
        found.setdefault(project.body["organization_id"], []).append(happened)

    def _networks(self, tenant: str, key_id: str) -> Put:
        pk, sk = f"PROJECT#{tenant}", f"networks#{key_id}"
        document = self._table.get(pk, sk)
        return Put(pk, sk, document.body, document.revision) if document else Put(pk, sk, {"seen": {}})


def _counted(happened: Sequence[Happened]) -> Sequence[Happened]:
    """The same with refusals of one actor for one reason as one."""
    merged: list[Happened] = []
    denied: dict[tuple[str, str], int] = {}
    for one in happened:
        if one.action != "access.denied":
            merged.append(one)
            continue
        place = denied.setdefault((one.actor, one.outcome), len(merged))
        if place == len(merged):
            merged.append(one)
        else:
            merged[place] = replace(merged[place], count=merged[place].count + one.count)
    return merged


def _parsed(text: str) -> tuple[str, Happened] | None:
    """Of which tenant it is, and what happened; None for what is no line of the audit log."""
    try:
        line = json.loads(text)
        if line["event"] != "audit":
            return None
        at_ms = int(datetime.fromisoformat(line["at"]).timestamp() * 1_000)
        actor = line.get("key_id") or line.get("operator") or ""
        outcome, count = str(line["outcome"]), line.get("count", 1)
        if not isinstance(count, int) or not 1 <= count <= _COUNT_MAX:
            return None
        return str(line.get("tenant") or ""), Happened(
            at_ms,
            _short(actor),
            _short(line["action"]),
            _short(line.get("target") or ""),
            _short(line.get("address") or ""),
            "" if outcome == _DONE else _short(outcome),
            count,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _short(text: object) -> str:
    return str(text)[:_TEXT_CHARACTERS_MAX]


def _source_pk(source: str) -> str:
    return f"AUDIT_SOURCE#{source}"
