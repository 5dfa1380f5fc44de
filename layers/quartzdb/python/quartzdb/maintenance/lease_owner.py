"""This process's name in leases."""

from __future__ import annotations

import secrets


class LeaseOwner:
    """`renew` is for a process that was copied from another one: two must never have one name."""

    def __init__(self, site: str) -> None:
        self._site = site
        self.name = ""
        self.renew()

    def renew(self) -> None:
        """Take a name that no process had."""
        self.name = f"{self._site}.{secrets.token_hex(4)}"
