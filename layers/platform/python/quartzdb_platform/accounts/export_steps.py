"""The steps of an archive of an organization: which comes next, and taking it.

A place says how far it is. A file of documents is taken a stretch at a time, whose end is planned before it is taken,
so that a step which is taken again has the same lines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.archive import FILES, document_line, key_line
from quartzdb_platform.domain.times import rfc3339
from quartzdb_platform.ports import DataPlaneArchives, DataPlaneKeys, Document, DocumentTable, Json

BEGIN: Json = {"file": 0, "after": None}
_KEYS, _USAGE, _DATA = "keys", "usage", "data"
_ABOUT, _FINISH = "about", "finish"
_DOCUMENTS_MAX = 100
_BYTES_MAX = 2_000_000
"""Of a step: a request to the function that takes it has 6 MB at most."""


class Made(NamedTuple):
    """Where to go on, and how large the archive is once it is whole."""

    place: Json
    bytes: int | None = None


class ExportSteps:
    """One instance serves everybody."""

    def __init__(
        self, table: DocumentTable, keys: DataPlaneKeys, archives: DataPlaneArchives, clock: Clock
    ) -> None:
        self._table = table
        self._keys = keys
        self._archives = archives
        self._clock = clock

    def plan(self, organization_id: str, place: Json) -> Json:
        """What the step from a place has: the sort key that it ends with, and whether its file ends there."""
        found = self._partition(organization_id, place)
        if found is None:
            return {"until": None, "ends": True}
        pk, prefix = found
        documents = self._table.query(pk, prefix, limit=_DOCUMENTS_MAX, after=place["after"])
        size = 0
        for number, document in enumerate(documents):
            size += len(document_line(document, placed=True))
            if size > _BYTES_MAX:
                return {"until": document.sk, "ends": False}
            if number == _DOCUMENTS_MAX - 1:
                return {"until": document.sk, "ends": False}
        return {"until": documents[-1].sk if documents else None, "ends": True}

    def take(self, organization_id: str, export_id: str, step: int, place: Json, planned: Json) -> Made:
        """Take it. Raises Unavailable, and then it is to be taken again."""
        archive, file = archive_name(organization_id, export_id), place["file"]
        if file == _FINISH:
            return Made(place, self._archives.finish(archive, step))
        if file == _ABOUT:
            about = {"organization": organization_id, "exported_at": rfc3339(self._clock.unix_ms())}
            self._archives.add(archive, step, [("export.json", json.dumps(about, indent=2))])
            return Made({"file": _FINISH})
        if file == _DATA:
            folder = f"projects/{place['project']}"
            cursor = self._archives.add_project(archive, step, place["project"], folder, place["after"])
            if cursor is not None:
                return Made({**place, "after": cursor})
            return Made(self._following(organization_id, place))
        self._archives.add(archive, step, [(_name(place), self._lines(organization_id, place, planned))])
        if not planned["ends"]:
            return Made({**place, "after": planned["until"]})
        return Made(self._following(organization_id, place))

    def _lines(self, organization_id: str, place: Json, planned: Json) -> str:
        if place["file"] == _KEYS:
            return b"".join(key_line(key) for key in self._keys.list(place["project"])).decode()
        placed = place["file"] == _USAGE
        return b"".join(
            document_line(document, placed=placed)
            for document in self._until(organization_id, place, planned["until"])
        ).decode()

    def _until(self, organization_id: str, place: Json, until: str | None) -> Sequence[Document]:
        found = self._partition(organization_id, place)
        assert found is not None, "what has documents has a partition"
        if until is None:
            return ()
        documents = self._table.query(*found, limit=_DOCUMENTS_MAX, after=place["after"])
        return [document for document in documents if document.sk <= until]

    def _partition(self, organization_id: str, place: Json) -> tuple[str, str] | None:
        """Where the documents of a file are; None for what has none."""
        if isinstance(place["file"], int):
            return store.organization_pk(organization_id), FILES[place["file"]][1]
        return (f"USAGE#{place['project']}", "") if place["file"] == _USAGE else None

    def _following(self, organization_id: str, place: Json) -> Mapping[str, Any]:
        file = place["file"]
        if file == _KEYS:
            return {"project": place["project"], "file": _USAGE, "after": None}
        if file == _USAGE:
            return {"project": place["project"], "file": _DATA, "after": None}
        if isinstance(file, int) and file + 1 < len(FILES):
            return {"file": file + 1, "after": None}
        after = f"project#{place['project']}" if file == _DATA else None
        pk = store.organization_pk(organization_id)
        project = self._table.query(pk, "project#", limit=1, after=after)
        if not project:
            return {"file": _ABOUT}
        return {"project": store.project_of(project[0]).id, "file": _KEYS, "after": None}


def archive_name(organization_id: str, export_id: str) -> str:
    """Of an archive: nobody finds it who does not know both."""
    return f"{organization_id}/{export_id}"


def _name(place: Json) -> str:
    if isinstance(place["file"], int):
        return FILES[place["file"]][0]
    return f"projects/{place['project']}/{place['file']}.jsonl"
