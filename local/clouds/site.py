"""A site asked directly, past the edge: what an operator does, and the judge of a drill."""

from __future__ import annotations

from dataclasses import dataclass

from local.clouds.client import Client


@dataclass(frozen=True, slots=True)
class Site:
    """Its name, and a client of it."""

    name: str
    client: Client
