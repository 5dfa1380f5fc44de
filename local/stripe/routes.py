"""What an endpoint is: the parameters that the SDK has for it, those that are heeded, and who answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from local.stripe.parameters import Given
from local.stripe.store import Object
from local.stripe.world import World

Handler = Callable[[World, Given, tuple[str, ...]], Object]
"""Takes the parameters and the ids of the address, and gives what is answered. Raises Refused."""


@dataclass(frozen=True, slots=True)
class Route:
    """`path` has `{}` for each id; `served` is written as one text of dotted names."""

    method: str
    path: str
    parameters: type
    served: str
    handler: Handler
    keep: bool = True
    """False: whatever the handler did is undone once it has answered."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches a request's whole path, with a group for each id."""
        return re.compile(re.escape(self.path).replace(r"\{\}", "([^/]+)"))

    @property
    def heeded(self) -> frozenset[str]:
        """The names in `served`."""
        return frozenset(self.served.split())
