"""The metrics of all functions. Alarms and the dashboard are built on this list, so a name here is an interface.

They are written as log lines in CloudWatch's embedded metric format, in the namespace QuartzDB with the dimension
`service`. Powertools adds `ColdStart`.
"""

from __future__ import annotations

from enum import Enum


class Metric(Enum):
    """A metric: its name in CloudWatch and its unit."""

    INDEXER_LAG_SECONDS = ("IndexerLagSeconds", "Seconds")
    """Age of the oldest log entry of an invocation when the indexer was through with it. Alarm: searches stay right,
    but tails grow and with them the time of each search."""
    STREAM_RECORDS_FAILED = ("StreamRecordsFailed", "Count")
    """Stream records handed back to be tried again. A few are throttling; many end in the dead-letter queue."""
    SEGMENTS_PUBLISHED = ("SegmentsPublished", "Count")
    """Segments that a published manifest named for the first time."""
    MERGE_STARTED = ("MergeStarted", "Count")
    """Merges too large for one run, handed to the state machine."""
    MERGE_PUBLISHED = ("MergePublished", "Count")
    """Merges of the state machine that were published."""
    MERGE_ABANDONED = ("MergeAbandoned", "Count")
    """Merges whose work was thrown away, because what they were to replace had been replaced meanwhile."""
    TEND_FAILURES = ("TendFailures", "Count")
    """Namespaces that one run of the compactor could not tend. It goes on with the others and tries again later."""
    SNAPSHOT_DEGRADED = ("SnapshotDegraded", "Count")
    """Namespaces served from an older manifest because the newest is damaged, or not at all. Alarm: restore a blob."""
    ORIGIN_REFUSED = ("OriginRefused", "Count")
    """Requests without the origin secret. Alarm when many: somebody bypasses the edge, or a rotation went wrong."""
    SERVER_ERRORS = ("ServerErrors", "Count")
    """Answers of 500 and more, which Lambda's own `Errors` never counts because the function itself succeeded."""
    DEADLINE_EXCEEDED = ("DeadlineExceeded", "Count")
    """Requests that were answered 504 because the function's time was about to end."""

    def __init__(self, title: str, unit: str) -> None:
        self.title = title
        self.unit = unit


NAMESPACE = "QuartzDB"
