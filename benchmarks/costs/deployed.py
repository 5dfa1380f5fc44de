"""What of a deployment decides its costs: sizes that cdk/settings.py sets, and durations that are assumed.

HAZARD: durations on AWS were never measured. They are compute measured on one machine plus a few milliseconds for each
request to DynamoDB, and every table that leans on them says so.
"""

from __future__ import annotations

API_GB = 1_024 / 1_024
SEARCH_GB = 768 / 1_024
INDEXER_GB = 1_769 / 1_024
COMPACTOR_GB = 3_008 / 1_024
SNAPSTART_GB = API_GB + SEARCH_GB
"""Functions that start from a snapshot: those that somebody waits for."""

API_MS = 20
SEARCH_MS = 20
INIT_MS = 400
"""By importing, of a whole processor, as the emulator reports it."""
COLD_GETS = 50
"""Pieces of the files of one segment, as many as 100,000 rows take."""
INDEXER_MS = 1_000
MAINTENANCE_MS = 300

LOG_BYTES_A_REQUEST = 240
"""Its usage line, as a test measures it. Metrics are written by few requests, Lambda's own lines by those that fail."""

ALARM_METRICS = 39
"""Each metric of an alarm's formula is charged for."""
EDGE_ALARM_METRICS = 9
"""Of these, what alarms of the edge, of the search function and of the origin secret look at: not there without
CloudFront."""
METRICS_AT_REST = 2
"""Those that the compactor writes: its lag each minute, and cold starts."""
FOLD_PUTS = 8
"""Files of a segment, a bitmap of dead rows, the manifest and the pointer."""
NOTE_UNITS = 4
"""What the copy of the pointer in DynamoDB takes, with a small manifest in it."""
WINDOWS_A_MONTH = 730 * 60
"""Folds of a namespace that is written to all the time: one a minute."""
MAINTENANCE_RUNS_A_MONTH = 730 * 60

BYTES_A_VECTOR_384 = 1_652
"""Of a segment with 384 dimensions in f32, as measured: vectors, norms, codes and records."""

PROBE_GB = 512 / 1_024
REPLICATOR_GB = 1_024 / 1_024
EDGE_GB = 512 / 1_024
EVERY_MINUTE_S = 55
"""Of each minute in which the probe and the replicator run: they look again and again, and wait in between."""
EDGE_MS = 1
"""Of the router in direct mode, which CloudFront charges for twice: for the request and for the answer."""
ROUNDS_A_MONTH = 730 * 3_600 / 1.5
"""Of the probe while all is well."""
REQUESTS_A_PROBE = 4
PASSES_A_MONTH = 730 * 3_600 / 5
"""Of the replicator."""
DIRECTIONS = 8
"""Two namespaces, the users' and the canary's, with two feeds in two directions; each pass writes their checkpoints."""
FAILOVER_ALARM_METRICS = 12
FAILOVER_SECRETS = 3

PLATFORM_GB = 1_024 / 1_024
"""Its function, which starts from a snapshot as api does."""
UPKEEP_GB = 512 / 1_024
UPKEEP_MS = 300
"""Assumed, of a run that finds nothing to do but its steps' times."""
UPKEEP_STEPS = 13
"""Of the scheduled pass: each run reads when a step was done last."""
UPKEEP_EVERY_MINUTE = 6
"""Of these, whose time a run writes each minute."""
PLATFORM_ALARM_METRICS = 19
PLATFORM_METRICS_AT_REST = 2
"""Steps that were done, and cold starts."""
