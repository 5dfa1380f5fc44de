"""The listening socket, bound before anything else is begun, so that a port in use is told at once."""

from __future__ import annotations

import errno
import socket

from quartzdb.cli.failure import Failure

BACKLOG = 2_048


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises Failure saying what is in the way."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise Failure(
            f"The host {host!r} cannot be resolved: {error.strerror}.", hint="Try --host 127.0.0.1"
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        # A server that was just stopped leaves connections in TIME_WAIT, which must not hinder its successor.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Connections that come before the application is ready wait in the backlog instead of being refused.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _failure(host, port, error) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """A URL that reaches the socket from this machine."""
    host, port = listener.getsockname()[:2]
    # "Every address" is none that one could connect to everywhere.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not bound to
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _failure(host: str, port: int, error: OSError) -> Failure:
    if error.errno == errno.EADDRINUSE:
        return Failure(
            f"Port {port} on {host} is in use by another process.",
            hint=f"Stop that process, or take another port: --port {port + 1 if port < 65_535 else 8787}",
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return Failure(f"Port {port} may not be used by this user.", hint="Take one above 1023: --port 8787")
    return Failure(
        f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Try --host 127.0.0.1 --port 8787"
    )
