"""The metrics of the platform's functions, beside those that all functions have. Alarms are built on this list.

As there: one dimension, the function, never a tenant or an organization.
"""

from __future__ import annotations

from enum import Enum


class PlatformMetric(Enum):
    """A metric: its name in CloudWatch and its unit."""

    UPKEEP_STEPS = ("UpkeepSteps", "Count")
    """Steps of the scheduled pass that were done. Alarm when there are none: nothing is published or tidied."""
    UPKEEP_FAILURES = ("UpkeepFailures", "Count")
    """Steps of the scheduled pass that failed. They are tried again in their next interval. Alarm when it goes on."""

    STORAGE_DRIFT = ("StorageDrift", "Count")
    """Projects of which a sample was not what their data is, where nothing was written in between. Alarm: what is
    billed for storage, and what blocks writes, may be wrong."""

    def __init__(self, title: str, unit: str) -> None:
        self.title = title
        self.unit = unit
