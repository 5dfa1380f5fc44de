"""The tables of an embedded server. Owns every CREATE statement."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import lru_cache
from pathlib import Path

from quartzdb.adapters.embedded.sqlite_row_sums import add_sums, sum_column
from quartzdb.domain.errors import Corrupted, Unavailable

APPLICATION_ID = 0x515A4442
"""'QZDB' in the file's header, so that another program's database is never written to."""

SCHEMA_VERSION = 7
API_KEY_COLUMNS = (
    "id",
    "tenant",
    "name",
    "scopes",
    "secret_sha256",
    "created_at_ms",
    "expires_at_ms",
    "revoked_at_ms",
    "namespaces",
    "created_by",
    "last_used_at_ms",
)
ANSWER_COLUMNS = (
    "tenant",
    "key",
    "fingerprint",
    "lapses_at_ms",
    "keep_until_ms",
    "status",
    "body",
    "content_type",
    "headers",
)
_SCHEMA = (
    # One short row for each generation that was ever written to. Rows stay: a sealed log has to remember that it is
    # sealed, and a process may cache an id for as long as it runs only because no id is ever given out twice.
    f"""
    CREATE TABLE partitions (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        floor INTEGER NOT NULL DEFAULT 0,
        {sum_column("name", "floor")}
    )
    """,
    # The unique index holds whole keys, so a scan for new keys never touches a body.
    f"""
    CREATE TABLE log (
        partition INTEGER NOT NULL,
        stamp INTEGER NOT NULL,
        writer TEXT NOT NULL,
        {sum_column("partition", "stamp", "writer", "body")},
        body BLOB NOT NULL,
        UNIQUE (partition, stamp, writer)
    )
    """,
    # Keys are UTF-8 in a BLOB: compared byte by byte, which is the order of their code points, with no collation and no
    # trouble with NUL. `value` comes last so that what precedes it is read without its overflow pages. Not WITHOUT
    # ROWID: a search there loads the whole of every large row that it compares with.
    # `bytes` is the length of key and value, NULL for a tombstone.
    f"""
    CREATE TABLE items (
        id INTEGER PRIMARY KEY,
        partition INTEGER NOT NULL,
        key BLOB NOT NULL,
        stamp INTEGER NOT NULL,
        writer TEXT NOT NULL,
        appended INTEGER NOT NULL,
        expires_at_ms INTEGER,
        bytes INTEGER,
        content_type TEXT NOT NULL,
        {sum_column("partition", "key", "stamp", "writer", "appended", "expires_at_ms", "bytes", "content_type")},
        {sum_column("key", "value", name="value_sum")},
        value BLOB,
        UNIQUE (partition, key)
    )
    """,
    # The change feed's order; it also covers `count`.
    "CREATE INDEX items_by_appended ON items (partition, appended, expires_at_ms, bytes)",
    "CREATE INDEX items_by_expiry ON items (partition, expires_at_ms) WHERE expires_at_ms IS NOT NULL",
    "CREATE INDEX items_deleted ON items (partition, appended) WHERE bytes IS NULL",
    f"""
    CREATE TABLE namespaces (
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        generation TEXT NOT NULL,
        document BLOB NOT NULL,
        {sum_column("tenant", "name", "generation", "document")},
        PRIMARY KEY (tenant, name)
    ) WITHOUT ROWID
    """,
    f"""
    CREATE TABLE pending_deletions (
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        generation TEXT NOT NULL,
        document BLOB NOT NULL,
        {sum_column("tenant", "name", "generation", "document")},
        PRIMARY KEY (tenant, name, generation)
    ) WITHOUT ROWID
    """,
    f"""
    CREATE TABLE api_keys (
        id TEXT NOT NULL PRIMARY KEY,
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,
        secret_sha256 BLOB NOT NULL,
        created_at_ms INTEGER NOT NULL,
        expires_at_ms INTEGER,
        revoked_at_ms INTEGER,
        namespaces TEXT,
        created_by TEXT,
        last_used_at_ms INTEGER,
        {sum_column(*API_KEY_COLUMNS)}
    ) WITHOUT ROWID
    """,
    "CREATE INDEX api_keys_by_tenant ON api_keys (tenant, created_at_ms)",
    f"""
    CREATE TABLE grants (
        tenant TEXT NOT NULL PRIMARY KEY,
        revision INTEGER NOT NULL,
        document TEXT NOT NULL,
        {sum_column("tenant", "revision", "document")}
    ) WITHOUT ROWID
    """,
    f"""
    CREATE TABLE leases (
        name TEXT NOT NULL PRIMARY KEY,
        holder TEXT NOT NULL,
        until_ms INTEGER NOT NULL,
        {sum_column("name", "holder", "until_ms")}
    ) WITHOUT ROWID
    """,
    # A row is a claim while `status` is NULL; `lapses_at_ms` is when it stops counting, whichever it is.
    f"""
    CREATE TABLE answers (
        tenant TEXT NOT NULL,
        key TEXT NOT NULL,
        fingerprint BLOB NOT NULL,
        lapses_at_ms INTEGER NOT NULL,
        keep_until_ms INTEGER NOT NULL,
        status INTEGER,
        body BLOB NOT NULL DEFAULT x'',
        content_type TEXT NOT NULL DEFAULT '',
        headers TEXT NOT NULL DEFAULT '[]',
        {sum_column(*ANSWER_COLUMNS)},
        PRIMARY KEY (tenant, key)
    )
    """,
    "CREATE INDEX answers_by_lapse ON answers (lapses_at_ms)",
    f"""
    CREATE TABLE replication (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        document BLOB NOT NULL,
        {sum_column("kind", "name", "document")},
        PRIMARY KEY (kind, name)
    ) WITHOUT ROWID
    """,
    f"""
    CREATE TABLE routing (
        name TEXT NOT NULL PRIMARY KEY,
        document BLOB NOT NULL,
        {sum_column("name", "document")}
    ) WITHOUT ROWID
    """,
    # Which data directory the file belongs to, and as what; and the mark that all its files have (directory_mark.py).
    f"""
    CREATE TABLE identity (
        name TEXT NOT NULL PRIMARY KEY,
        {sum_column("name")}
    ) WITHOUT ROWID
    """,
)


_DECLARED = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name <> 'zeros'"
"""All but the table of zeros that a scrub makes and drops: one that was killed leaves it."""


def prepare_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables in a new file. Safe when several processes start at once.

    Raises Unavailable for a file of another version and Corrupted for a file that is not ours.
    """
    if _is_prepared(connection, path):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the write lock: another process may have done the work in between.
        for statement in () if _is_prepared(connection, path) else _SCHEMA:
            connection.execute(statement.strip())
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def require_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Raises Unavailable for a file that has no tables yet, else as `prepare_schema`."""
    if not _is_prepared(connection, path):
        raise Unavailable(
            f"{path} has no tables yet, and cannot be written to.",
            hint="Open it once where it may be written to: any command does it.",
        )


def _is_prepared(connection: sqlite3.Connection, path: Path) -> bool:
    application = _number(connection, "PRAGMA application_id")
    version = _number(connection, "PRAGMA user_version")
    tables = _number(connection, "SELECT count(*) FROM sqlite_master")
    if application != APPLICATION_ID and (application or version or tables):
        raise Corrupted(
            f"{path} is the database of another program.",
            hint="Give QuartzDB a data directory of its own.",
        )
    if version not in {0, SCHEMA_VERSION}:
        raise Unavailable(
            f"{path} has schema version {version}; this QuartzDB knows version {SCHEMA_VERSION}.",
            hint="Export its namespaces with the QuartzDB release that wrote it, and import them into a new directory.",
        )
    if version == SCHEMA_VERSION:
        _require_statements(connection, path)
    return version == SCHEMA_VERSION


def _require_statements(connection: sqlite3.Connection, path: Path) -> None:
    """SQLite believes whatever the file says that its tables are."""
    if frozenset(connection.execute(_DECLARED)) != _as_declared():
        raise Corrupted(
            f"The tables of {path} are not declared as they were.",
            hint="Keep a copy of the file and restore it from a backup.",
        )


@lru_cache(maxsize=1)
def _as_declared() -> frozenset[tuple[str | None, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        add_sums(connection)
        for statement in _SCHEMA:
            connection.execute(statement.strip())
        return frozenset(connection.execute(_DECLARED))


def _number(connection: sqlite3.Connection, sql: str) -> int:
    (value,) = connection.execute(sql).fetchone()
    return int(value)
