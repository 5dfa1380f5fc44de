"""The metrics of all functions. Alarms and the dashboard are built on this list, so a name here is an interface.

They are written as log lines in CloudWatch's embedded metric format, in the namespace QuartzDB with the dimension
`service`. Powertools adds `ColdStart`.

The rule of dimensions: only what has few values that a deployment fixes, which is the function. A tenant, a namespace
or a key never is one, since each value would be a metric to pay for; where it is known it stands in the line beside the
metric, and log lines of requests always have it.
"""

from __future__ import annotations

from enum import Enum


class CloudWatchMetric(Enum):
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
    MAINTENANCE_FAILURES = ("MaintenanceFailures", "Count")
    """Namespaces that one run of the compactor could not maintain. It goes on with the others and tries again later."""
    SNAPSHOT_DEGRADED = ("SnapshotDegraded", "Count")
    """Namespaces served from an older manifest because the newest is damaged, or not at all. Alarm: restore a blob."""
    RATE_LIMITS_OPEN = ("RateLimitsOpen", "Count")
    """Times that nothing was limited for some seconds, because what is left of rates could not be asked. Requests are
    answered; a tenant may send more than its plan allows. Alarm."""
    ORIGIN_REFUSED = ("OriginRefused", "Count")
    """Requests without the origin secret. Alarm when many: somebody bypasses the edge, or a rotation went wrong."""
    SERVER_ERRORS = ("ServerErrors", "Count")
    """Answers of 500 and more, which Lambda's own `Errors` never counts because the function itself succeeded."""
    DEADLINE_EXCEEDED = ("DeadlineExceeded", "Count")
    """Requests that were answered 504 because the function's time was about to end."""
    PROBE_ROUNDS = ("ProbeRounds", "Count")
    """Looks at both origins. Alarm when there are none: nobody decides about failover any more."""
    PROBE_FAILURES = ("ProbeFailures", "Count")
    """Of the probes of both origins, those that failed."""
    PROBES_IMPOSSIBLE = ("ProbesImpossible", "Count")
    """Probes that could not even be made: a key or a secret was not to be had, or the canary is not admitted."""
    ORIGIN_SWITCHED = ("OriginSwitched", "Count")
    """Switches of the active origin by the probe. Alarm: a failover, or the return from one."""
    ROUTING_CHANGED = ("RoutingChanged", "Count")
    """Changes of the routing state, switches included."""
    ROUTING_UNDECIDED = ("RoutingUndecided", "Count")
    """Rounds in which the routing state could not be read or stored."""
    BREAKERS_OPEN = ("BreakersOpen", "Count")
    """Origins whose breaker is not closed. Alarm: one origin is all that is left."""
    FAILED_OVER = ("FailedOver", "Count")
    """1 while the active origin is not the primary."""
    AWS_PROBE_MS = ("AwsProbeMilliseconds", "Milliseconds")
    """How long a probe of AWS took, all of its requests together."""
    CLOUDFLARE_PROBE_MS = ("CloudflareProbeMilliseconds", "Milliseconds")
    """The same of Cloudflare."""
    REPLICATION_LAG_SECONDS = ("ReplicationLagSeconds", "Seconds")
    """How far the sites are apart; 0: each has all that the other acknowledged before the allowance. Alarm."""
    REPLICATION_LAG_UNKNOWN = ("ReplicationLagUnknown", "Count")
    """1 while some feed was not once read to its end."""
    REPLICATION_PENDING = ("ReplicationPending", "Count")
    """Changes that were read and could not be applied yet."""
    REPLICATION_APPLIED = ("ReplicationApplied", "Count")
    """Changes that were new to the site they came to."""
    REPLICATION_FAILURES = ("ReplicationFailures", "Count")
    """Passes that failed and are tried again. Many: the peer is away, or refuses the secret."""
    REPLICATION_STOPPED = ("ReplicationStopped", "Count")
    """Directions that stand still until somebody mends what the peer refuses. Alarm."""
    REPLICATION_REPAIRED = ("ReplicationRepaired", "Count")
    """Changes that only a comparison found. A few follow every gap; others ask for a reason."""
    REPLICATION_DIFFERENT = ("ReplicationDifferent", "Count")
    """Parts of the data that stayed different after a comparison, although nobody wrote to them. Alarm."""
    REPLICATION_UNREPLAYABLE = ("ReplicationUnreplayable", "Count")
    """Changes that a peer which knows only `/api/*` cannot be told of."""
    MIRROR_MALFORMED = ("MirrorMalformed", "Count")
    """Mirrored writes that cannot be applied, once for each time they came. They end in the dead-letter queue."""

    def __init__(self, title: str, unit: str) -> None:
        self.title = title
        self.unit = unit


NAMESPACE = "QuartzDB"
