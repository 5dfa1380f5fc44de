"""All organizations, as operators list them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from quartzdb.domain.errors import NotFound
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.closings import closing_document
from quartzdb_platform.domain.closing import Closing
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.ports import Change, DocumentTable, Put
from quartzdb_platform.transaction import change

_PAGE = 100
_LISTED_ALL = "MIGRATIONS", "organizations-listed"


class Listed(NamedTuple):
    """An organization, and when it will be deleted, if that was asked for."""

    organization: Organization
    delete_at_ms: int | None


class Page(NamedTuple):
    """Organizations, the oldest first. `next`: after which the following begin; None where none do."""

    organizations: Sequence[Listed]
    next: str | None


def page_of(table: DocumentTable, limit: int, after: str | None = None) -> Page:
    """So many at a time."""
    ids = store.organization_ids(table, limit=limit, after=after)
    found = []
    for organization_id in ids:
        try:
            organization = store.organization_of(table, organization_id)[0]
        except NotFound:
            continue  # it was deleted meanwhile
        closing = closing_document(table, organization_id)
        found.append(Listed(organization, Closing(**closing.body).delete_at_ms if closing else None))
    return Page(found, ids[-1] if len(ids) == limit else None)


def all_of(table: DocumentTable) -> Iterator[Organization]:
    """Every organization, the oldest first, page by page."""
    after: str | None = None
    while True:
        page = page_of(table, _PAGE, after)
        yield from (one.organization for one in page.organizations)
        after = page.next
        if after is None:
            return


class PartitionedTable(DocumentTable, Protocol):
    """A table that can be asked where documents of one sort key are, as one on this machine can."""

    def partitions_with(self, sk: str) -> Iterable[str]:
        """Partitions that have such a document. Raises Unavailable."""
        ...


def list_unlisted(table: PartitionedTable) -> int:
    """List organizations that were made before there was a list; once for each table, and how many. Raises Unavailable.

    A deployed table never had one that is not in the list.
    """
    if table.get(*_LISTED_ALL) is not None:
        return 0
    added = 0
    for pk in table.partitions_with("organization"):
        added += _list(table, pk.removeprefix(store.organization_pk("")))
    table.transact([Put(*_LISTED_ALL, {"added": added})])
    return added


def _list(table: DocumentTable, organization_id: str) -> bool:
    def decide() -> tuple[bool, Sequence[Change]]:
        if store.is_listed(table, organization_id):
            return False, ()
        return True, [store.list_organization(organization_id)]

    return change(table, decide)
