"""An HTTP server on the loopback address whose clients may go away whenever they like."""

from __future__ import annotations

import logging
import sys
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
