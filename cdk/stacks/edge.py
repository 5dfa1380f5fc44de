"""Everything that CloudFront wants in its one region: the distribution, the web ACL, the certificate, its alarm.

Of the same region as the rest or not, this stack is always in us-east-1; CDK carries references across.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from cdk.constructs.alarms import Alarms
from cdk.constructs.custom_domain import CustomDomain
from cdk.constructs.distribution import ApiDistribution
from cdk.constructs.origin_secret import header_value
from cdk.constructs.rate_limit import RateLimit
from cdk.constructs.telemetry import edge_metric
from cdk.settings import Settings
from cdk.stacks.service import ServiceStack


class EdgeStack(Stack):
    """`distribution_id` and the URL that clients use."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        env: Environment,
        service: ServiceStack,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="QuartzDB: CloudFront",
            cross_region_references=True,
            termination_protection=settings.keep_data,
        )
        limit = settings.waf_requests_per_5_minutes
        edge = ApiDistribution(
            self,
            "Edge",
            api_url=service.api_url,
            search_url=service.search_url,
            secret_header=header_value(service.secret.arn, settings.origin_secret_version),
            price_class=settings.price_class,
            keep_logs=settings.keep_data,
            empty_logs=settings.empties_buckets,
            domain=self._domain(settings),
            rate_limit=(
                RateLimit(self, "RateLimit", name=settings.prefix, requests_per_5_minutes=limit)
                if limit is not None
                else None
            ),
        )
        self.distribution_id = edge.distribution.distribution_id
        alarms = Alarms(self, "Alarms", prefix=settings.prefix, email=settings.alarm_email)
        alarms.add(
            "edge-errors",
            edge_metric(self.distribution_id, "5xxErrorRate", statistic="Average", region=None),
            above=1,
            what="More than 1 % of requests get a 5xx answer.",
        )
        CfnOutput(self, "ApiUrl", value=edge.url, description="What clients use")
        CfnOutput(self, "DistributionId", value=self.distribution_id, description="CloudFront")

    def _domain(self, settings: Settings) -> CustomDomain | None:
        if settings.domain_name is None:
            return None
        return CustomDomain(
            self,
            "Domain",
            name=settings.domain_name,
            zone=settings.zone,
            certificate_arn=settings.certificate_arn,
        )
