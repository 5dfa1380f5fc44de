"""How long one service of AWS is waited for."""

from __future__ import annotations

from quartzdb.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often one service is asked before the caller is told that it is unavailable.

    `attempts_max` counts the first one. Between attempts the client waits for a random part of 1, 2, 4 … seconds
    (botocore's standard mode), and stops early when most of what it sends fails.
    """

    connect_seconds: float
    read_seconds: float
    attempts_max: int
