"""Which organizations' grants have still to be published: noted in the transaction that changes what they say."""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb_platform.accounts import store
from quartzdb_platform.ports import Delete, Document, DocumentTable, Put
from quartzdb_platform.transaction import change

_PK = "PENDING_GRANTS"
_PAGE = 100


def mark(table: DocumentTable, organization_id: str) -> Put:
    """What to add to a transaction that changes an organization's plan, projects or blocks."""
    found = table.get(_PK, organization_id)
    return Put(_PK, organization_id, {}, None if found is None else found.revision)


def mark_all(table: DocumentTable) -> int:
    """Have the next pass look at every organization, as after a change of the plans; how many there are."""
    count, after = 0, None
    while found := store.organization_ids(table, limit=_PAGE, after=after):
        for organization_id in found:
            _note(table, organization_id)
        count, after = count + len(found), found[-1]
    return count


def note_of(table: DocumentTable, organization_id: str) -> Document | None:
    """The note, as it is now. It is taken back only as it was before the grants were read."""
    return table.get(_PK, organization_id)


def take_back(table: DocumentTable, note: Document) -> bool:
    """Whether it was; False where something was changed again in the meantime."""
    return table.transact([Delete(note.pk, note.sk, note.revision)])


def noted(table: DocumentTable, *, limit: int, after: str | None = None) -> Sequence[str]:
    """Organizations that are noted, beyond that one."""
    return [document.sk for document in table.query(_PK, "", limit=limit, after=after)]


def _note(table: DocumentTable, organization_id: str) -> None:
    change(table, lambda: (None, [mark(table, organization_id)]))
