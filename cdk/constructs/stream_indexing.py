"""The stream of the table feeds the indexer: which records, how many at once, and what becomes of those that fail."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from cdk.constructs.database_function import DatabaseFunction
from cdk.constructs.dead_letters import DeadLetters

_BATCH_RECORDS = 1_000
_WINDOW = Duration.seconds(5)
"""Writes are searchable before the indexer hears of them, so it can wait for company. Larger folds cost less."""
_RETRIES = 8
_RECORD_AGE_MAX = Duration.hours(12)
"""Half of what the stream keeps: a record that failed for so long must not make the stream lose others behind it."""


class StreamIndexing(Construct):
    """`dead_letters` gets what was given up. Nothing is lost by it: the entry is in the log, and the next
    scheduled run folds it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, table: dynamodb.Table, indexer: DatabaseFunction
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = DeadLetters(self, "DeadLetters")
        indexer.live.add_event_source(
            sources.DynamoEventSource(
                table,
                # What is committed while the mapping is being made must be seen too; seeing it twice is harmless.
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=_BATCH_RECORDS,
                max_batching_window=_WINDOW,
                bisect_batch_on_error=True,
                report_batch_item_failures=True,
                retry_attempts=_RETRIES,
                max_record_age=_RECORD_AGE_MAX,
                on_failure=sources.SqsDlq(self.dead_letters.queue),
                # New log entries only: key-values are no business of the indexer, and trimming deletes entries.
                filters=[
                    lambda_.FilterCriteria.filter(
                        {
                            "eventName": lambda_.FilterRule.is_equal("INSERT"),
                            "dynamodb": {"Keys": {"pk": {"S": lambda_.FilterRule.begins_with("LOG#")}}},
                        }
                    )
                ],
            )
        )
