"""Counts what the journal of one machine has. Whoever is first counts; two at once count the same, and once."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import Protocol

from quartzdb_platform.metering.counters import Counters
from quartzdb_platform.ports import DocumentTable, Put

BATCH_LINES = 5_000
_PK = "USAGE-JOURNAL"


class UsageJournal(Protocol):
    """Lines in order, each with a number that never comes again."""

    @property
    def identity(self) -> str:
        """Of this journal: one that was deleted and begun anew is another."""
        ...

    def read(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """At most so many lines beyond a number. Raises Unavailable."""
        ...

    def forget(self, up_to: int) -> None:
        """Drop the lines up to a number. Raises Unavailable."""
        ...


class JournalReader:
    """`run` may be cut off anywhere: what it was at, it does again as it began it. `counted` is told of whom something
    was counted.
    """

    def __init__(
        self,
        table: DocumentTable,
        counters: Counters,
        journal: UsageJournal,
        *,
        counted: Callable[[Set[str]], object] = lambda _: None,
        batch_lines: int = BATCH_LINES,
    ) -> None:
        self._table = table
        self._counters = counters
        self._journal = journal
        self._counted = counted
        self._batch_lines = batch_lines

    def run(self) -> int:
        """Count all that is there: how many lines. Raises Unavailable, Conflict."""
        counted = 0
        while lines := self._run_once():
            counted += lines
        return counted

    def run_pass(self) -> bool:
        """The same for a background thread, which is not to come back at once."""
        self.run()
        return False

    def _run_once(self) -> int:
        identity = self._journal.identity
        document = self._table.get(_PK, identity)
        after, up_to = (document.body["after"], document.body["up_to"]) if document else (0, 0)
        revision = document.revision if document else None
        if up_to <= after:
            # What a batch is has to be settled before any of it is counted: more lines may have come by the next try.
            lines = self._journal.read(after, self._batch_lines)
            if not lines:
                return 0
            up_to = lines[-1][0]
            if not self._table.transact([Put(_PK, identity, {"after": after, "up_to": up_to}, revision)]):
                return 1  # somebody else is at it: look again
            revision = (revision or 0) + 1
        texts = [line for number, line in self._journal.read(after, up_to - after) if number <= up_to]
        done = Put(_PK, identity, {"after": up_to, "up_to": up_to}, revision)
        if texts:
            applied = self._counters.apply(f"journal#{identity}#{after}#{up_to}", texts, "journal")
            self._counted(applied.tally.projects)
        # Where somebody else was faster, they counted the same batch: its markers are there.
        if self._table.transact([done]):
            self._journal.forget(up_to)
        return len(texts) or 1
