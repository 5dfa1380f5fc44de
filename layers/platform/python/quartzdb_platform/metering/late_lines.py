"""Lines of a project that is gone: they may come after it was deleted with all that was counted of it.

A project's document is there before it has a key, so where there is none any more nobody pays for what comes.
"""

from __future__ import annotations

from collections.abc import Set

from quartzdb_platform.metering import places
from quartzdb_platform.ports import CHANGES_MAX, Delete, DocumentTable


def forget_gone(table: DocumentTable, project_ids: Set[str]) -> Set[str]:
    """Of projects of which something was counted just now: forget it of those that are gone. The others.

    Raises Unavailable.
    """
    there = {one for one in project_ids if table.get(f"PROJECT#{one}", "project") is not None}
    for project_id in project_ids - there:
        pk = places.usage_pk(project_id)
        while found := table.query(pk, "", limit=CHANGES_MAX):
            # Where somebody else counts or forgets at the same time, it is looked at again.
            table.transact([Delete(one.pk, one.sk, one.revision) for one in found])
    return there
