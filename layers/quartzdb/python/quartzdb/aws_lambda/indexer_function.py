"""The function that the table's stream wakes: it folds the logs that were written to, and answers which records failed.

Records only say where to look, so a batch that comes twice, late or from the beginning of the stream is harmless. What
is too young to be folded (log/protocol.py), or finds no time, is noted and folded by a later batch or by the schedule.
"""

from __future__ import annotations

from typing import Any

from quartzdb.aws_lambda.database import database_settings, retention_for_peer
from quartzdb.aws_lambda.metrics import CloudWatchMetric
from quartzdb.aws_lambda.settings import FunctionSettings
from quartzdb.aws_lambda.snapstart import after_restore, reseed
from quartzdb.aws_lambda.stream_records import read_batch
from quartzdb.aws_lambda.telemetry import LambdaHandler, Telemetry, telemetry
from quartzdb.maintenance.budget import Budget
from quartzdb.maintenance.folding import Folded, Folding
from quartzdb.wiring.maintenance import open_maintenance


def indexer_function(settings: FunctionSettings) -> LambdaHandler:
    """The handler. Asks AWS nothing yet."""
    observed = telemetry(settings)
    maintenance = open_maintenance(database_settings(settings), retention=retention_for_peer(settings))

    def renew() -> None:
        maintenance.owner.renew()
        reseed()

    after_restore(renew)
    return observed.handler(indexing_handler(maintenance.folding, observed))


def indexing_handler(folding: Folding, observed: Telemetry) -> LambdaHandler:
    """What is done with a batch."""

    def handle(event: Any, context: Any) -> dict[str, Any]:
        budget = Budget(context.get_remaining_time_in_millis)
        batch = read_batch(event["Records"])
        failed = set(batch.malformed)
        for number, problem in batch.malformed.items():
            observed.logger.error("stream record %s is no log entry: %s", number, problem)
        lag_ms = 0
        for written in batch.logs.values():
            try:
                folded = folding.woken(written.partition, written.since_ms, budget)
            except Exception:
                # Only this log's records are handed back. The others are done, and must not be done again with them.
                observed.logger.exception("folding %s failed", written.partition)
                failed.update(written.sequence_numbers)
                continue
            lag_ms = max(lag_ms, folded.lag_ms)
            _count(folded, observed)
        observed.count(CloudWatchMetric.INDEXER_LAG_SECONDS, lag_ms / 1000)
        if failed:
            observed.count(CloudWatchMetric.STREAM_RECORDS_FAILED, len(failed))
        # In the order of the stream: Lambda goes on from the first of them.
        numbers = [str(record["dynamodb"]["SequenceNumber"]) for record in event["Records"]]
        return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers if number in failed]}

    return handle


def _count(folded: Folded, observed: Telemetry) -> None:
    if folded.published:
        observed.count(CloudWatchMetric.SEGMENTS_PUBLISHED, folded.published)
    if folded.degraded is not None:
        observed.count(CloudWatchMetric.SNAPSHOT_DEGRADED)
