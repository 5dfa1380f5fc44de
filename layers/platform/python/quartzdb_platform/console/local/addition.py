"""What is added to `quartzdb serve`, which finds it by an entry point and imports nothing of it by name.

The pages are imported when the first of them is asked for: a server that starts does not wait for them.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from quartzdb.adapters.system_clock import SystemClock
from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
from quartzdb_platform.console.local.links import LINK_MS, Links
from quartzdb_platform.console.local.requests import RequestCounts

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from quartzdb.wiring.embedded import Database

FILE = "console.db"
PATH = "/console"
_ASSETS = "/platform/assets/"
"""Where pages of either console have their styles and scripts."""


class LocalConsole:
    """Of one process; any number of them share the file."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._table: SqliteDocuments | None = None
        self.counts = RequestCounts(SystemClock())

    @property
    def table(self) -> SqliteDocuments:
        """Opened when it is first needed: before that there may be no data directory. Raises Unavailable."""
        with self._lock:
            if self._table is None:
                self._table = SqliteDocuments(self._data_dir / FILE)
            return self._table

    def take(self, line: bytes) -> None:
        """The usage line of a request."""
        self.counts.take(line)

    def write(self) -> int:
        """Keep what was counted. Raises Unavailable, Conflict: then it is kept later."""
        if not self.counts.any():
            return 0
        self.table.purge(SystemClock().unix_ms())
        return self.counts.write(self.table)

    def around(self, application: ASGIApp, database: Database) -> ASGIApp:
        """The database's application, and the console."""
        return _Both(application, self, database, self._data_dir)

    def greeting(self, url: str) -> str:
        """A link that signs in once. Raises Unavailable."""
        return f"Console, by a link that works once within {LINK_MS // 60_000} minutes:\n  {new_link(self.table, url)}"


def new_link(table: SqliteDocuments, url: str) -> str:
    """An address that signs in whoever opens it first."""
    return f"{url}{PATH}/sign-in?link={Links(table, SystemClock()).create()}"


class _Both:
    def __init__(self, database: ASGIApp, console: LocalConsole, opened: Database, data_dir: Path) -> None:
        self._application = database
        self._console = console
        self._database = opened
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._pages: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mine = scope["type"] == "http" and (
            f"{scope['path']}/".startswith(f"{PATH}/") or scope["path"].startswith(_ASSETS)
        )
        await (self._opened() if mine else self._application)(scope, receive, send)

    def _opened(self) -> ASGIApp:
        with self._lock:
            if self._pages is None:
                from quartzdb_platform.console.local.app import create_app

                self._pages = create_app(self._console, self._database, self._data_dir)
            return self._pages
