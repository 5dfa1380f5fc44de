"""Everything that CloudFront wants in its one region: the distribution, the web ACL, the certificate, its alarm.

Of the same region as the rest or not, this stack is always in us-east-1; CDK carries references across.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

import quartzdb
from cdk.artifacts import Artifacts
from cdk.constructs.alarms import Alarms
from cdk.constructs.custom_domain import CustomDomain
from cdk.constructs.data_access import ROUTING_STATE
from cdk.constructs.distribution import ApiDistribution
from cdk.constructs.docs_site import DocsSite
from cdk.constructs.edge_logs import EdgeLogs
from cdk.constructs.edge_router import ADDRESSES_HEADER, EdgeRouter, addresses
from cdk.constructs.failover import Failover
from cdk.constructs.origin_secret import CLOUDFLARE_HEADER, header_value
from cdk.constructs.rate_limit import RateLimit
from cdk.constructs.telemetry import edge_metric, router_failures
from cdk.settings import Settings
from cdk.stacks.data import DataStack
from cdk.stacks.platform import PlatformStack
from cdk.stacks.service import ServiceStack
from docsite.plain import page_addresses
from quartzdb.routing.decision.edge_config import CLOUDFLARE_SURFACE, EdgeConfig, EdgeOrigin
from quartzdb.routing.decision.state import Mode, Origin, RoutingState


class EdgeStack(Stack):
    """`distribution_id` and the URL that clients use."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        env: Environment,
        artifacts: Artifacts,
        data_stack: DataStack,
        service: ServiceStack,
        platform: PlatformStack | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="QuartzDB: CloudFront",
            cross_region_references=True,
            termination_protection=settings.keep_data,
        )
        router = None
        if service.failover is not None:
            router = self._router(settings, artifacts, data_stack, service.failover)
        docs = None
        if settings.docs:
            docs = DocsSite(
                self,
                "Docs",
                version=quartzdb.__version__,
                pages=page_addresses(),
                keep=settings.keep_data,
                empty=settings.empties_buckets,
            )
            CfnOutput(
                self, "DocsBucket", value=docs.bucket.bucket_name, description="The documentation's files"
            )
        limit = settings.waf_requests_per_5_minutes
        edge = ApiDistribution(
            self,
            "Edge",
            api_url=service.api_url,
            search_url=service.search_url,
            platform_url=platform.url if platform else None,
            docs=docs.behavior if docs else None,
            secret_header=header_value(service.secret.arn, settings.origin_secret_version),
            price_class=settings.price_class,
            domain=self._domain(settings),
            rate_limit=(
                RateLimit(self, "RateLimit", name=settings.prefix, requests_per_5_minutes=limit)
                if limit is not None
                else None
            ),
            routers=router.associations if router else (),
            router_headers=(
                self._router_headers(settings, data_stack, service.failover) if service.failover else None
            ),
        )
        self.distribution_id = edge.distribution.distribution_id
        if settings.edge_logs:
            EdgeLogs(
                self,
                "Logs",
                name=settings.prefix,
                distribution=edge.distribution,
                keep=settings.keep_data,
                empty=settings.empties_buckets,
            )
        alarms = Alarms(
            self,
            "Alarms",
            prefix=settings.prefix,
            email=settings.alarm_email,
            arithmetic=settings.alarm_arithmetic,
        )
        alarms.add(
            "edge-errors",
            edge_metric(self.distribution_id, "5xxErrorRate", statistic="Average", region=None),
            above=1,
            what="More than 1 % of requests get a 5xx answer.",
        )
        if router is not None:
            alarms.add(
                "router-errors",
                router_failures(self.distribution_id, region=None),
                above=0,
                minutes=3,
                of_minutes=15,
                what="The router at the edge fails, or gives CloudFront what it does not take.",
            )
        CfnOutput(self, "ApiUrl", value=edge.url, description="What clients use")
        CfnOutput(self, "DistributionId", value=self.distribution_id, description="CloudFront")

    def _router(
        self, settings: Settings, artifacts: Artifacts, data_stack: DataStack, failover: Failover
    ) -> EdgeRouter:
        primary = Origin(settings.primary_origin)
        config = EdgeConfig(
            origins={
                Origin.AWS: EdgeOrigin(None),
                Origin.CLOUDFLARE: EdgeOrigin(settings.cloudflare_domain, surface=CLOUDFLARE_SURFACE),
            },
            region=settings.region,
            initial=RoutingState(1, 1, primary, Mode.DIRECT, 0, "built in", primary=primary),
        )
        return EdgeRouter(
            self,
            "Router",
            prefix=settings.prefix,
            bundle=artifacts.edge_bundle(settings.prefix, config),
            state_object_arn=f"{data_stack.bucket.bucket_arn}/{ROUTING_STATE}",
            queue_arns=[queue.queue_arn for queue in failover.edge_queues],
        )

    def _router_headers(
        self, settings: Settings, data_stack: DataStack, failover: Failover
    ) -> dict[str, str]:
        state = f"https://{data_stack.bucket.bucket_regional_domain_name}/{ROUTING_STATE}"
        return {
            CLOUDFLARE_HEADER: header_value(
                failover.cloudflare_secret.arn, settings.cloudflare_secret_version
            ),
            ADDRESSES_HEADER: addresses(
                state=state,
                passive=failover.reports.queue.queue_url,
                mirror=failover.mirror.queue.queue_url if failover.mirror else None,
            ),
        }

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
