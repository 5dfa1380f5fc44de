"""What the platform's functions may do: with their own table, and with the few items of the database's that are theirs.

Of the database they reach API keys, grants and the catalog of namespaces, by the partition keys that these have, and
nothing else: no log, no value, no object. Items are put and changed, never deleted.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from cdk.acknowledged import acknowledge_nag
from cdk.constructs.data_access import API_KEYS, EXPORTS, GRANTS, ROUTING, BucketName

_DOCUMENTS = (
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:PutItem",
    "dynamodb:DeleteItem",
    "dynamodb:ConditionCheckItem",
)
"""A transaction needs the rights of its parts."""
_READS = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
_PUTS = ("dynamodb:PutItem", "dynamodb:UpdateItem")
USAGE = ("USAGE#*", "USAGE-MALFORMED*", "BATCH#*", "UNLOOKED#*", "AUDIT-LINES*")
"""Counters of what projects use, which batches are in them, whose caps have to be looked at for it, and audit lines
that are no events yet.
"""
SUPPRESSIONS = ("SUPPRESSION#*",)
"""To whom no mail is sent any more."""
_CATALOG = ("NAMESPACES#*", "TENANTS")
"""Names and settings of namespaces. What is below a namespace is in partitions of its own."""


def grant_documents(role: iam.Role, table: dynamodb.Table, families: Sequence[str] = ()) -> None:
    """Read and change documents of the platform's table; with `families`, of those alone. Nobody may scan it."""
    if families:
        role.add_to_policy(_on_families(_DOCUMENTS, table, families))
    else:
        role.add_to_policy(iam.PolicyStatement(actions=list(_DOCUMENTS), resources=[table.table_arn]))


def grant_tenants(role: iam.Role, table: dynamodb.Table) -> None:
    """In the database's table: make and end API keys, say what tenants are allowed, name a first namespace; and read
    what the health probe found.
    """
    for actions in (_READS, _PUTS):
        role.add_to_policy(_on_families(actions, table, (*API_KEYS, *GRANTS, *_CATALOG)))
    role.add_to_policy(_on_families(("dynamodb:GetItem", "dynamodb:Query"), table, ROUTING))


def grant_archives(role: iam.Role, bucket: BucketName) -> None:
    """Read archives of organizations: a link has the rights of who made it."""
    role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=[f"{bucket.arn}/{EXPORTS}"]))
    why = "An archive for each export, named by it."
    acknowledge_nag(role, {f"AwsSolutions-IAM5[Resource::{bucket.export}/{EXPORTS}]": why})


def grant_secrets(role: iam.Role, arns: Sequence[str]) -> None:
    """Read these secrets, which the settings of providers name."""
    if arns:
        role.add_to_policy(
            iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=list(arns))
        )


def _on_families(
    actions: Sequence[str], table: dynamodb.Table, families: Sequence[str]
) -> iam.PolicyStatement:
    # HAZARD: as in data_access: `ForAllValues` also holds where a request has no leading key, as a Scan has none.
    return iam.PolicyStatement(
        actions=list(actions),
        resources=[table.table_arn],
        conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(families)}},
    )
