"""The regions in which a deployment can keep an organization's data: a setting, the first of which is its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from quartzdb.domain.errors import InvalidArgument

_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,31}$")


@dataclass(frozen=True, slots=True)
class Regions:
    """`names` empty: nobody chooses, and nothing is kept to a region. Raises InvalidArgument."""

    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise InvalidArgument(
                    f"{name[:40]!r} is no name of a region.", hint="Use 1 to 32 of a-z, 0-9 and '-'."
                )
        if len(set(self.names)) < len(self.names):
            raise InvalidArgument("A region is named twice.", field="regions")

    @property
    def own(self) -> str | None:
        """Where the deployment's own database is."""
        return self.names[0] if self.names else None

    def chosen(self, name: str | None) -> str | None:
        """The region of a new organization that asked for it. Raises InvalidArgument."""
        if name is None:
            return self.own
        if name not in self.names:
            raise InvalidArgument(
                f"There is no region {name[:40]!r} here.", field="region", hint=_hint(self.names)
            )
        return name


NO_REGIONS = Regions()


def _hint(names: Sequence[str]) -> str:
    return (
        f"It is one of: {', '.join(names)}." if names else "This deployment has none to choose: leave it out."
    )
