"""A schedule that wakes a function each minute. It is not tried again: the next one comes in a minute."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov
from cdk.constructs.database_function import DatabaseFunction


class EveryMinute(Construct):
    """`function` is invoked with an empty event; `dead_letters` gets what could not be started."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: DatabaseFunction,
        what: str,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        function.live.configure_async_invoke(retry_attempts=0, max_event_age=Duration.minutes(1))
        self.schedule = scheduler.Schedule(
            self,
            "Schedule",
            description=f"QuartzDB: {what}",
            schedule=scheduler.ScheduleExpression.rate(Duration.minutes(1)),
            target=targets.LambdaInvoke(
                function.live,
                input=scheduler.ScheduleTargetInput.from_object({}),
                dead_letter_queue=dead_letters,
                max_event_age=Duration.minutes(1),
                retry_attempts=0,
            ),
        )
        acknowledge_checkov(self.schedule, {"CKV_AWS_297": "What it sends is an empty object."})
