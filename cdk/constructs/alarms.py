"""Alarms and where they go. An alarm's id is also its section in docs/runbook.md, which says what to do."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov

PERIOD = Duration.minutes(1)


class Alarms(Construct):
    """One topic and the alarms that tell it. CloudWatch reaches topics of its own region only.

    Without `arithmetic` there are none on what is computed of several metrics.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, prefix: str, email: str | None, arithmetic: bool = True
    ) -> None:
        super().__init__(scope, construct_id)
        self._prefix = prefix
        self._arithmetic = arithmetic
        self.topic = sns.Topic(self, "Topic", display_name=f"{prefix} alarms", enforce_ssl=True)
        self.topic.apply_removal_policy(RemovalPolicy.DESTROY)
        if email is not None:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))
        acknowledge_checkov(
            self.topic,
            {
                "CKV_AWS_26": "CloudWatch cannot publish through SNS's own key, and alarms hold no user's data: "
                "docs/adr/0008-managed-keys.md."
            },
        )
        self.all: list[cloudwatch.Alarm] = []

    def add(
        self,
        alarm_id: str,
        metric: cloudwatch.IMetric,
        *,
        what: str,
        above: float | None = None,
        below: float | None = None,
        minutes: int = 5,
        of_minutes: int | None = None,
        silence_is_bad: bool = False,
    ) -> None:
        """An alarm when the metric is above or below a bound in `minutes` of the last `of_minutes`.

        `what` is one sentence: what is the matter when it rings.
        """
        bound = above if above is not None else below
        if bound is None or (above is not None and below is not None):
            raise ValueError(f"{alarm_id} needs exactly one bound")
        if isinstance(metric, cloudwatch.MathExpression) and not self._arithmetic:
            return
        alarm = cloudwatch.Alarm(
            self,
            alarm_id,
            alarm_name=f"{self._prefix}-{alarm_id}",
            alarm_description=f"{what} See docs/runbook.md#{alarm_id}",
            metric=metric,
            threshold=bound,
            comparison_operator=(
                cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
                if above is not None
                else cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
            ),
            datapoints_to_alarm=minutes,
            evaluation_periods=of_minutes or minutes,
            # Most metrics are written only when something happens.
            treat_missing_data=(
                cloudwatch.TreatMissingData.BREACHING
                if silence_is_bad
                else cloudwatch.TreatMissingData.NOT_BREACHING
            ),
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))
        self.all.append(alarm)
