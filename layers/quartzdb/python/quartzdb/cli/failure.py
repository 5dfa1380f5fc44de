"""What a command says when it cannot go on: one message and one hint on stderr, and exit status 1."""

from __future__ import annotations

import sys
from typing import IO, Any

import click

from quartzdb.domain.errors import QuartzError


class Failure(click.ClickException):
    """Ends the command. `hint` says what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    @classmethod
    def of(cls, error: QuartzError) -> Failure:
        """The same as the database said it."""
        location = f" (field: {error.field})" if error.field else ""
        return cls(f"{error.message}{location}", hint=error.hint)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        stream = file or sys.stderr
        click.echo(f"error: {self.message}", file=stream)
        if self.hint:
            click.echo(f"hint: {self.hint}", file=stream)
