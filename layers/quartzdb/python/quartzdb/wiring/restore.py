"""The composition root of a restoration. Apart from `wiring.aws`, which every function imports when it starts."""

from __future__ import annotations

from dataclasses import replace

from quartzdb.adapters.aws.dynamodb_copy import DynamoTableCopy
from quartzdb.adapters.aws.dynamodb_keyvalue import DynamoKeyValue
from quartzdb.adapters.aws.s3_versions import S3Versions
from quartzdb.maintenance.restoration import Restoration
from quartzdb.storage.snapshot.store import SnapshotStore
from quartzdb.wiring.aws import AwsSettings, aws_adapters
from quartzdb.wiring.erasure_replay import erasure_replay


def open_restoration(settings: AwsSettings, *, restored_table: str | None = None) -> Restoration:
    """Of table and bucket, to the moment of `restored_table`. None: the table itself is of that moment already.

    Raises InvalidArgument where both are one.
    """
    clients = settings.clients()
    adapters = aws_adapters(replace(settings, table=restored_table or settings.table), clients=clients)
    deployed = aws_adapters(settings, clients=clients)
    values = DynamoKeyValue(clients.table(settings.table, deployed.clock), deployed.blobs)
    return Restoration(
        S3Versions(clients.s3, settings.bucket, adapters.clock),
        catalog=adapters.catalog,
        log=adapters.log,
        store=SnapshotStore(adapters.blobs),
        clock=adapters.clock,
        erase_again=erasure_replay(deployed, settings.site, settings.work_dir).run,
        drop_unnamed=values.drop_unnamed,
        copy=(
            DynamoTableCopy(clients.dynamodb, restored_table, settings.table, adapters.clock)
            if restored_table is not None
            else None
        ),
        deployed=deployed.catalog if restored_table is not None else None,
    )
