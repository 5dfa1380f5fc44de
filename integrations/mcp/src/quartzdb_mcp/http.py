"""Streamable HTTP: one path, requests without sessions, and who may ask.

HAZARD: whoever gets through asks the database with this server's key. So a server on loopback answers only to names of
this machine (a page of another site that has its name point here does not get in), and one beyond it only to whoever
has the token.
"""

from __future__ import annotations

import hmac
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp, Receive, Scope, Send

from quartzdb_mcp.database import Database

PATH = "/mcp"
TOKEN_CHARACTERS_MIN = 16
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_UNAUTHORIZED = (
    b'{"error": "unauthorized", "hint": "Send the token of this server: Authorization: Bearer \\u2026"}'
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @staticmethod
    def of(text: str) -> Address:
        """HOST:PORT, as 127.0.0.1:8931 or [::1]:8931. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isdigit() or int(port) > 65_535:
            raise ValueError(f"{text!r} is no address: it must be HOST:PORT, like 127.0.0.1:8931.")
        return Address(host, int(port))

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def unspecified(self) -> bool:
        """Whether it is every address of this machine."""
        try:
            return ip_address(self.host).is_unspecified
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Door:
    """Where to listen, under which further names, and the token that has to be sent, if any.

    Raises ValueError where that would let in whom it should not.
    """

    address: Address
    names: Sequence[str] = ()
    token: str | None = None

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < TOKEN_CHARACTERS_MIN:
            raise ValueError(f"The token must have {TOKEN_CHARACTERS_MIN} characters at least.")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise ValueError("The token must be printable ASCII.")
        if self.token is None and not self.address.loopback:
            raise ValueError(
                "Beyond loopback a token is needed: set QUARTZDB_MCP_TOKEN, or give --token-file. Anybody who "
                "reaches this server reads with its key."
            )
        for name in self.names:
            if not name or "/" in name or name != name.strip():
                raise ValueError(
                    f"{name!r} is no name of a host: give it like mcp.example.com, or with a port."
                )
        if self.address.unspecified and not self.names:
            raise ValueError("Say under which name clients reach it: --allowed-host mcp.example.com.")

    def __repr__(self) -> str:
        return f"Door({self.address!r}, {self.names!r})"

    def listen(self) -> socket.socket:
        """Raises OSError."""
        family = socket.AF_INET6 if ":" in self.address.host else socket.AF_INET
        return socket.create_server((self.address.host, self.address.port), family=family)

    def security(self, port: int) -> TransportSecuritySettings:
        """The values of Host and Origin that are good."""
        hosts = [f"{name}:{port}" for name in self._own_names()]
        for name in self.names:
            hosts += [name] if ":" in name.rpartition("]")[2] else [name, f"{name}:{port}"]
        return TransportSecuritySettings(
            allowed_hosts=hosts,
            allowed_origins=[f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts],
        )

    def _own_names(self) -> Sequence[str]:
        if self.address.loopback:
            return _LOOPBACK_NAMES
        host = self.address.host
        return () if self.address.unspecified else (f"[{host}]" if ":" in host else host,)


class WithToken:
    """Lets in whoever sends the token."""

    def __init__(self, inner: ASGIApp, token: str) -> None:
        self._inner = inner
        self._wanted = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or 401."""
        if scope["type"] != "http" or self._has_token(scope):
            await self._inner(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": _UNAUTHORIZED})

    def _has_token(self, scope: Scope) -> bool:
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(sent) == 1 and hmac.compare_digest(sent[0], self._wanted)


def application(server: Server[Database], door: Door, port: int) -> ASGIApp:
    """What answers at the door."""
    inner = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        transport_security=door.security(port),
        host=door.address.host,
    )
    return inner if door.token is None else WithToken(inner, door.token)


def prepared(server: Server[Database], door: Door, port: int) -> uvicorn.Server:
    """What serves it, in the event loop in which `serve` of it is awaited."""
    app = application(server, door, port)
    return uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", ws="none", server_header=False)
    )


async def serve(server: Server[Database], door: Door, listening: socket.socket) -> None:
    """Answer until SIGINT or SIGTERM."""
    await prepared(server, door, listening.getsockname()[1]).serve(sockets=[listening])
