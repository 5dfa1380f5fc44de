"""What a command says when it cannot go on: one message and one hint on stderr, and an exit status.

docs/cli.md lists the statuses; scripts rely on them.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import IO, Any

import click

from quartzdb.domain.errors import Conflict, NotFound, PreconditionFailed, QuartzError

FAILED = 1
NOT_FOUND = 3
"""What was named is not there: a record, a key, a namespace. (2 is wrong usage, by click.)"""
CONFLICT = 4
"""It contradicts what is there: a condition does not hold, or a namespace has other settings."""
INTERRUPTED = 130
"""Ctrl-C, as shells have it: 128 and the number of the signal."""
CLOSED_PIPE = 141
"""Whoever read the output has gone, as `head` does: the status of a program that the signal of it ends."""

_HINTS = {
    errno.ENOSPC: "Free some space on its file system, then give the command again.",
    errno.EDQUOT: "Free some of the quota, then give the command again.",
    errno.EROFS: "It is on a file system that is mounted read-only.",
    errno.EACCES: "Check the permissions of the file and its directory.",
    errno.EPERM: "Check the permissions of the file and its directory.",
    errno.EMFILE: "Allow the process more open files: ulimit -n",
}


class Failure(click.ClickException):
    """Ends the command. `hint` says what to do about it."""

    def __init__(self, message: str, *, hint: str | None = None, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance, where one has it

    @classmethod
    def of(cls, error: QuartzError) -> Failure:
        """The same as the database said it."""
        location = f" (field: {error.field})" if error.field else ""
        status = FAILED
        if isinstance(error, NotFound):
            status = NOT_FOUND
        elif isinstance(error, Conflict | PreconditionFailed):
            status = CONFLICT
        return cls(f"{error.message}{location}", hint=error.hint, exit_code=status)

    @classmethod
    def of_system(cls, error: OSError) -> Failure:
        """What the operating system refused, to which file."""
        what = error.strerror or str(error)
        where = f"{error.filename}: " if error.filename is not None else ""
        return cls(f"{where}{what}.", hint=_HINTS.get(error.errno or 0))

    @classmethod
    def of_writing(cls, path: Path, error: OSError) -> Failure:
        """A file that could not be written."""
        return cls(f"{path} cannot be written: {error.strerror or error}.", hint=_HINTS.get(error.errno or 0))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        stream = file or sys.stderr
        click.echo(f"error: {self.message}", file=stream)
        if self.hint:
            click.echo(f"hint: {self.hint}", file=stream)
