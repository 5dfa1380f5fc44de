"""What one serving process runs: the HTTP application over the database, and background work beside it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from quartzdb.cli.open_files import divide_open_files
from quartzdb.cli.serve.additions import Addition, Application, additions
from quartzdb.cli.serve.connection_limits import ConnectionLimits
from quartzdb.cli.serve.options import DISK_RESERVE_MB
from quartzdb.cli.serve.peer import PeerOptions
from quartzdb.cli.serve.pieces import InPieces
from quartzdb.cli.serve.settings import WorkerSettings, log_to_stderr
from quartzdb.cli.serve.site import with_site
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.limits import CHANGES_DAYS, DAY_MS
from quartzdb.maintenance.background import IDLE_SHARE, Background

if TYPE_CHECKING:
    from quartzdb.wiring.embedded import Database

STOP_SECONDS_MAX = 5.0
"""How long a stopping process waits for its background pass. One that is cut short loses nothing."""
KEY_USES_SECONDS = 5.0
"""How often a process looks whether uses of keys are to be written."""
_PARENT_EVERY_SECONDS = 1.0
JOURNAL_EVERY_SECONDS = 0.25
"""What a process that is killed loses of its usage lines, at most, and what it is writing then."""

ADDITIONS_EVERY_SECONDS = 5.0

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class WithBackground:
    """An application with background work that begins and ends with it. `at_end` is called when that is over."""

    def __init__(
        self, application: Application, *background: Background, at_end: Callable[[], None] = lambda: None
    ) -> None:
        self._application = application
        self._at_end = at_end
        self.background = background
        self.stop_seconds: float | None = STOP_SECONDS_MAX
        """How long a pass that is under way may hold up the end; None: as long as it takes."""
        self.background_runs = False
        """Whether a pass was still under way when the server had stopped."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; the background work starts with the application and stops before it says it has."""
        if scope["type"] != "lifespan":
            await self._application(scope, receive, send)
            return

        async def tell(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                for work in self.background:
                    work.start()
            elif message["type"].startswith("lifespan.shutdown."):
                # Before it is passed on: then the server ends the event loop, and whatever still runs in it.
                stopped = await asyncio.gather(
                    *(asyncio.to_thread(work.stop, self.stop_seconds) for work in self.background)
                )
                self.background_runs = not all(stopped)
                await asyncio.to_thread(self._end)
            await send(message)

        await self._application(scope, receive, tell)

    def _end(self) -> None:
        try:
            self._at_end()
        except (QuartzError, OSError) as error:
            # Nothing is lost by it, and the server has to stop in any case.
            logger.error("the data directory's mark could not be changed: %s", error)

    def leave(self) -> None:
        """End this process, whose server has stopped, where a pass is still under way.

        A long pass loses nothing by being cut short, and the interpreter must not tear down what it still uses.
        """
        if self.background_runs:
            logging.shutdown()
            os._exit(0)


class UsageJournal(Protocol):
    """What keeps usage lines, in batches."""

    def write(self) -> int:
        """Write those that wait."""
        ...


class JournalWriting(Background):
    """Writes what a journal has taken, a few times a second, and the rest at the end."""

    def __init__(self, journal: UsageJournal, *, every_seconds: float = JOURNAL_EVERY_SECONDS) -> None:
        super().__init__(self._pass, idle_seconds=every_seconds)
        self._journal = journal

    def _pass(self) -> bool:
        self._journal.write()
        return False

    def stop(self, timeout_seconds: float | None) -> bool:
        """Nothing more comes: write what there is. Lines that cannot be written now are lost, and said to be."""
        ended = super().stop(timeout_seconds)
        try:
            self._journal.write()
        except QuartzError as error:
            logger.error("usage lines are lost: %s", error.message)
        return ended


def application(
    data_dir: Path,
    peer: PeerOptions,
    default_engine: str = "auto",
    disk_reserve_mb: int = DISK_RESERVE_MB,
    *,
    usage_journal: bool = False,
    changes_days: int = CHANGES_DAYS,
    added: Sequence[Addition] = (),
) -> tuple[WithBackground, Database]:
    """The application of this process, and its database; with a journal of usage lines, and what other packages add.
    Raises Failure, QuartzError.
    """
    from quartzdb.api.app import create_app
    from quartzdb.api.settings import ApiSettings
    from quartzdb.domain.namespace import EngineChoice
    from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded, open_usage_journal, require_whole

    settings = EmbeddedSettings(
        data_dir,
        site=peer.site,
        default_engine=EngineChoice(default_engine),
        segment_files_max=divide_open_files(connections_max=ConnectionLimits().connections_max).segments,
        reserve_bytes=disk_reserve_mb * 1024 * 1024,
        changes_kept_ms=changes_days * DAY_MS,
    )
    log_check = require_whole(data_dir)
    two = peer.settings()
    takes: list[Callable[[bytes], None]] = [one.take for one in added]
    writing: list[Background] = [JournalWriting(one, every_seconds=ADDITIONS_EVERY_SECONDS) for one in added]
    if usage_journal:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        journal = open_usage_journal(data_dir)
        takes.append(journal.take)
        writing.append(JournalWriting(journal))
    take_line = _to_each(takes)
    if two is None:
        database = open_embedded(settings, probe=log_check.require)
        uses = Background(database.key_uses.write, idle_seconds=KEY_USES_SECONDS)
        app = create_app(database, ApiSettings(site=peer.site, region=peer.data_region), take_line=take_line)
        maintenance = Background(database.maintenance.run_once, idle_share=IDLE_SHARE)
        served = _around(added, app, database)
        return WithBackground(served, maintenance, uses, *writing, at_end=database.change_mark), database
    from quartzdb.replication.peer_settings import ApiKeysGo
    from quartzdb.services.condemned_tenants import EVERY_SECONDS as CONDEMNED_SECONDS
    from quartzdb.services.condemned_tenants import CondemnedTenants
    from quartzdb.wiring.replication import embedded_replication, open_driver, peering_of

    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = peer.secrets()
    adapters = embedded_replication(data_dir)
    adapters.checkpoints.note_peer(two.peer_site, two.part)
    two = two.residing(adapters.grants, adapters.clock)
    database = open_embedded(
        settings,
        peering=peering_of(two, secrets, adapters.checkpoints, adapters.clock),
        probe=log_check.require,
    )
    uses = Background(database.key_uses.write, idle_seconds=KEY_USES_SECONDS)
    work = [Background(database.maintenance.run_once, idle_share=IDLE_SHARE), uses]
    if two.api_keys is ApiKeysGo.HERE:
        condemned = CondemnedTenants(adapters.grants, database.tenant_deletion())
        work.append(Background(condemned.run_once, idle_seconds=CONDEMNED_SECONDS))
    if two.url is not None:
        driver = open_driver(database, two, secrets, adapters)
        work.append(Background(driver.work, idle_seconds=two.interval_seconds))
    app = create_app(database, ApiSettings(site=peer.site, region=peer.data_region), take_line=take_line)
    served = _around(added, app, database)
    return WithBackground(served, *work, *writing, at_end=database.change_mark), database


def _to_each(takes: Sequence[Callable[[bytes], None]]) -> Callable[[bytes], None] | None:
    """None: then no line is made."""
    if len(takes) < 2:
        return takes[0] if takes else None

    def take(line: bytes) -> None:
        for one in takes:
            one(line)

    return take


def _around(added: Sequence[Addition], app: Application, database: Database) -> Application:
    served = with_site(app)
    for one in added:
        served = one.around(served, database)
    # The application and the site cut their answers themselves.
    return InPieces(served) if added else served


def worker_application() -> WithBackground:
    """The same for one of several processes, which knows the data directory from its environment."""
    settings = WorkerSettings.from_environment()
    log_to_stderr(settings.log_level)
    threading.Thread(target=_end_with, args=(settings.parent,), name="quartzdb-parent", daemon=True).start()
    return application(
        settings.data_dir,
        settings.peer,
        settings.default_engine,
        settings.disk_reserve_mb,
        usage_journal=settings.usage_journal,
        changes_days=settings.changes_days,
        added=() if settings.plain else additions(settings.data_dir),
    )[0]


def _end_with(parent: int) -> None:
    """Stop this process when its parent is gone: one that was killed can no longer stop its workers."""
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(_PARENT_EVERY_SECONDS)
    signal.raise_signal(signal.SIGTERM)
