"""The three layers that `make layers` wrote: libraries, engines, and this project's package."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.artifacts import Artifacts
from cdk.settings import Architecture

RUNTIME = lambda_.Runtime.PYTHON_3_13
LAYER_NAMES = ("api", "engines", "quartzdb")
_ARCHITECTURES = {"x86_64": lambda_.Architecture.X86_64, "arm64": lambda_.Architecture.ARM_64}


class DependencyLayers(Construct):
    """`versions`, in the order in which functions take them. A layer is replaced only when its content changed."""

    def __init__(
        self, scope: Construct, construct_id: str, *, artifacts: Artifacts, architecture: Architecture
    ) -> None:
        super().__init__(scope, construct_id)
        self.architecture = _ARCHITECTURES[architecture]
        self.versions = [
            lambda_.LayerVersion(
                self,
                name.capitalize(),
                code=lambda_.Code.from_asset(str(artifacts.layer(architecture, name))),
                compatible_runtimes=[RUNTIME],
                compatible_architectures=[self.architecture],
                description=f"QuartzDB {name}, {architecture}",
                removal_policy=RemovalPolicy.DESTROY,
            )
            for name in LAYER_NAMES
        ]
