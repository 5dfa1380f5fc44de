"""API keys of a tenant: for a key with the scope `admin`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quartzdb_client.calls import JSON, Call, answer_of, body_of, path_of, query_of
from quartzdb_client.types import KeyCreated, KeyList, KeyRevoked, KeyRotated, KeySummary

if TYPE_CHECKING:
    from quartzdb_client._async.transport import AsyncTransport


class AsyncKeys:
    """Keys are shown once, when they are made: the database keeps no more than what it takes to know them again.

    To make or to rotate one is tried once: a call whose answer is lost raises ConnectionFailed, and `list` shows
    whether there is a new key.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        namespaces: Sequence[str] | None = None,
        expires_in_seconds: int | None = None,
    ) -> KeyCreated:
        """Make a key, for `namespaces` alone if they are given. Its `scopes` are of `read`, `write` and `admin`.

        `key` of the answer is what a client is given, and is never shown again.
        """
        content = body_of(
            name=name,
            scopes=list(scopes),
            namespaces=None if namespaces is None else list(namespaces),
            expires_in_seconds=expires_in_seconds,
        )
        call = Call("POST", path_of("keys"), answer_of(KeyCreated), {}, JSON, content, once=True)
        return await self._transport.send(call)

    async def list(self) -> list[KeySummary]:
        """All keys, also those that have ended, without what makes them keys."""
        return (await self._transport.send(Call("GET", path_of("keys"), answer_of(KeyList)))).keys

    async def rotate(
        self, id: str, *, overlap_seconds: int | None = None, expires_in_seconds: int | None = None
    ) -> KeyRotated:
        """Make a key with the same rights in the place of one, which goes on for `overlap_seconds`, a day without it.

        Raises NotFound.
        """
        content = body_of(overlap_seconds=overlap_seconds, expires_in_seconds=expires_in_seconds)
        path = path_of("keys", id, "rotate")
        call = Call("POST", path, answer_of(KeyRotated), {}, JSON, content, once=True)
        return await self._transport.send(call)

    async def revoke(self, id: str, *, cascade: bool = False) -> KeyRevoked:
        """End a key, with `cascade` also those that were made with it. Raises NotFound."""
        query = query_of(cascade=cascade or None)
        call = Call("DELETE", path_of("keys", id), answer_of(KeyRevoked), query, writes=True)
        return await self._transport.send(call)
