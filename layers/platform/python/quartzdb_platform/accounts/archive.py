"""Use case of taking everything along: an archive of an organization, made while it is sent, in bounded memory.

A ZIP file of JSON lines. One that was cut short has no directory at its end, and whoever opens it is told so.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict
from quartzdb.services.ports import ApiKey
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.domain.times import rfc3339
from quartzdb_platform.identity.attempts import Attempts, Rate
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.ports import DataPlaneData, DataPlaneKeys, Document, DocumentTable
from quartzdb_platform.transaction import change

OF_ORGANIZATION = Rate(burst=3, seconds=1_200)
_AT_ONCE = 100
_CHUNK_BYTES = 64 * 1024
FILES = (
    ("organization.jsonl", "organization"),
    *(
        (f"{name}s.jsonl", f"{name}#")
        for name in ("member", "invitation", "project", "token", "credit", "statement")
    ),
    ("audit.jsonl", "audit#"),
)
"""Of an organization: the documents of its partition whose sort key begins so."""
_SECRETS = frozenset({"pk", "secret"})
"""What of a document leads to, or proves, a credential."""


class Archive:
    """`data` None: this deployment has no way to send everything in one answer."""

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        credentials: Credentials,
        keys: DataPlaneKeys,
        data: DataPlaneData | None,
        clock: Clock,
    ) -> None:
        self._table = table
        self._audit = audit
        self._credentials = credentials
        self._keys = keys
        self._data = data
        self._clock = clock
        self._attempts = Attempts(table, clock)

    def begin(self, access: Access) -> Iterator[bytes]:
        """The archive, piece by piece. Raises StepUpRequired, TooManyAttempts, Conflict before the first."""
        self._credentials.require_fresh(access.credential)
        if self._data is None:
            raise Conflict(
                "This deployment sends no archive in one answer: it would have no room in it.",
                hint="POST …/exports has one made, to be fetched by a link.",
            )
        self._attempts.count("exports of one organization", access.organization_id, OF_ORGANIZATION)
        event = self._audit.entry
        organization_id = access.organization_id
        change(
            self._table,
            lambda: (None, event(organization_id, access.actor, "organization.export", organization_id)),
        )
        return self._pieces(organization_id, self._data)

    def _pieces(self, organization_id: str, data: DataPlaneData) -> Iterator[bytes]:
        sink = _Sink()
        counts: dict[str, int] = {}
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
            for name, lines in self._files(organization_id, data):
                counts[name] = 0
                with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
                    for line in lines:
                        file.write(line)
                        counts[name] += 1
                        if sink.bytes >= _CHUNK_BYTES:
                            yield sink.take()
            made = {"exported_at": rfc3339(self._clock.unix_ms()), "lines": counts}
            archive.writestr("export.json", json.dumps({"organization": organization_id, **made}, indent=2))
        yield sink.take()

    def _files(self, organization_id: str, data: DataPlaneData) -> Iterator[tuple[str, Iterable[bytes]]]:
        pk = store.organization_pk(organization_id)
        for file, prefix in FILES:
            yield file, self._documents(pk, prefix)
        for document in self._each(pk, "project#"):
            project = store.project_of(document)
            folder = f"projects/{project.id}"
            yield f"{folder}/keys.jsonl", (key_line(key) for key in self._keys.list(project.id))
            yield f"{folder}/usage.jsonl", self._documents(f"USAGE#{project.id}", "", placed=True)
            for name, lines in data.files(project.id):
                yield f"{folder}/{name}", lines

    def _documents(self, pk: str, prefix: str, *, placed: bool = False) -> Iterator[bytes]:
        return (document_line(document, placed=placed) for document in self._each(pk, prefix))

    def _each(self, pk: str, prefix: str) -> Iterator[Document]:
        after = None
        while found := self._table.query(pk, prefix, limit=_AT_ONCE, after=after):
            yield from found
            after = found[-1].sk


class _Sink(io.RawIOBase):
    """What was written and not taken yet. It has no positions, so that the archive is written for a stream."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        taken = bytes(piece)
        self._pieces.append(taken)
        self.bytes += len(taken)
        return len(taken)

    def take(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces, self.bytes = [], 0
        return whole


def document_line(document: Document, *, placed: bool = False) -> bytes:
    """A document as it is told to whose it is; `placed`: with its place, where that says what it is about."""
    told = {name: value for name, value in document.body.items() if name not in _SECRETS}
    return _line({"place": document.sk, **told} if placed else told)


def key_line(key: ApiKey) -> bytes:
    """An API key, without anything that proves it."""
    told = {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "namespaces": None if key.namespaces is None else sorted(key.namespaces),
        "created_at_ms": key.created_at_ms,
        "expires_at_ms": key.expires_at_ms,
        "revoked_at_ms": key.revoked_at_ms,
        "last_used_at_ms": key.last_used_at_ms,
    }
    return _line(told)


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
