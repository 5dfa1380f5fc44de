"""Which organizations' grants have still to be published: noted in the transaction that changes what they say."""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb_platform.ports import Delete, Document, DocumentTable, Put

_PK = "PENDING_GRANTS"


def mark(table: DocumentTable, organization_id: str) -> Put:
    """What to add to a transaction that changes an organization's plan, projects or blocks."""
    found = table.get(_PK, organization_id)
    return Put(_PK, organization_id, {}, None if found is None else found.revision)


def note_of(table: DocumentTable, organization_id: str) -> Document | None:
    """The note, as it is now. It is taken back only as it was before the grants were read."""
    return table.get(_PK, organization_id)


def take_back(table: DocumentTable, note: Document) -> bool:
    """Whether it was; False where something was changed again in the meantime."""
    return table.transact([Delete(note.pk, note.sk, note.revision)])


def noted(table: DocumentTable, *, limit: int, after: str | None = None) -> Sequence[str]:
    """Organizations that are noted, beyond that one."""
    return [document.sk for document in table.query(_PK, "", limit=limit, after=after)]
