"""Group commit: writes that threads ask for at the same time share one transaction, and so one fsync.

There is no background thread. A writer queues its operation and waits for its turn; the first to get a turn commits
everything that is queued by then, and the others find their own outcome when they get theirs. Nothing is reported as
done before the commit that makes it durable.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from quartzdb.adapters.embedded.disk_reserve import DiskReserve
from quartzdb.adapters.embedded.sqlite_failure import failure, means_full
from quartzdb.domain.errors import OutcomeUnknown
from quartzdb.domain.freeing import frees_space

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]
"""Reads and writes through the connection that it is given and no other, inside a transaction it must not end."""

_AGAIN = "Send it again: it will not be applied twice."
OPERATIONS_MAX = 256
"""Operations in one transaction, so that one commit cannot grow without bound."""


class _Ticket:
    """One queued operation and, once `settled`, what became of it."""

    __slots__ = ("error", "frees", "operation", "outcome", "settled")

    def __init__(self, operation: Operation[Any]) -> None:
        self.operation = operation
        self.frees = frees_space()
        self.outcome: Any = None
        self.error: Exception | None = None
        self.settled = False


class CommitGroup:
    """The single place of one process from which one database file is written."""

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[sqlite3.Connection]],
        path: Path,
        reserve: DiskReserve | None = None,
    ) -> None:
        self._connect = connect
        self._path = path
        self._reserve = reserve
        self._queue: deque[_Ticket] = deque()
        # Nobody is promised the lead: whoever wakes first and is not settled takes it. So a thread that dies of
        # anything, KeyboardInterrupt included, leaves nothing behind that the others would wait for.
        self._changed = threading.Condition(threading.Lock())
        self._leading = False

    def commit(self, operation: Operation[T]) -> T:
        """Run the operation in a write transaction; returns its result, or raises its error, once that is durable.

        An operation that raises is undone alone; the others of its group go on.
        """
        ticket = _Ticket(operation)
        with self._changed:
            self._queue.append(ticket)
            while self._leading and not ticket.settled:
                self._changed.wait()
            lead = not ticket.settled
            self._leading = self._leading or lead
        if lead:
            self._lead(ticket)
        if ticket.error is not None:
            raise ticket.error
        outcome: T = ticket.outcome
        return outcome

    def _lead(self, ticket: _Ticket) -> None:
        try:
            # More than one round only where the queue was longer than a transaction may be.
            while not ticket.settled:
                self._commit_next()
        finally:
            with self._changed:
                self._leading = False
                self._changed.notify_all()

    def _commit_next(self) -> None:
        # Only the leader removes, and only what is settled, so an interrupted round forgets nobody.
        while self._queue and self._queue[0].settled:
            self._queue.popleft()
        tickets = [self._queue[place] for place in range(min(len(self._queue), OPERATIONS_MAX))]
        try:
            self._commit_admitted(tickets)
        except BaseException as error:
            for ticket in tickets:
                if ticket.error is None:
                    ticket.error = self._reported(error)
            if not isinstance(error, Exception):
                raise
        finally:
            for ticket in tickets:
                ticket.settled = True

    def _commit_admitted(self, tickets: Sequence[_Ticket]) -> None:
        """Commit them; on a full disk those of them that free space, with what is reserved for that."""
        try:
            self._commit_all(tickets)
        except sqlite3.Error as error:
            freeing = [ticket for ticket in tickets if ticket.frees]
            if self._reserve is None or not freeing or not means_full(error):
                raise
            for ticket in tickets:
                ticket.error = None if ticket.frees else self._reported(error)
            with self._reserve.released():
                self._commit_all(freeing)

    def _commit_all(self, tickets: Sequence[_Ticket]) -> None:
        with self._connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                if len(tickets) == 1:
                    tickets[0].outcome = self._run(connection, tickets[0])
                else:
                    for ticket in tickets:
                        self._run_apart(connection, ticket)
                _commit(connection)
            except BaseException:
                # SQLite has already rolled back after some errors (a full disk, a failed write).
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _run_apart(self, connection: sqlite3.Connection, ticket: _Ticket) -> None:
        """Run one of several operations so that its error undoes it and nothing else."""
        connection.execute("SAVEPOINT operation")
        try:
            ticket.outcome = self._run(connection, ticket)
        except Exception as error:
            if not connection.in_transaction:
                raise  # the whole group was undone
            ticket.error = self._reported(error)
            connection.execute("ROLLBACK TO operation")
        connection.execute("RELEASE operation")

    def _run(self, connection: sqlite3.Connection, ticket: _Ticket) -> object:
        # Asked only now, when nobody else writes to the file: one that was queued before must not take what was
        # given up for another.
        if self._reserve is not None and not ticket.frees:
            self._reserve.require()
        return ticket.operation(connection)

    def _reported(self, error: BaseException) -> Exception:
        """What a waiting thread raises. Never the same object twice for a failure that several of them share."""
        if isinstance(error, _CommitFailed):
            told: Exception = OutcomeUnknown(
                f"The database {self._path} failed while it was committing, so the write may have been made: {error}.",
                hint=_AGAIN,
            )
            told.__cause__ = error
            return told
        if isinstance(error, sqlite3.Error):
            translation = failure(error, self._path)
            if translation is not error:
                translation.__cause__ = error
            return translation
        if isinstance(error, Exception):
            return error
        return OutcomeUnknown("The write was interrupted; it may or may not have been made.", hint=_AGAIN)


class _CommitFailed(Exception):
    """A disk failed beneath a COMMIT: the transaction may be in the journal or not."""


def _commit(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR:
            raise _CommitFailed(str(error)) from error
        raise
