"""Which of two sites lacks what of one id. Pure: versions in, a decision out."""

from __future__ import annotations

from quartzdb.domain.change import Change, Patch, Upsert
from quartzdb.domain.hlc import BEGINNING
from quartzdb.replication.ports import Entry
from quartzdb.storage.ports import Item


def is_behind(mine: Entry | None, theirs: Entry | None) -> bool:
    """Whether a site that knows `mine` of an id would learn something from one that knows `theirs`.

    Tombstones of ids that it does not know are left out: sites forget them at different times, and would bring them to
    each other for ever.
    """
    if theirs is None:
        return False
    if mine is None:
        return theirs.live or bool(theirs.patches)
    base = mine.base or BEGINNING
    # Of one version only one has the record: where it had expired it was dropped, and elsewhere a patch prolonged it.
    if (theirs.base or BEGINNING, theirs.live) > (base, mine.live):
        return True
    return any(
        version > max(base, mine.patches.get(name, BEGINNING)) for name, version in theirs.patches.items()
    )


def is_news(change: Change | Item, known: Entry | None) -> bool:
    """Whether a site that knows `known` of an id would learn something from one change of it."""
    if known is None:
        return True
    base = known.base or BEGINNING
    if isinstance(change, Patch):
        fields = [*change.set, *change.unset]
        return any(change.version > max(base, known.patches.get(name, BEGINNING)) for name in fields)
    return (change.version, isinstance(change, Upsert)) > (base, known.live)
