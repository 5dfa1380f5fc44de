"""What projects that are gone used of months that are still to be billed: sums, kept with their organization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quartzdb_platform.accounts import store
from quartzdb_platform.metering.bill import Used
from quartzdb_platform.metering.month import used_in
from quartzdb_platform.ports import DocumentTable, Put

_SK = "former#"


def put(table: DocumentTable, organization_id: str, project_id: str, months: Sequence[str]) -> Sequence[Put]:
    """What to add to the transaction in which a project is forgotten. Nothing where it used nothing."""
    used = {month: list(used_in(table, [project_id], month)[project_id]) for month in months}
    kept = {month: one for month, one in used.items() if any(one)}
    if not kept:
        return ()
    return (Put(store.organization_pk(organization_id), _SK + project_id, {"months": kept}),)


def used_by_all(table: DocumentTable, organization_id: str, month: str) -> Mapping[str, Used]:
    """What a month is billed by: by project, those that are gone included."""
    pk = store.organization_pk(organization_id)
    listed = table.query(pk, "project#", limit=store.LISTED_MAX)
    return {
        **used_by_former(table, organization_id, month),
        **used_in(table, [store.project_of(document).id for document in listed], month),
    }


def used_by_former(table: DocumentTable, organization_id: str, month: str) -> Mapping[str, Used]:
    """The same of those that are gone alone."""
    found = table.query(store.organization_pk(organization_id), _SK, limit=store.LISTED_MAX)
    return {
        document.sk.removeprefix(_SK): Used(*document.body["months"][month])
        for document in found
        if month in document.body["months"]
    }
