"""Layers that `make layers` wrote: the database's libraries, engines and package; what the platform has beside them."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.artifacts import Artifacts
from cdk.settings import Architecture

RUNTIME = lambda_.Runtime.PYTHON_3_13
DATABASE_LAYERS = ("api", "engines", "quartzdb")
PLATFORM_LAYERS = ("api", "quartzdb", "platform")
SIGNING = "signing"
BILLING = "billing"
_ARCHITECTURES = {"x86_64": lambda_.Architecture.X86_64, "arm64": lambda_.Architecture.ARM_64}


class DependencyLayers(Construct):
    """`versions`, in the order in which functions take them. A layer is replaced only when its content changed."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        artifacts: Artifacts,
        architecture: Architecture,
        names: Sequence[str] = DATABASE_LAYERS,
    ) -> None:
        super().__init__(scope, construct_id)
        self.architecture = _ARCHITECTURES[architecture]
        self._artifacts = artifacts
        self._name = architecture
        self._signing: lambda_.LayerVersion | None = None
        self._billing: lambda_.LayerVersion | None = None
        self.versions = [self._version(name) for name in names]

    @property
    def signing(self) -> lambda_.LayerVersion:
        """What the one function has beside these that signs API keys."""
        if self._signing is None:
            self._signing = self._version(SIGNING)
        return self._signing

    @property
    def billing(self) -> lambda_.LayerVersion:
        """What the one function has beside these that asks Stripe."""
        if self._billing is None:
            self._billing = self._version(BILLING)
        return self._billing

    def _version(self, name: str) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            name.capitalize(),
            code=lambda_.Code.from_asset(str(self._artifacts.layer(self._name, name))),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[self.architecture],
            description=f"QuartzDB {name}, {self._name}",
            removal_policy=RemovalPolicy.DESTROY,
        )
