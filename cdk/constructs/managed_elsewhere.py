"""A site whose API keys and grants are managed at another one, which signs them: this one verifies, and answers.

Only where a `managing_site` is set. The other site drives replication, so there is no function of its own here.
"""

from __future__ import annotations

from collections.abc import Callable

from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk.constructs import data_access as data
from cdk.constructs.data_access import DataAccess
from cdk.constructs.database_function import DatabaseFunction
from cdk.constructs.origin_secret import OriginSecret
from cdk.settings import Settings

TAKES_GRANTS = DataAccess(reads=(), writes=data.GRANTS, gets=())
"""Elsewhere operators alone say what a tenant is allowed. Here the function that answers stores what the other site has
signed.
"""


class ManagedElsewhere(Construct):
    """`beside` lets a function read how far the other site has come."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        assert settings.managing_site is not None
        assert settings.managing_site_public_keys is not None
        self.replication_secret = OriginSecret(
            self,
            "ReplicationSecret",
            what="what the two sites prove themselves to each other with",
            at_edge=False,
        )
        self._environment = {
            "QUARTZDB_PEER_SITE": settings.managing_site,
            "QUARTZDB_PEER_KIND": "full",
            "QUARTZDB_API_KEYS_GO": "here",
            "QUARTZDB_PEER_PUBLIC_KEYS": settings.managing_site_public_keys,
            "QUARTZDB_SHARED_NAMESPACES": settings.shared_namespaces,
            "QUARTZDB_REPLICATION_SECRET_ARN": self.replication_secret.arn,
        }
        if settings.shared_tenants is not None:
            self._environment["QUARTZDB_SHARED_TENANTS"] = settings.shared_tenants

    def join(self, function: DatabaseFunction, beside: Callable[[iam.Role], None]) -> None:
        """Have a function know that its site is one of two."""
        for name, value in self._environment.items():
            function.function.add_environment(name, value)
        beside(function.role)

    def answers(self, function: DatabaseFunction) -> None:
        """Let this one know the secret of the two sites: it answers the other."""
        self.replication_secret.grant_read(function.role)

    def outputs(self) -> list[tuple[str, str, str]]:
        """Name, value and description of what an operator needs."""
        arn = self.replication_secret.arn
        return [("ReplicationSecretArn", arn, "Set it at the managing site: docs/runbook.md")]
