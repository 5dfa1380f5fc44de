"""The options that say where the data are and how they are indexed here, and opening the database of a directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quartzdb.cli.failure import NOT_FOUND, Failure
from quartzdb.cli.open_files import divide_open_files

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace
    from quartzdb.storage.ports import Retention
    from quartzdb.wiring.embedded import Database

DATA_DIR_DEFAULT = Path("data")

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA_DIR_DEFAULT,
    envvar="QUARTZDB_DATA_DIR",
    show_default=True,
    show_envvar=True,
    help="Where the database lives. Several processes may use the same one.",
)

default_engine_option = click.option(
    "--default-engine",
    type=click.Choice(["auto", "annoy", "ivf", "hnsw", "exact"]),
    default="auto",
    envvar="QUARTZDB_DEFAULT_ENGINE",
    show_default=True,
    show_envvar=True,
    help="What new segments are searched with in namespaces that name no engine. auto: by their size.",
)


def open_database(
    data_dir: Path,
    *,
    create: bool = False,
    default_engine: str = "auto",
    retention: Retention | None = None,
    keep_changes: bool = False,
) -> Database:
    """The database in a directory; with `create`, a new one where there is none. Raises Failure.

    `retention`: what must be kept for another site; `keep_changes`: all that change feeds have, since it is the server
    that knows for how long. Where the directory cannot be written to, it is opened to be read.
    """
    if not create:
        require_database(data_dir)
    # Imported only now: numpy and the rest would cost every --help a quarter of a second.
    from quartzdb.domain.limits import KEPT_FOR_EVER_MS
    from quartzdb.domain.namespace import EngineChoice
    from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded

    read_only = not create and not may_write(data_dir)
    try:
        return open_embedded(
            EmbeddedSettings(
                data_dir,
                read_only=read_only,
                default_engine=EngineChoice(default_engine),
                segment_files_max=divide_open_files().segments,
                changes_kept_ms=KEPT_FOR_EVER_MS if keep_changes else 0,
            ),
            retention=retention,
        )
    except OSError as error:
        raise Failure(
            f"The data directory {data_dir} cannot be used: {error.strerror or error}.",
            hint="Check that it may be written to, or name another one with --data-dir.",
        ) from error


def may_write(data_dir: Path) -> bool:
    """Whether its files can be written by this process. On a read-only mount nobody can, root included."""
    return os.access(data_dir, os.W_OK) and all(os.access(file, os.W_OK) for file in data_dir.glob("*.db"))


def require_database(data_dir: Path) -> None:
    """Raises Failure where there is none."""
    if not any((data_dir / name).is_file() for name in ("catalog.db", "database.json")):
        raise Failure(
            f"There is no database in {data_dir}.",
            hint="Name its directory with --data-dir, or make a new one: quartzdb serve",
        )


def find_namespace(database: Database, name: str, *, hint: str | None = None) -> Namespace:
    """A namespace by name. Raises Failure, naming those that there are."""
    from quartzdb.domain.errors import NamespaceNotFound

    try:
        return database.namespaces.get(database.tenant, name)
    except NamespaceNotFound as error:
        present = [namespace.name for namespace in database.namespaces.list(database.tenant, limit=10).items]
        known = f"There are: {', '.join(present)}." if present else "There are none yet."
        raise Failure(error.message, hint=hint or known, exit_code=NOT_FOUND) from error
