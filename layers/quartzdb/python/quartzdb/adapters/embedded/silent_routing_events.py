"""RoutingEvents where nobody listens: a database in a directory, whose audit lines say the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class SilentRoutingEvents:
    """Tells nobody."""

    def emit(self, detail: Mapping[str, Any]) -> None:
        """Nothing."""
