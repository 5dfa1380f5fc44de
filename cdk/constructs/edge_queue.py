"""A queue that the edge writes to, with one of its own for what nobody could take in."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov
from cdk.constructs.dead_letters import DeadLetters, read_by


class EdgeQueue(Construct):
    """`queue`: encrypted, TLS only. A message that was given out `attempts` times goes to `dead_letters`.

    `has_bodies`: messages are users' data, which only the function that takes them may read.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        kept: Duration,
        visible_again: Duration,
        attempts: int,
        has_bodies: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self._has_bodies = has_bodies
        self.dead_letters = DeadLetters(self, "DeadLetters", has_bodies=has_bodies)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=kept,
            visibility_timeout=visible_again,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters.queue, max_receive_count=attempts),
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge_checkov(
            self.queue,
            {"CKV_AWS_27": "Encrypted with a key that SQS manages: docs/adr/0008-managed-keys.md."},
        )

    def grant_take(self, role: iam.Role) -> None:
        """Let a function take messages out, and nothing else. Of bodies: let nobody else."""
        if self._has_bodies:
            read_by(self.queue, role)
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["sqs:ReceiveMessage", "sqs:DeleteMessage"], resources=[self.queue.queue_arn]
            )
        )
