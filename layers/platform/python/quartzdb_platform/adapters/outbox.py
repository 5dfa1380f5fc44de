"""Mail as files: what the platform of one machine would send is a folder of .eml files, which any mail reader opens."""

from __future__ import annotations

import os
import secrets
from itertools import count
from pathlib import Path

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unavailable
from quartzdb_platform.adapters.mail_message import message_of
from quartzdb_platform.ports import Mail


class Outbox:
    """Mailer. Files are named by time, and are whole as soon as they are there."""

    def __init__(self, directory: Path, sender: str, clock: Clock) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self._sender = sender
        self._clock = clock
        self._numbers = count(1)

    def send(self, mail: Mail) -> None:
        """Write it. Raises Unavailable."""
        at_ms = self._clock.unix_ms()
        message = message_of(mail, self._sender, at_ms, in_files=True)
        name = f"{at_ms:015d}-{next(self._numbers):06d}-{secrets.token_hex(4)}"
        half_written = self.directory / f".{name}"
        try:
            descriptor = os.open(half_written, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(bytes(message))
            half_written.rename(self.directory / f"{name}.eml")
        except OSError as error:
            raise Unavailable(
                f"The mail could not be written: {error.strerror}.",
                hint="Check the outbox of the data directory.",
            ) from error
