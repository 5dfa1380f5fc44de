"""Who sent a request, as two marks: they say which requests are of one client, and of whom only to who has the secret.

A mark is the same at every edge location, for a day. Owns what counts as one address.
"""

from __future__ import annotations

import hashlib
import socket
from typing import NamedTuple

_MARK_BYTES = 8
_DAY_SECONDS = 86_400
_IPV6_NETWORK_BYTES = 6
"""A /48: what one subscriber is given, who may take any address in it."""


class Client(NamedTuple):
    """The marks of an address and of an API key; each 16 hexadecimal digits."""

    address: str
    key: str


class ClientMarks:
    """Not thread-safe. Without a secret there are no marks: of an IPv4 address anybody could find out what it is."""

    def __init__(self) -> None:
        self._secret = ""
        self._day = -1
        self._salt = b""

    def learn(self, secret: str) -> None:
        """Every instance is told the same one."""
        if secret and secret != self._secret:
            self._secret, self._day = secret, -1

    def mark(self, address: str, key: str, unix_s: float) -> Client | None:
        """`key` as the request has it, "" for none. None before a secret was learned."""
        if not self._secret:
            return None
        day = int(unix_s // _DAY_SECONDS)
        if day != self._day:
            said = f"quartzdb client marks\n{day}\n{self._secret}"
            self._day, self._salt = day, hashlib.sha256(said.encode()).digest()
        return Client(self._marked(b"a" + _network(address)), self._marked(b"k" + _bytes(key)))

    def _marked(self, value: bytes) -> str:
        return hashlib.blake2b(value, digest_size=_MARK_BYTES, key=self._salt).hexdigest()


def _network(address: str) -> bytes:
    if ":" in address:
        try:
            return socket.inet_pton(socket.AF_INET6, address)[:_IPV6_NETWORK_BYTES]
        except (OSError, ValueError):
            pass  # no address that we know how to read: taken as it is
    return _bytes(address)


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")
