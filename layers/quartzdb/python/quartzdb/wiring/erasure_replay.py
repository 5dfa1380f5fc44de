"""Composition of erasures that are done again on a restored state."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from quartzdb.adapters.embedded.file_reminders import DIRECTORY, FileReminders
from quartzdb.domain.clock import Clock
from quartzdb.services.erasure_replay import ErasureReplay
from quartzdb.storage.erasure_reminders import WRITER, ErasedAgain, ErasureReminders
from quartzdb.wiring.embedded import Adapters, EmbeddedSettings, assemble, embedded_adapters


def erasure_replay(adapters: Adapters, site: str, workspace: Path) -> ErasureReplay:
    """Over any adapters; builds nothing in `workspace`."""
    database = assemble(adapters, writer=f"{site}.{WRITER}{secrets.token_hex(4)}", workspace=workspace)
    return ErasureReplay(
        ErasureReminders(adapters.reminders),
        adapters.catalog,
        database.records,
        adapters.table,
        adapters.log,
        database.versions,
        adapters.clock,
        namespaces=database.namespaces,
        api_keys=adapters.api_keys,
        tenants=database.tenants,
    )


def erase_again(data_dir: Path, moment_ms: int, remembering: Sequence[Path], clock: Clock) -> ErasedAgain:
    """In a directory that was just restored to a moment, by the reminders of these directories, which it has then, too.

    Nobody else may have it open. When this returns its files are closed. Raises Corrupted, Unavailable.
    """
    settings = EmbeddedSettings(data_dir)
    adapters = embedded_adapters(settings, clock)
    try:
        for directory in remembering:
            ErasureReminders(adapters.reminders).take_over(FileReminders(directory / DIRECTORY))
        return erasure_replay(adapters, settings.site, data_dir / "building").run(moment_ms)
    finally:
        adapters.close()
