"""Expiries as events: one for each record whose moment came while it was there, at one place among the commits.

It stands after everything that was committed before its moment, and before everything that was committed from then on;
of a record that is committed with a moment that has passed already, right after that commit. So which there are, and
where, follows from the log alone, whoever reckons it and whenever.
"""

from __future__ import annotations

from typing import NamedTuple

from quartzdb.domain.hlc import COUNTER_BITS, Version, stamp_at


class Expired(NamedTuple):
    """One expiry: the record `id`, which was at this version, ended at its moment (unix ms).

    `after` is its place: what was committed under this append stamp or an earlier one comes before it.
    """

    after: int
    id: str
    version: Version
    expires_at_ms: int

    @property
    def at_ms(self) -> int:
        """When it ended as seen here, in unix ms: its moment, or the commit that came after that."""
        return max(self.expires_at_ms, self.after >> COUNTER_BITS)


def place_of(moment_ms: int) -> int:
    """The last stamp before a moment."""
    return stamp_at(moment_ms) - 1


def reached_by(stamp: int) -> int:
    """The latest moment whose place is not after a stamp, in unix ms."""
    return (stamp + 1) >> COUNTER_BITS
