"""Hybrid logical clock: versions that follow wall time, never repeat, and never run backwards.

Owns the order of everything. Source: Kulkarni et al., "Logical Physical Clocks" (2014).

HAZARD: the log's promises (log/protocol.py) hold while every writer's clock is within OVERLAP/4 of the others.
A stamp further ahead than that is refused, never adopted, because adopting it would drag every later write along.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from quartzdb.domain.errors import ClockSkew, InvalidVersion

COUNTER_BITS = 16
_COUNTER_RANGE = 1 << COUNTER_BITS
_STAMP_MAX = (1 << 63) - 1
_WRITER_CHARACTERS_MAX = 64


class Version(NamedTuple):
    """When and by whom a change was made. Tuple order is the winning order; two changes never share one.

    `stamp` is unix milliseconds << 16 | counter; `writer` names the site and the process ("aws.3f9c2a1b").
    """

    stamp: int
    writer: str

    def __str__(self) -> str:
        return f"{self.stamp:016x}.{self.writer}"

    @property
    def milliseconds(self) -> int:
        """Unix time of the stamp, in milliseconds."""
        return self.stamp >> COUNTER_BITS

    @property
    def site(self) -> str:
        """The site where the change was born: what replication must not send it back to."""
        return self.writer.partition(".")[0]

    @staticmethod
    def parse(text: str) -> Version:
        """Read the text form back. Raises InvalidVersion."""
        stamp, dot, writer = text.partition(".")
        well_formed = (
            len(stamp) == 16
            and all(c in "0123456789abcdef" for c in stamp)
            and dot == "."
            and 0 < len(writer) <= _WRITER_CHARACTERS_MAX
            and all(c.isascii() and (c.isalnum() or c in "._-") for c in writer)
        )
        if not well_formed or int(stamp, 16) > _STAMP_MAX:
            raise InvalidVersion(
                "The version token is not one that this database issued.",
                field="version",
                hint="Send back the `version` of an earlier answer unchanged, or leave it out.",
            )
        return Version(int(stamp, 16), writer)


BEGINNING = Version(0, "")
"""Before every real version."""


def stamp_at(milliseconds: int) -> int:
    """The first stamp of a unix millisecond."""
    return milliseconds << COUNTER_BITS


class HybridClock:
    """Issues this writer's versions. Thread-safe.

    `physical_ms` is the wall clock in unix milliseconds; it may jump, the versions do not.
    `ahead_ms_max` bounds how far a foreign stamp may be ahead of this machine's clock.
    """

    def __init__(self, physical_ms: Callable[[], int], writer: str, *, ahead_ms_max: int) -> None:
        _check_writer(writer)
        self._physical_ms = physical_ms
        self._ahead_ms_max = ahead_ms_max
        self._last = 0
        self._lock = threading.Lock()
        self.writer = writer

    def rename(self, writer: str) -> None:
        """Issue versions under another name from now on.

        HAZARD: where a process is copied (a Lambda instance restored from a snapshot) every copy must do this before
        its first version. Two that share a name issue the same versions, and one of two writes is then lost.
        """
        _check_writer(writer)
        with self._lock:
            self.writer = writer

    def now(self) -> Version:
        """A version later than every one issued or observed here."""
        with self._lock:
            self._last = max(stamp_at(self._physical_ms()), self._last + 1)
            return Version(self._last, self.writer)

    def observe(self, seen: Version) -> None:
        """Order every later version after `seen`. Raises ClockSkew when it is too far ahead to be honest.

        Measured against the wall clock alone: measured against what was observed before, a client could lead this clock
        away step by step, and every version that is issued then would be one that the other site refuses.
        """
        with self._lock:
            if seen.stamp <= self._last:
                return
            ahead_ms = seen.milliseconds - self._physical_ms()
            if ahead_ms > self._ahead_ms_max:
                raise ClockSkew(
                    f"A stamp is {ahead_ms} ms ahead of this machine's clock; "
                    f"at most {self._ahead_ms_max} ms is accepted.",
                    field="version",
                    hint="Check that the machines' clocks are synchronised (NTP), then try again.",
                )
            self._last = seen.stamp

    def resume_after(self, head: int) -> None:
        """Start after a stamp that is already committed on this site, however far ahead it is.

        Unlike `observe` this cannot refuse: what is in the log is a fact, and a later write must win over it.
        """
        with self._lock:
            self._last = max(self._last, head)


def _check_writer(writer: str) -> None:
    if not 0 < len(writer) <= _WRITER_CHARACTERS_MAX:
        raise ValueError(f"writer must have 1 to {_WRITER_CHARACTERS_MAX} characters: {writer!r}")
