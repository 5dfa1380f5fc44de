"""The secret that CloudFront sends and the functions demand, so that nobody talks to them around the edge.

A Function URL behind CloudFront's own origin access control would demand a signature of the body with each POST and
PUT, which ordinary clients do not send.
"""

from __future__ import annotations

from typing import cast

from aws_cdk import Fn, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov, acknowledge_nag
from cdk.settings import EDGE_REGION

HEADER = "x-quartzdb-origin-secret"
CLOUDFLARE_HEADER = "x-quartzdb-cloudflare-secret"
"""Of the configured origin, for the router alone, which sends its value on as HEADER."""
_LENGTH = 48


class OriginSecret(Construct):
    """`arn` of the secret, with a copy in the region of the edge where this stack is elsewhere, for CloudFormation.

    Also for the other secrets that two parts of a deployment share; without `at_edge` there is no such copy.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        what: str = "what CloudFront sends to the functions",
        at_edge: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        elsewhere = at_edge and Stack.of(self).region != EDGE_REGION
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description=f"QuartzDB: {what}",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                exclude_punctuation=True, password_length=_LENGTH
            ),
            replica_regions=[secretsmanager.ReplicaRegion(region=EDGE_REGION)] if elsewhere else None,
            removal_policy=RemovalPolicy.DESTROY,
        )
        # The documented attribute, rather than what a reference to the resource means.
        self.arn = cast(secretsmanager.CfnSecret, self.secret.node.default_child).attr_id
        why = "Rotated by hand, because each rotation ends with a deployment of CloudFront: docs/runbook.md."
        acknowledge_nag(self.secret, {"AwsSolutions-SMG4": why})
        acknowledge_checkov(
            self.secret,
            {"CKV_AWS_149": "Encrypted with Secrets Manager's own key: docs/adr/0008-managed-keys.md."},
        )

    def grant_read(self, role: iam.Role) -> None:
        """Let a function read its values, the present one and the one before."""
        role.add_to_policy(
            iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[self.arn])
        )


def header_value(secret_arn: str, version: str | None) -> str:
    """A reference that CloudFormation replaces by the secret's value when it deploys the stack in the edge's region.

    The copy there has the same ARN but for the region. A reference without a version is looked up again only when the
    resource around it changes, so a rotation names the new version.
    """
    parts = [Fn.select(index, Fn.split(":", secret_arn)) for index in range(7)]
    parts[3] = EDGE_REGION
    return "{{resolve:secretsmanager:" + ":".join(parts) + f":SecretString:::{version or ''}" + "}}"
