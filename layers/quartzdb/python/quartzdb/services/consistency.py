"""What a caller asks of a read or a write: how fresh, and after what."""

from __future__ import annotations

from collections.abc import Callable

from quartzdb.domain.errors import ClockSkew, InvalidVersion
from quartzdb.domain.hlc import HybridClock, Version
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.values import dataclass

ActiveSite = Callable[[Namespace], bool]
"""Whether this site decides compare-and-sets in a namespace: of two that share one, only the active site does."""


@dataclass(frozen=True, slots=True)
class Consistency:
    """`strong`: everything acknowledged before the read. Else some seconds old, but at least up to `at_least`.

    `asked_at`: when the read was asked for, by the clock of whoever reads (monotonic seconds), where it had to wait for
    its turn since: a look at the log that began after that is as good as one of its own. Never of a read by which a
    write is decided, which would decide by the same again and again.
    """

    strong: bool = True
    at_least: Version | None = None
    asked_at: float | None = None


STRONG = Consistency()


def honour(versions: HybridClock, token: Version | None) -> None:
    """Order everything after a client's version token. Raises InvalidVersion for one that no honest clock gave."""
    if token is None:
        return
    try:
        versions.observe(token)
    except ClockSkew as skew:
        raise InvalidVersion(
            skew.message, field="version", hint="Send back the `version` of an earlier answer unchanged."
        ) from skew
