"""Of whom caps have still to be looked at: projects and organizations of which something changed since the last look.

A note is put in the transaction of the change, and taken back only as it was before the look, so that nothing that
changes meanwhile is missed. There are several partitions, so that many who count at once do not wait for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

from quartzdb_platform.ports import Delete, Document, DocumentTable, Put

PARTITIONS = 8
FAMILY = "UNLOOKED#"
COUNTED = "changes"
_LATER_PK = "UNLOOKED-LATER"
_PAGE = 100


class NotePlace(NamedTuple):
    """Of the note of a project or an organization."""

    pk: str
    sk: str


def place_of(subject_id: str) -> NotePlace:
    """Where its note lies."""
    return NotePlace(f"{FAMILY}{crc32(subject_id.encode()) % PARTITIONS}", subject_id)


def note(table: DocumentTable, subject_id: str) -> Put:
    """What to add to a transaction after which caps have to be looked at."""
    place = place_of(subject_id)
    found = table.get(*place)
    count = 0 if found is None else found.body[COUNTED]
    return Put(*place, {COUNTED: count + 1}, None if found is None else found.revision)


def note_for(table: DocumentTable, organization_id: str, at_ms: int) -> Sequence[Put]:
    """The same for a time to come, as when a block ends; nothing where that is noted."""
    sk = f"{at_ms:015d}#{organization_id}"
    return [] if table.get(_LATER_PK, sk) is not None else [Put(_LATER_PK, sk, {})]


def notes(table: DocumentTable, now_ms: int) -> Iterator[Document]:
    """All that there are, and those whose time has come: the id that each is of is what `subject_of` says."""
    for number in range(PARTITIONS):
        yield from _each(table, f"{FAMILY}{number}")
    for document in _each(table, _LATER_PK):
        if int(document.sk.partition("#")[0]) > now_ms:
            return
        yield document


def subject_of(document: Document) -> str:
    """The id of a project or an organization."""
    return document.sk.rpartition("#")[2]


def take_back(table: DocumentTable, document: Document) -> bool:
    """Whether it was; False where something changed again meanwhile, and it has to be looked at again."""
    return table.transact([Delete(document.pk, document.sk, document.revision)])


def _each(table: DocumentTable, pk: str) -> Iterator[Document]:
    after = None
    while True:
        found = table.query(pk, "", limit=_PAGE, after=after)
        yield from found
        if len(found) < _PAGE:
            return
        after = found[-1].sk
