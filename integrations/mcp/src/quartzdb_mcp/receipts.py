"""What the requests of one call of a tool used, together.

The database says it in `usage` of a document, or in a header where the answer is no document. Lists by pages show it to
nobody who goes over them record by record, so it is taken from the answers themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

HEADER = "x-usage"
_JSON = "application/json"
_REFUSED = 400


class Tally:
    """Of one call."""

    def __init__(self) -> None:
        self.read_units = 0
        self.write_units = 0
        self.cost_usd: Decimal | None = None

    def add(self, usage: Mapping[str, Any]) -> None:
        """Count one receipt."""
        self.read_units += usage.get("read_units", 0)
        self.write_units += usage.get("write_units", 0)
        if cost := usage.get("cost_usd"):
            self.cost_usd = (self.cost_usd or Decimal(0)) + Decimal(cost)

    def document(self) -> dict[str, Any]:
        """As the database shows a receipt: dollars only where it has prices."""
        units = {"read_units": self.read_units, "write_units": self.write_units}
        return units if self.cost_usd is None else {**units, "cost_usd": f"{self.cost_usd:f}"}


_tally: ContextVar[Tally | None] = ContextVar("quartzdb_mcp_tally", default=None)


@contextmanager
def counting() -> Iterator[Tally]:
    """Count what is asked for meanwhile, in this task."""
    tally = Tally()
    before = _tally.set(tally)
    try:
        yield tally
    finally:
        _tally.reset(before)


async def count(response: httpx2.Response) -> None:
    """A hook of the HTTP client: what an answer says that it used."""
    tally = _tally.get()
    if tally is None or response.status_code >= _REFUSED:
        return
    if (told := response.headers.get(HEADER)) is not None:
        tally.add(json.loads(told))
    elif response.headers.get("content-type", "").startswith(_JSON):
        document = json.loads(await response.aread())
        if isinstance(document, dict) and isinstance(usage := document.get("usage"), dict):
            tally.add(usage)
