"""A peer that knows only `/api/*`, over HTTP: that deployment's wire contract from the side that asks."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from quartzdb.adapters.http.peer_connection import PeerConnection
from quartzdb.adapters.http.peer_problems import refusal
from quartzdb.domain.change import Metadata
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, InvalidArgument, NotFound, Unavailable
from quartzdb.domain.vector import Vector, parse_vector
from quartzdb.replication.ports import FeedGap, PeerRefused


class CloudflarePeer:
    """ContractApi over HTTP. Thread-safe. Asks the peer nothing before it is used.

    `api_key` gives the key, and `headers` what else the way to the peer demands; both are asked with each request.
    """

    def __init__(
        self,
        base_url: str,
        api_key: Callable[[], str],
        clock: Clock,
        *,
        site: str,
        headers: Callable[[], Mapping[str, str]] = dict,
        connect_seconds: float = 3.0,
        seconds: float = 30.0,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._site = site
        self._clock = clock
        self._connection = PeerConnection(
            base_url,
            lambda: {**headers(), "Authorization": f"Bearer {api_key()}"},
            clock,
            connect_seconds=connect_seconds,
            seconds=seconds,
            tls=tls,
        )

    def close(self) -> None:
        """Let connections go; it may be used again."""
        self._connection.close()

    def insert_vector(self, record_id: str, vector: Vector, metadata: Metadata) -> None:
        """Replace a record. Raises PeerRefused, Unavailable."""
        self._write("POST", "/api/vector/insert", _record(record_id, vector, metadata))

    def insert_vectors(self, records: Sequence[tuple[str, Vector, Metadata]]) -> Sequence[str]:
        """Replace up to 100 records. The ids of those that were not taken. Raises PeerRefused, Unavailable."""
        body = {"vectors": [_record(*record) for record in records]}
        answer = self._write("POST", "/api/vector/batch-insert", body)
        try:
            taken = {one["id"] for one in answer["results"] if one["success"] is True}
        except (KeyError, TypeError) as error:
            raise self._odd() from error
        return [record_id for record_id, _, _ in records if record_id not in taken]

    def delete_vector(self, record_id: str) -> None:
        """Delete a record. Raises PeerRefused, Unavailable."""
        self._found("DELETE", f"/api/vector/delete/{_quoted(record_id)}")

    def put(self, key: str, value: str) -> None:
        """Replace a value. Raises PeerRefused, Unavailable."""
        self._write("POST", "/api/put", {"key": key, "value": value})

    def delete(self, key: str) -> None:
        """Delete a key. Raises PeerRefused, Unavailable."""
        self._found("DELETE", f"/api/delete/{_quoted(key)}")

    def get_vector(self, record_id: str) -> tuple[Vector, Metadata] | None:
        """A record, if it is there. Raises PeerRefused, Unavailable."""
        answer = self._found("GET", f"/api/vector/get/{_quoted(record_id)}")
        if answer is None:
            return None
        metadata = answer.get("metadata") or {}
        try:
            vector = parse_vector(answer.get("vector"))
        except InvalidArgument as error:
            raise self._odd() from error
        if not isinstance(metadata, dict):
            raise self._odd()
        return vector, metadata

    def get(self, key: str) -> str | None:
        """A value, if it is there. Raises PeerRefused, Unavailable."""
        answer = self._found("GET", f"/api/get/{_quoted(key)}")
        if answer is None:
            return None
        value = answer.get("value")
        if not isinstance(value, str):
            raise self._odd()
        return value

    def _found(self, method: str, path: str) -> dict[str, Any] | None:
        try:
            return self._ask(method, path, None)
        except NotFound:
            return None

    def _write(self, method: str, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._ask(method, path, orjson.dumps(document))
        except NotFound as error:
            # No record is missing where one is written: the address is not that of such a peer.
            raise Unavailable(
                f"{self._site} does not know {path}.", hint="Check the peer's address."
            ) from error

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        answer = self._connection.request(method, path, body)
        if answer.status != 200:
            error = refusal(answer, self._site, self._clock.unix_ms())
            if isinstance(error, InvalidArgument | Conflict):
                raise PeerRefused(error.message) from error
            if isinstance(error, FeedGap):
                raise self._odd() from error  # it has no feed
            raise error
        try:
            document = orjson.loads(answer.body)
        except orjson.JSONDecodeError as error:
            raise self._odd() from error
        if not isinstance(document, dict):
            raise self._odd()
        return document

    def _odd(self) -> Unavailable:
        return Unavailable(
            f"The answer of {self._site} is not of the contract.", hint="Check the peer's address."
        )


def _record(record_id: str, vector: Vector, metadata: Metadata) -> dict[str, Any]:
    return {"id": record_id, "vector": vector.tolist(), "metadata": dict(metadata)}


def _quoted(name: str) -> str:
    return quote(name, safe="")
