"""The platform's table: of a data directory, or of a deployment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from quartzdb.cli.failure import Failure

if TYPE_CHECKING:
    from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments


@contextmanager
def local_table(data_dir: Path) -> Iterator[SqliteDocuments]:
    """Of a data directory, whether or not a server runs beside it. Raises Failure where there is none."""
    from quartzdb_platform.accounts.directory import list_unlisted
    from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
    from quartzdb_platform.local_platform import PLATFORM_FILE

    file = data_dir / PLATFORM_FILE
    if not file.exists():
        raise Failure(f"There is no platform in {data_dir}.", hint="Name its directory: --data-dir DIR")
    with SqliteDocuments(file) as table:
        list_unlisted(table)
        yield table
