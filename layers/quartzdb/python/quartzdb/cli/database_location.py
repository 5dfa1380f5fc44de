"""Where the database of a command is: a data directory, or a table and a bucket of AWS. Owns the options that say so.

boto3 is imported only when a database on AWS is opened: everything else is as fast without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click
from click.core import ParameterSource

from quartzdb.cli.data_dir import data_dir_option, open_database, require_database
from quartzdb.domain.values import dataclass

if TYPE_CHECKING:
    from quartzdb.replication.retention import RecordedRetention
    from quartzdb.storage.ports import Retention
    from quartzdb.wiring.aws import AwsSettings
    from quartzdb.wiring.embedded import Database


class DatabaseLocation(Protocol):
    """One database, opened when it is needed."""

    def open(
        self,
        *,
        create: bool = False,
        default_engine: str = "auto",
        retention: Retention | None = None,
        keep_changes: bool = False,
    ) -> Database:
        """The database; with `create`, a new one where a new one can be made. Raises Failure, QuartzError.

        `default_engine`, `retention` and `keep_changes` are for commands that build segments.
        """
        ...

    def recorded_retention(self) -> RecordedRetention:
        """What must be kept for the other of two sites, where it is one of two. Raises Failure, QuartzError."""
        ...

    @property
    def imports(self) -> Path:
        """The directory for the checkpoints of imports into this database."""
        ...

    def document(self) -> dict[str, str]:
        """Its name, for answers in JSON."""
        ...


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """A database in a directory of this machine."""

    path: Path

    def open(
        self,
        *,
        create: bool = False,
        default_engine: str = "auto",
        retention: Retention | None = None,
        keep_changes: bool = False,
    ) -> Database:
        """Raises Failure where there is none, unless `create`."""
        return open_database(
            self.path,
            create=create,
            default_engine=default_engine,
            retention=retention,
            keep_changes=keep_changes,
        )

    def recorded_retention(self) -> RecordedRetention:
        """By what its server has noted. Raises Failure where there is no database."""
        require_database(self.path)
        from quartzdb.replication.retention import RecordedRetention
        from quartzdb.wiring.replication import embedded_replication

        adapters = embedded_replication(self.path)
        return RecordedRetention(adapters.checkpoints, adapters.clock)

    @property
    def imports(self) -> Path:
        """Beside the data, so that they go where the data go."""
        return self.path / "imports"

    def document(self) -> dict[str, str]:
        """The directory."""
        return {"data_dir": str(self.path)}


@dataclass(frozen=True, slots=True)
class Deployment:
    """A database on AWS. Its table and bucket are made by deploying, never by a command."""

    table: str
    bucket: str
    region: str | None

    def open(
        self,
        *,
        create: bool = False,
        default_engine: str = "auto",
        retention: Retention | None = None,
        keep_changes: bool = False,
    ) -> Database:
        """Raises Unavailable where the table cannot be read, is none of ours, or nobody is signed in."""
        del create  # a mistyped name must not become a new table
        from quartzdb.domain.limits import KEPT_FOR_EVER_MS
        from quartzdb.domain.namespace import DEFAULT_NAMESPACE, EngineChoice
        from quartzdb.wiring.aws import open_aws

        database = open_aws(
            replace(
                self.settings(),
                default_engine=EngineChoice(default_engine),
                changes_kept_ms=KEPT_FOR_EVER_MS if keep_changes else 0,
            ),
            retention=retention,
        )
        # One read before anything is written: what is wrong with the place should be said at once.
        database.catalog.get(database.tenant, DEFAULT_NAMESPACE)
        return database

    def recorded_retention(self) -> RecordedRetention:
        """By how far replication is there."""
        from quartzdb.replication.retention import RecordedRetention
        from quartzdb.wiring.replication_aws import aws_replication

        adapters = aws_replication(self.settings())
        return RecordedRetention(adapters.checkpoints, adapters.clock)

    def settings(self) -> AwsSettings:
        """For the composition root. Copies of segments are kept in the user's cache, for the next command."""
        from quartzdb.wiring.aws import AwsSettings

        return AwsSettings(self.table, self.bucket, region=self.region, work_dir=_cache())

    @property
    def imports(self) -> Path:
        """On this machine. A table that was restored has another name, so nothing goes on from what it lost."""
        name = hashlib.blake2b(f"{self.region}/{self.table}".encode(), digest_size=8).hexdigest()
        return _cache() / f"imports-{name}"

    def document(self) -> dict[str, str]:
        """The table and the bucket."""
        return {"table": self.table, "bucket": self.bucket}


_AWS_OPTIONS = [
    click.option(
        "--table",
        envvar="QUARTZDB_TABLE",
        show_envvar=True,
        help="The DynamoDB table of a database on AWS, instead of --data-dir.",
    ),
    click.option(
        "--bucket", envvar="QUARTZDB_BUCKET", show_envvar=True, help="The S3 bucket that belongs to it."
    ),
    click.option(
        "--region",
        # The SDK itself knows only the second, other tools of AWS only the first.
        envvar=["AWS_REGION", "AWS_DEFAULT_REGION"],
        help="Where they are. Default: AWS_REGION, AWS_DEFAULT_REGION, or what the AWS profile says.",
    ),
]


def location_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of both kinds, and calls it with `location`."""

    @wraps(command)
    def with_location(
        *, data_dir: Path, table: str | None, bucket: str | None, region: str | None, **others: Any
    ) -> None:
        command(location=_chosen(data_dir, table, bucket, region), **others)

    return data_dir_option(_aws_options(with_location))


def deployment_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command that makes sense on AWS only the options of AWS, and calls it with `deployment`."""

    @wraps(command)
    def with_deployment(*, table: str | None, bucket: str | None, region: str | None, **others: Any) -> None:
        command(deployment=_deployment(table, bucket, region), **others)

    return _aws_options(with_deployment)


def _aws_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_AWS_OPTIONS):
        command = option(command)
    return command


def _chosen(data_dir: Path, table: str | None, bucket: str | None, region: str | None) -> DatabaseLocation:
    """What is said on the command line goes before the environment; two places at once are a mistake."""
    on_aws = {_source("table"), _source("bucket")}
    typed, exported = ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT
    directory = _source("data_dir")
    for source, ways in (
        (typed, "Give either --data-dir, or --table and --bucket."),
        (
            exported,
            "Both QUARTZDB_DATA_DIR and QUARTZDB_TABLE are set: say on the command line which one is meant.",
        ),
    ):
        if directory is source and source in on_aws:
            raise click.UsageError(ways)
        if directory is source:
            break
        if source in on_aws:
            return _deployment(table, bucket, region)
    if _source("region") is typed:
        raise click.UsageError("--region belongs to --table and --bucket.")
    return DataDirectory(data_dir)


def _deployment(table: str | None, bucket: str | None, region: str | None) -> Deployment:
    if not table or not bucket:
        raise click.UsageError(
            "A database on AWS is a table and a bucket: give both --table and --bucket. "
            "The outputs TableName and BucketName of its data stack name them."
        )
    return Deployment(table, bucket, region)


def _source(parameter: str) -> ParameterSource | None:
    return click.get_current_context().get_parameter_source(parameter)


def _cache() -> Path:
    return Path.home() / ".cache" / "quartzdb"
