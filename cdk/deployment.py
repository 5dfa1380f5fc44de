"""One deployment: which stacks there are, in which region each, and what each gets from the others."""

from __future__ import annotations

from aws_cdk import App, Environment, Tags

from cdk.acknowledged import acknowledge_helpers
from cdk.artifacts import Artifacts
from cdk.settings import EDGE_REGION, Settings, read_settings
from cdk.stacks.data import DataStack
from cdk.stacks.edge import EdgeStack
from cdk.stacks.observability import ObservabilityStack
from cdk.stacks.platform import PlatformStack
from cdk.stacks.service import ServiceStack

_CDK_FEATURES = (
    # S3 delivers access logs by a bucket policy: a bucket with ACLs is one more thing to get wrong.
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy",
    # HAZARD: without it a new layer makes no new version of a function, and the alias goes on naming the old code.
    "@aws-cdk/aws-lambda:recognizeLayerVersion",
    "@aws-cdk/aws-lambda:recognizeVersionProps",
)


def build(app: App, *, artifacts: Artifacts | None = None) -> Settings:
    """Put every stack into the app, not yet synthesised. Raises InvalidSetting and NotBuilt.

    The account is whichever the credentials belong to, so that synthesis needs none.
    """
    context = app.node.get_all_context()
    settings = read_settings(context)
    for flag in _CDK_FEATURES:
        app.node.set_context(flag, True)
    home = Environment(region=settings.region)
    data_stack = DataStack(app, f"{settings.prefix}-data", settings=settings, env=home)
    artifacts = artifacts or Artifacts.named_by(context)
    service = ServiceStack(
        app,
        f"{settings.prefix}-service",
        settings=settings,
        env=home,
        artifacts=artifacts,
        data_stack=data_stack,
    )
    platform = (
        PlatformStack(
            app,
            f"{settings.prefix}-platform",
            settings=settings,
            env=home,
            artifacts=artifacts,
            data_stack=data_stack,
            service=service,
        )
        if settings.platform
        else None
    )
    edge = (
        EdgeStack(
            app,
            f"{settings.prefix}-edge",
            settings=settings,
            env=Environment(region=EDGE_REGION),
            artifacts=artifacts,
            data_stack=data_stack,
            service=service,
            platform=platform,
        )
        if settings.cloudfront
        else None
    )
    observability = ObservabilityStack(
        app,
        f"{settings.prefix}-observability",
        settings=settings,
        env=home,
        data_stack=data_stack,
        service=service,
        edge=edge,
        platform=platform,
    )
    for stack in (data_stack, service, platform, edge, observability):
        if stack is not None:
            acknowledge_helpers(stack)
    Tags.of(app).add("quartzdb:environment", settings.environment)
    return settings
