"""A peer that knows only `/api/*`, when it does not keep that contract: what may pass, and what will not."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing

import numpy as np
import pytest

from quartzdb.adapters.http.cloudflare_peer import CloudflarePeer
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.errors import Unavailable
from quartzdb.replication.ports import PeerRefused
from tests.raw_server import raw_server

Call = Callable[[CloudflarePeer], object]


def put(api: CloudflarePeer) -> None:
    api.put("k", "v")


def get(api: CloudflarePeer) -> object:
    return api.get("k")


def get_vector(api: CloudflarePeer) -> object:
    return api.get_vector("x")


def insert_vectors(api: CloudflarePeer) -> object:
    return api.insert_vectors([("x", np.ones(3, np.float32), {})])


def answered(status: int, body: bytes, call: Call) -> object:
    """What comes of a call that is answered so."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        head = f"HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    with raw_server(serve) as address:
        url = f"http://{address.host}:{address.port}"
        with closing(CloudflarePeer(url, lambda: "key", SystemClock(), site="there")) as api:
            return call(api)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_key", PeerRefused),
        (413, "too_large", PeerRefused),
        (422, "unheard_of", PeerRefused),
        (409, "conflict", PeerRefused),
        (409, "clock_skew", Unavailable),
        (401, "unauthenticated", Unavailable),
        (404, "not_found", Unavailable),
        (410, "feed_gap", Unavailable),
        (429, "rate_limited", Unavailable),
        (301, "moved", Unavailable),
        (503, "conflict", Unavailable),
    ],
)
def test_a_refused_write_passes_later_or_never(status: int, code: str, kind: type[Exception]) -> None:
    """There is no third kind of error, whatever the peer says; and its words are told."""
    body = b'{"success": false, "error": "what happened", "code": "%s", "cursor": "c"}' % code.encode()
    with pytest.raises(kind) as raised:
        answered(status, body, put)
    if status not in {404, 410}:
        assert "what happened" in str(raised.value)


@pytest.mark.parametrize(
    ("body", "call"),
    [
        (b"<html>", put),
        (b"[]", put),
        (b"[" * 100_000, get),
        (b"{}", get),
        (b'{"value": 7}', get),
        (b"{}", get_vector),
        (b'{"vector": ["a"]}', get_vector),
        (b'{"vector": [1], "metadata": [1]}', get_vector),
        (b"{}", insert_vectors),
        (b'{"results": 7}', insert_vectors),
        (b'{"results": ["x"]}', insert_vectors),
        (b'{"results": [{"id": [], "success": true}]}', insert_vectors),
    ],
)
def test_an_answer_of_another_shape_is_not_the_peers(body: bytes, call: Call) -> None:
    """Somebody else answers at its address, for now."""
    with pytest.raises(Unavailable, match="not of the contract"):
        answered(200, body, call)


def test_what_is_not_there_is_none() -> None:
    """Where it is asked for; deleting it is no error."""
    for call in (get, get_vector, lambda api: api.delete("k")):
        assert answered(404, b'{"success": false, "error": "unknown"}', call) is None
