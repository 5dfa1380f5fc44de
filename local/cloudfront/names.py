"""Which name leads where on this machine. A name that is not here leads nowhere, as if its DNS had failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from quartzdb.net.address import Address


class Destination(Protocol):
    """Something that has an address; a fault proxy is one."""

    @property
    def address(self) -> Address:
        """Where it listens."""
        ...

    @property
    def resolves(self) -> bool:
        """Whether its name leads there now."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """An address that is always there."""

    address: Address
    resolves: bool = True


class NameNotFound(Exception):
    """A name leads nowhere."""


class Names:
    """The map. May be changed while it is used."""

    def __init__(self, destinations: Mapping[str, Destination]) -> None:
        self._destinations = dict(destinations)

    def set(self, name: str, destination: Destination) -> None:
        """From now on it leads there."""
        self._destinations[name] = destination

    def look_up(self, name: str) -> Address:
        """Raises NameNotFound."""
        found = self._destinations.get(name)
        if found is None or not found.resolves:
            raise NameNotFound(f"{name} leads nowhere")
        return found.address

    def as_resolve(self) -> dict[str, Address]:
        """For the router's configuration: a function looks names up by itself."""
        return {name: each.address for name, each in self._destinations.items()}
