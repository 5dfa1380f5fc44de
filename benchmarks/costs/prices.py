"""List prices of AWS in us-east-1, in US dollars, without free tiers and discounts. docs/costs.md has sources."""

from __future__ import annotations

MILLION = 1_000_000
MONTH_SECONDS = 730 * 3_600

# DynamoDB, on demand
READ_UNIT = 0.125 / MILLION
WRITE_UNIT = 0.625 / MILLION
TABLE_GB_MONTH = 0.25
RECOVERY_GB_MONTH = 0.20
RESTORED_GB = 0.15

# S3 Standard
BUCKET_GB_MONTH = 0.023
S3_PUT = 0.005 / 1_000
S3_GET = 0.0004 / 1_000

# Lambda. arm64 costs 0.0000133334 a GB-second: a fifth less.
LAMBDA_REQUEST = 0.20 / MILLION
LAMBDA_GB_SECOND = 0.0000166667
SNAPSHOT_GB_SECOND = 0.0000015046
"""SnapStart: keeping the snapshot of a published version."""
RESTORE_GB = 0.0001397998
"""SnapStart: starting an environment from it."""

# The edge
EDGE_FUNCTION_REQUEST = 0.60 / MILLION
EDGE_FUNCTION_GB_SECOND = 0.00005001
CLOUDFRONT_REQUEST = 0.0100 / 10_000
CLOUDFRONT_OUT_GB = 0.085
WAF_REQUEST = 0.60 / MILLION
WAF_ACL_MONTH = 5.00
WAF_RULE_MONTH = 1.00

# Watching it
LOG_GB = 0.50
TRACE = 5.00 / MILLION
ALARM_METRIC_MONTH = 0.10
METRIC_MONTH = 0.30
DASHBOARD_MONTH = 3.00

# The rest
SECRET_MONTH = 0.40
SCHEDULER_RUN = 1.00 / MILLION
STATE_TRANSITION = 0.025 / 1_000
