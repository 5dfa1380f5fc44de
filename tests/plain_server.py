"""A server of HTTP that answers exactly what a test says, byte for byte."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[bytes], bytes]


class Server:
    """Answers each request with what `answer` makes of it; b"" ends the connection."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: list[socket.socket] = []
        self.connections = 0
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        """Close everything."""
        self.end_connections()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def end_connections(self) -> None:
        """As servers do with those that nobody uses."""
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listening.accept()
                self.connections += 1
                self._open.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            with sock:
                while request := _request_of(sock):
                    answer = self._answer(request)
                    if not answer:
                        return
                    sock.sendall(answer)


def _request_of(sock: socket.socket) -> bytes:
    """A request with its body; b"" where there is no more."""
    request = b""
    while True:
        piece = sock.recv(4096)
        if not piece:
            return b""
        request += piece
        head, ended, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if ended and len(body) == (int(length[1]) if length else 0):
            return request


@contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server while this lasts."""
    server = Server(answer, tls)
    try:
        yield server
    finally:
        server.close()
