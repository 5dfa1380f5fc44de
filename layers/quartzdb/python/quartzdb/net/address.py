"""Addresses that names lead to."""

from __future__ import annotations

from typing import Literal, NamedTuple

Protocol = Literal["http", "https"]


class Address(NamedTuple):
    """Where a name really is, on a machine that plays the clouds."""

    host: str
    port: int
    protocol: Protocol
