"""What a function may do with the table and the bucket, and nothing more.

A partition key begins with the family of its items (docs/adr/0006-one-dynamodb-table.md). Rights are given by family,
so that what reads searches cannot write, and what builds segments sees no key-value and no API key. Objects are told
apart in the same way by their prefix (quartzdb.adapters.aws.s3_places).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from cdk.acknowledged import acknowledge_nag
from cdk.constructs.data_table import FEED_INDEX
from quartzdb.adapters.aws import s3_places

LOG = ("LOG#*", "LOGS", "CURRENT#*")
"""Entries, and what pointers were not long ago."""

KEY_VALUES = ("KV#*",)
NAMESPACES = ("NAMESPACES#*", "TENANTS", "CONDEMNED")
API_KEYS = ("KEY#*", "KEYS#*")
GRANTS = ("GRANTS",)
"""What each tenant is allowed: said by operators, and read with the API key."""
RATES = ("RATE#*",)
"""What is left of rates: leased by whatever answers requests."""
LEASES = ("LEASE#*", "PENDING_WORK")
"""Who does what, and where something is left to do."""
PENDING_WORK = ("PENDING_WORK",)
IDEMPOTENCY = ("IDEMPOTENCY#*",)
CHECKPOINTS = ("CHECKPOINTS",)
"""How far replication is, in each direction."""

ROUTING = ("ORIGIN",)
"""Which origin is active, and what the probe remembers."""
CANARY_KEYS = ("KEY#ca0a27*", "KEYS#canary")
"""The health probe's own, and no other API keys: quartzdb.routing.probe.canary."""
PROBE_LEASE = ("LEASE#health-probe",)
REPLICATION_LEASE = ("LEASE#replicator",)

SEGMENTS = f"{s3_places.SEGMENTS}*"
LOG_BODIES = f"{s3_places.LOG_BODIES}*"
VALUES = f"{s3_places.VALUES}*"
POINTERS = f"{s3_places.POINTERS}*"
REMINDERS = f"{s3_places.ERASURES}*"
"""What was erased, by keyed hashes; written, and read by who restores alone."""
REMINDER_KEYS = f"{s3_places.ERASURES}keys/*"
EXPORTS = f"{s3_places.EXPORTS}*"
"""Archives of what tenants have, for the organizations that they are of."""
ROUTING_STATE = "routing/state.json"
"""What the edge reads."""

_READS = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
_WRITES = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem")


@dataclass(frozen=True, slots=True)
class BucketName:
    """A bucket of another stack: its ARN, and the name under which that stack exports it."""

    arn: str
    export: str


@dataclass(frozen=True, slots=True)
class DataAccess:
    """Families of items to read, to write and to update alone (a transaction needs the rights of its parts), and
    prefixes of objects.
    """

    reads: Sequence[str]
    writes: Sequence[str] = ()
    updates: Sequence[str] = ()
    walks_feed: bool = False
    gets: Sequence[str] = (SEGMENTS, LOG_BODIES, POINTERS)
    puts: Sequence[str] = ()
    deletes: Sequence[str] = ()

    def grant(self, role: iam.Role, table: dynamodb.Table, bucket: BucketName) -> None:
        """Put it into a role, one statement for each kind of right."""
        self._on_items(role, table, _READS, self.reads)
        self._on_items(role, table, _WRITES, self.writes)
        self._on_items(role, table, ("dynamodb:UpdateItem",), self.updates)
        if self.walks_feed:
            # The feed's key is the partition key of the items in it.
            feed = f"{table.table_arn}/index/{FEED_INDEX}"
            role.add_to_policy(_statement(["dynamodb:Query"], [feed], KEY_VALUES))
        if self.gets:
            # Without it S3 answers 403 instead of 404 for what is not there. A condition on the prefix would bring the
            # 403 back, because a GET has none.
            role.add_to_policy(_statement(["s3:ListBucket"], [bucket.arn]))
        self._on_objects(role, bucket, ["s3:GetObject"], self.gets)
        # An upload in parts that fails is taken back.
        self._on_objects(role, bucket, ["s3:PutObject", "s3:AbortMultipartUpload"], self.puts)
        self._on_objects(role, bucket, ["s3:DeleteObject"], self.deletes)

    def _on_items(
        self, role: iam.Role, table: dynamodb.Table, actions: Sequence[str], families: Sequence[str]
    ) -> None:
        if families:
            role.add_to_policy(_statement(actions, [table.table_arn], families))

    def _on_objects(
        self, role: iam.Role, bucket: BucketName, actions: Sequence[str], prefixes: Sequence[str]
    ) -> None:
        if not prefixes:
            return
        role.add_to_policy(_statement(actions, [f"{bucket.arn}/{prefix}" for prefix in prefixes]))
        why = "Object keys are made at run time; their prefix is all that can be known."
        acknowledge_nag(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{bucket.export}/{prefix}]": why
                for prefix in prefixes
                if prefix.endswith("*")
            },
        )


def _statement(
    actions: Sequence[str], resources: Sequence[str], families: Sequence[str] = ()
) -> iam.PolicyStatement:
    # HAZARD: `ForAllValues` also holds where a request has no leading key at all. Only Scan, PartiQL and exports have
    # none, and none of them is granted anywhere.
    conditions = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(families)}} if families else None
    return iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)
