"""The database that a function was deployed with, as the composition roots want it described."""

from __future__ import annotations

from quartzdb.aws_lambda.settings import FunctionSettings
from quartzdb.wiring.aws import AwsSettings


def database_settings(settings: FunctionSettings) -> AwsSettings:
    """From the function's settings."""
    return AwsSettings(
        table=settings.table,
        bucket=settings.bucket,
        site=settings.site,
        region=settings.region,
        work_dir=settings.work_dir,
        cache_bytes_max=settings.disk_cache_bytes_max,
        fetched_bytes_max=settings.fetched_bytes_max,
        index_threads=settings.index_threads,
        default_engine=settings.default_engine,
        endpoints=settings.endpoints,
    )
