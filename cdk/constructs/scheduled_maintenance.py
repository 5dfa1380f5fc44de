"""The schedule that wakes the compactor each minute, and the queue of what could not even be started."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov
from cdk.constructs.database_function import DatabaseFunction


class ScheduledMaintenance(Construct):
    """Once a minute `{"action": "maintain"}`. It is not tried again: the next one comes in a minute."""

    def __init__(
        self, scope: Construct, construct_id: str, *, compactor: DatabaseFunction, dead_letters: sqs.IQueue
    ) -> None:
        super().__init__(scope, construct_id)
        compactor.live.configure_async_invoke(retry_attempts=0, max_event_age=Duration.minutes(1))
        self.schedule = scheduler.Schedule(
            self,
            "Schedule",
            description="QuartzDB: fold, compact, sweep and expire",
            schedule=scheduler.ScheduleExpression.rate(Duration.minutes(1)),
            target=targets.LambdaInvoke(
                compactor.live,
                input=scheduler.ScheduleTargetInput.from_object({"action": "maintain"}),
                dead_letter_queue=dead_letters,
                max_event_age=Duration.minutes(1),
                retry_attempts=0,
            ),
        )
        acknowledge_checkov(self.schedule, {"CKV_AWS_297": "What it sends is the word `maintain`."})
