"""Writing what a source gives, batch after batch, with a checkpoint after each."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

from quartzdb.cli.failure import Failure
from quartzdb.cli.importing.begun_source import refused
from quartzdb.cli.importing.checkpoint import ImportCheckpoint
from quartzdb.cli.importing.source import BadLine, ImportLine, ImportSource, SourceRecord
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.limits import KV_BATCH_BYTES_MAX, METADATA_BYTES_MAX, METADATA_MERGED_BYTES_MAX
from quartzdb.domain.values import dataclass
from quartzdb.services.keyvalue import DEFAULT_CONTENT_TYPE, NewItem, check_item
from quartzdb.services.record_rules import NewRecord, check_record

if TYPE_CHECKING:
    from quartzdb.cli.importing.kv_lines import SourceItem
    from quartzdb.domain.namespace import Namespace
    from quartzdb.wiring.embedded import Database

_BAD_LINES_SHOWN = 10


class Target(Protocol):
    """Where a batch goes."""

    bytes_max: int

    def accept(self, content: Any) -> tuple[str, Any, int] | None:
        """(id, what to write, its bytes), or None for what need not be written. Raises QuartzError."""
        ...

    def write(self, batch: Sequence[Any]) -> None:
        """Write all of it or nothing."""
        ...


class RecordTarget:
    """Records into a namespace."""

    bytes_max = 32 * 1024 * 1024

    def __init__(self, database: Database, namespace: Namespace, *, exported: bool = False) -> None:
        """`exported`: they were a database's, where metadata may be larger than a client may write it, and of other
        kinds in declared fields.
        """
        self._records = database.records
        self._clock = database.clock
        self._namespace = namespace
        self._metadata_bytes_max = METADATA_MERGED_BYTES_MAX if exported else METADATA_BYTES_MAX
        self._exported = exported

    def accept(self, content: SourceRecord) -> tuple[str, NewRecord, int] | None:
        """The record, if the namespace may have it, unless it has expired."""
        moment = content.expires_at_ms
        record = NewRecord(content.id, content.vector, content.metadata, moment)
        check_record(
            self._namespace,
            record,
            "",
            metadata_bytes_max=self._metadata_bytes_max,
            exported=self._exported,
        )
        if moment is not None and moment <= self._clock.unix_ms():
            return None
        return record.id, record, record.vector.nbytes

    def write(self, batch: Sequence[NewRecord]) -> None:
        """One log entry."""
        self._records.upsert(
            self._namespace,
            batch,
            metadata_bytes_max=self._metadata_bytes_max,
            exported=self._exported,
        )


class KeyValueTarget:
    """Key-values into a namespace."""

    bytes_max = KV_BATCH_BYTES_MAX

    def __init__(self, database: Database, namespace: Namespace) -> None:
        self._key_values = database.key_values
        self._clock = database.clock
        self._namespace = namespace

    def accept(self, content: SourceItem) -> tuple[str, NewItem, int] | None:
        """The item, unless it has expired."""
        ttl_seconds: float | None = None
        if content.expires_at_ms is not None:
            ttl_seconds = (content.expires_at_ms - self._clock.unix_ms()) / 1000
            if ttl_seconds < 0.001:
                return None
        item = NewItem(content.key, content.value, content.content_type or DEFAULT_CONTENT_TYPE, ttl_seconds)
        check_item(item)
        return item.key, item, len(item.value)

    def write(self, batch: Sequence[NewItem]) -> None:
        """One transaction."""
        self._key_values.put_many(self._namespace, batch)


@dataclass(slots=True)
class Imported:
    """What an import did. `resumed_at` is the position that it went on from."""

    resumed_at: int
    written: int = 0
    skipped: int = 0
    bad_lines: list[str] = field(default_factory=list)


class ImportRun:
    """One import. Stops at the first bad line unless `skip_bad`; everything before it is written then.

    `checkpoint` is None for a stream, which nothing can go on in the middle of. `resumed_at` is the position that an
    earlier run wrote everything up to.
    """

    def __init__(
        self,
        source: ImportSource,
        target: Target,
        checkpoint: ImportCheckpoint | None,
        *,
        batch: int,
        skip_bad: bool,
        resumed_at: int = 0,
    ) -> None:
        self._source = source
        self._target = target
        self._checkpoint = checkpoint
        self._batch_max = batch
        self._skip_bad = skip_bad
        self._pending: dict[str, Any] = {}
        self._pending_bytes = 0
        self._position = 0
        self.done = Imported(resumed_at)

    def run(self, report: Callable[[int], None]) -> Imported:
        """Write everything. `report` is told the position. Raises Failure at a bad line."""
        self._position = self.done.resumed_at
        lines = self._source.lines(self._position)
        while (line := self._read(lines)) is not None:
            self._next(line)
            report(self._position)
        self._flush()
        if self._checkpoint:
            self._checkpoint.clear()
        return self.done

    def _read(self, lines: Iterator[ImportLine]) -> ImportLine | None:
        try:
            return next(lines, None)
        except QuartzError as error:
            self._flush()
            written = f"Everything before it was written ({self.done.written:,} in this run)."
            raise Failure(f"{error.message} {written}", hint=error.hint) from error
        except (Failure, OSError, EOFError, zlib.error):
            # The file cannot be read further: what was read of it is good all the same.
            self._flush()
            raise

    def _next(self, line: ImportLine) -> None:
        try:
            self._take(line)
        except BadLine as bad:
            self._refuse(line, bad)
        self._position = line.position

    def _take(self, line: ImportLine) -> None:
        if isinstance(line.content, BadLine):
            raise line.content
        try:
            accepted = self._target.accept(line.content)
        except QuartzError as error:
            raise BadLine.of(error) from error
        if accepted is None:
            return
        key, entry, size = accepted
        full = len(self._pending) >= self._batch_max or self._pending_bytes + size > self._target.bytes_max
        # An id that comes again replaces the earlier one: in the next batch, because a batch has no order.
        if full or key in self._pending:
            self._flush()
        self._pending[key] = entry
        self._pending_bytes += size

    def _refuse(self, line: ImportLine, bad: BadLine) -> None:
        if not self._skip_bad:
            self._flush()
            written = f"Everything before it was written ({self.done.written:,} in this run)."
            raise refused(line, bad, written) from bad
        self.done.skipped += 1
        if len(self.done.bad_lines) < _BAD_LINES_SHOWN:
            self.done.bad_lines.append(f"{line.place}: {bad.problem}")

    def _flush(self) -> None:
        if self._pending:
            self._target.write(list(self._pending.values()))
            self.done.written += len(self._pending)
            self._pending.clear()
            self._pending_bytes = 0
        if self._checkpoint:
            self._checkpoint.write(self._position)
