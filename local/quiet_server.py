"""HTTP servers on the loopback address whose clients may go away whenever they like."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

logger = logging.getLogger(__name__)


class QuietServer(ThreadingHTTPServer):
    """A thread for each connection, none of them waited for; a connection that ends early is no traceback."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Said to the log only."""
        del request
        logger.info("the connection of %s ended early: %r", client_address, sys.exc_info()[1])


@contextmanager
def serving(handler: Callable[..., Any], *, port: int = 0) -> Iterator[str]:
    """A server of that handler in threads of its own, and its address. `port` 0 is any free one."""
    server = QuietServer(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
