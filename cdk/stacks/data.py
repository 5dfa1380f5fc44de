"""The data of a deployment: the table and the bucket. Code may be replaced at any time; these two must never be.

They are a stack of their own so that no change to functions or routing can touch them, and where data is kept both
outlive it.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from cdk.constructs.data_access import BucketName
from cdk.constructs.data_bucket import DataBucket
from cdk.constructs.data_table import DataTable
from cdk.settings import Settings


class DataStack(Stack):
    """The log, key-value items and catalog in one table; segments, manifests and large values in one bucket."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, env: Environment) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="QuartzDB: the table and the bucket",
            termination_protection=settings.keep_data,
        )
        self.table = DataTable(self, "Data", keep=settings.keep_data).table
        self.bucket = DataBucket(
            self, "Blobs", keep=settings.keep_data, empty=settings.empties_buckets
        ).bucket
        # By a name of our own, because acknowledged findings of the policies that use it have to name it.
        export = f"{settings.prefix}-bucket-arn"
        self.bucket_name = BucketName(self.export_value(self.bucket.bucket_arn, name=export), export)
        CfnOutput(
            self, "TableName", value=self.table.table_name, description="Log, key-values, catalog, keys"
        )
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name, description="Segments and large values")
