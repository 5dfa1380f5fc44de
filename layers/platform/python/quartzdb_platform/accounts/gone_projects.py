"""Projects that were deleted not long ago, so that what is counted late of them is forgotten, too.

Usage lines of a project may come when nothing of it is there any more, and who counts them cannot always know.
"""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb_platform.ports import CHANGES_MAX, Delete, DocumentTable, Put

_PK = "GONE-PROJECTS"
LOOKED_AFTER_MS = 2 * 24 * 3_600_000
"""Lines are delivered within a day: CloudWatch Logs gives up after that. One by hand may come later, and stays."""


def note(table: DocumentTable, project_id: str, gone_at_ms: int | None) -> Sequence[Put]:
    """What to add to the transaction in which a project is found to be gone; None: it is not yet."""
    if gone_at_ms is None:
        return ()
    found = table.get(_PK, project_id)
    body = {"until_ms": gone_at_ms + LOOKED_AFTER_MS}
    return (Put(_PK, project_id, body, found.revision if found else None),)


def forget_late(table: DocumentTable, now_ms: int, partitions: Sequence[str]) -> None:
    """Drop what is of them in partitions, each the beginning of one's name. Safe to repeat. Raises Unavailable."""
    after = None
    while projects := table.query(_PK, "", limit=CHANGES_MAX, after=after):
        for project in projects:
            for partition in partitions:
                while found := table.query(f"{partition}{project.sk}", "", limit=CHANGES_MAX):
                    # Where somebody else counts or forgets at the same time, it is looked at again.
                    table.transact([Delete(one.pk, one.sk, one.revision) for one in found])
            if now_ms >= project.body["until_ms"]:
                table.transact([Delete(project.pk, project.sk, project.revision)])
        after = projects[-1].sk
