"""The other site, as far as the Worker sees it: requests of the replication protocol, written out by hand."""

from __future__ import annotations

import base64
import struct
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx

from tests.worker_site import SECRET

SETTINGS = {"dimension": 384, "metric": "cosine"}
Document = dict[str, Any]
_CLIENT = httpx.Client(timeout=60, trust_env=False)
"""One for all: making one takes longer than most requests."""


def now_ms() -> int:
    return int(time.time() * 1000)


def version(milliseconds: int, counter: int = 0, writer: str = "aws.3f9c2a1b") -> str:
    return f"{(milliseconds << 16) + counter:016x}.{writer}"


def vector_text(*first: float) -> str:
    numbers = [*first, *[0.0] * (384 - len(first))]
    return base64.b64encode(struct.pack("<384f", *numbers)).decode()


def upsert(record_id: str, at: str, *first: float, **metadata: Any) -> Document:
    return {
        "op": "upsert",
        "id": record_id,
        "version": at,
        "vector": vector_text(*(first or (1.0,))),
        "metadata": metadata,
    }


def patch(record_id: str, at: str, unset: tuple[str, ...] = (), /, **fields: Any) -> Document:
    return {"op": "patch", "id": record_id, "version": at, "set": fields, "unset": list(unset)}


def delete(record_id: str, at: str) -> Document:
    return {"op": "delete", "id": record_id, "version": at}


def put(key: str, at: str, value: bytes, *, expires_at_ms: int | None = None) -> Document:
    return {
        "op": "put",
        "key": key,
        "version": at,
        "value": base64.b64encode(value).decode(),
        "content_type": "application/x-test",
        "expires_at_ms": expires_at_ms,
    }


def delete_key(key: str, at: str) -> Document:
    return {"op": "delete", "key": key, "version": at}


def bucket_of(record_id: str) -> int:
    return sha256(record_id.encode()).digest()[0]


def digests_of(states: dict[str, tuple[str, dict[str, str]]]) -> list[list[int]]:
    """Of live states, as docs/replication.md defines them: id → (version of the upsert or put, version by field)."""
    digests = [[0, 0] for _ in range(256)]
    for record_id, (base, patches) in states.items():
        lines = [record_id, base, *(f"{name}={patches[name]}" for name in sorted(patches, key=str.encode))]
        bucket = digests[bucket_of(record_id)]
        bucket[0] += 1
        bucket[1] += int.from_bytes(sha256("\n".join(lines).encode()).digest()[:4], "big")
    return digests


@dataclass
class Peer:
    """Speaks to the site at `url` about one tenant and feed."""

    url: str
    tenant: str
    feed: str = "records"
    secret: str | None = SECRET

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request, as it is."""
        headers = {"Authorization": f"Bearer {self.secret}"} if self.secret is not None else {}
        headers |= options.pop("headers", {})
        return _CLIENT.request(method, f"{self.url}/v1/replication/{path}", headers=headers, **options)

    def page(self, **parameters: Any) -> Document:
        return self._good("GET", "changes", params={**self._place(), **parameters})

    def everything(self, cursor: str | None = None, **parameters: Any) -> list[Document]:
        """All changes from a cursor on, page by page."""
        changes: list[Document] = []
        more = True
        while more:
            page = self.page(**({} if cursor is None else {"cursor": cursor}), **parameters)
            changes += page["changes"]
            more, cursor = page["more"], page["cursor"]
        return changes

    def apply(self, *changes: Document) -> tuple[int, int]:
        applied = self._good(
            "POST", "changes", json={**self._place(), "settings": SETTINGS, "changes": list(changes)}
        )
        return applied["applied"], applied["known"]

    def digests(self) -> list[list[int]]:
        digests: list[list[int]] = self._good("GET", "digests", params=self._place())["digests"]
        return digests

    def entries(self, bucket: int, **parameters: Any) -> Document:
        return self._good("GET", f"digests/{bucket}", params={**self._place(), **parameters})

    def entries_of(self, *ids: str) -> dict[str, list[Any]]:
        """By id, all that is in the buckets of some ids."""
        buckets = {bucket_of(record_id) for record_id in ids}
        found = [entry for bucket in buckets for entry in self.entries(bucket)["entries"]]
        return {entry[0]: entry[1:] for entry in found}

    def fetch(self, *ids: str) -> Document:
        return self._good("POST", "fetch", json={**self._place(), "ids": list(ids)})

    def refused(self, status: int, code: str, method: str, path: str, **options: Any) -> Document:
        """Hold an answer to be a problem document."""
        answer = self.ask(method, path, **options)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem: Document = answer.json()
        assert problem["code"] == code, problem
        assert problem["status"] == status
        assert problem["request_id"] == answer.headers["x-request-id"]
        return problem

    def _place(self) -> dict[str, str]:
        return {"tenant": self.tenant, "namespace": "default", "feed": self.feed}

    def _good(self, method: str, path: str, **options: Any) -> Document:
        answer = self.ask(method, path, **options)
        assert answer.status_code == 200, answer.text
        document: Document = answer.json()
        return document
