"""CloudFront: one name for the API, searches to one function, the platform to its own, and all else to another.

No answer is cached, as each belongs to one key and one moment; the documentation is, where it is files. Limits that
bind here: a function's answer and request may have 6 MB, an address 8,192 bytes; a Lambda@Edge router reads at most the
first MB of a body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov, acknowledge_nag
from cdk.constructs.custom_domain import CustomDomain
from cdk.constructs.edge_router import SECOND_ATTEMPT_HEADER
from cdk.constructs.origin_secret import HEADER
from cdk.constructs.rate_limit import RateLimit
from cdk.function_paths import DOCS_PATHS, NAMED_PATHS, PLATFORM_PATHS, READ_PATHS, SEARCH_PATHS
from cdk.settings import PriceClass

_READ_TIMEOUT = Duration.seconds(35)
"""A little more than the functions' own, so that it is they who say what went wrong."""
_CONNECTS_WITHIN = Duration.seconds(3)
"""Each attempt. Whoever has not connected by then does not; and a read has another origin to go to."""
_KEEPALIVE = Duration.seconds(60)
_PRICE_CLASSES = {
    "100": cloudfront.PriceClass.PRICE_CLASS_100,
    "200": cloudfront.PriceClass.PRICE_CLASS_200,
    "all": cloudfront.PriceClass.PRICE_CLASS_ALL,
}


class ApiDistribution(Construct):
    """`distribution`, and `url` as clients use it.

    `routers` are functions at the edge, for every path of the database alike; `router_headers` are what CloudFront says
    to them, as headers of the origin that they keep to themselves. The platform is on AWS only, so nothing routes it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        api_url: lambda_.IFunctionUrl,
        search_url: lambda_.IFunctionUrl,
        platform_url: lambda_.IFunctionUrl | None = None,
        docs: cloudfront.BehaviorOptions | None = None,
        secret_header: str,
        price_class: PriceClass,
        domain: CustomDomain | None = None,
        rate_limit: RateLimit | None = None,
        routers: Sequence[cloudfront.EdgeLambda] = (),
        router_headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._secret_header = secret_header
        self._routers = list(routers)
        self._router_headers = dict(router_headers or {})
        self._headers = self._response_headers()
        general, searches = (self._behavior(self._origin(url)) for url in (api_url, search_url))
        reads = self._behavior_of_reads(api_url) if self._routers else None
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="QuartzDB",
            default_behavior=general,
            # The first that matches decides.
            additional_behaviors={
                **dict.fromkeys(NAMED_PATHS, general),
                **dict.fromkeys(SEARCH_PATHS, searches),
                **(dict.fromkeys(READ_PATHS, reads) if reads is not None else {}),
                **(dict.fromkeys(DOCS_PATHS, docs) if docs is not None else {}),
                **({PLATFORM_PATHS: self._platform(platform_url)} if platform_url is not None else {}),
            },
            domain_names=[domain.name] if domain else None,
            certificate=domain.certificate if domain else None,
            # With CloudFront's own certificate this is ignored, and CloudFront decides.
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=_PRICE_CLASSES[price_class],
            web_acl_id=rate_limit.arn if rate_limit else None,
        )
        if domain is not None:
            domain.point_to(self.distribution)
        self.url = f"https://{domain.name if domain else self.distribution.distribution_domain_name}"
        self._acknowledge(own_certificate=domain is not None, limited=rate_limit is not None)

    def _origin(self, url: lambda_.IFunctionUrl, **more: str) -> cloudfront.IOrigin:
        return self._origin_with(url, {HEADER: self._secret_header, **self._router_headers, **more})

    def _origin_with(self, url: lambda_.IFunctionUrl, headers: Mapping[str, str]) -> cloudfront.IOrigin:
        return origins.FunctionUrlOrigin(
            url,
            read_timeout=_READ_TIMEOUT,
            keepalive_timeout=_KEEPALIVE,
            connection_timeout=_CONNECTS_WITHIN,
            # Attempts to connect: what was sent once is never sent again, unless it is a GET or HEAD.
            connection_attempts=2,
            custom_headers=dict(headers),
        )

    def _platform(self, url: lambda_.IFunctionUrl) -> cloudfront.BehaviorOptions:
        origin = self._origin_with(url, {HEADER: self._secret_header})
        return self._behavior(origin, routed=False)

    def _behavior_of_reads(self, url: lambda_.IFunctionUrl) -> cloudfront.BehaviorOptions:
        # Both are the same origin to CloudFront: it is the router that sends a second attempt elsewhere.
        group = origins.OriginGroup(
            primary_origin=self._origin(url),
            fallback_origin=self._origin(url, **{SECOND_ATTEMPT_HEADER: "1"}),
            fallback_status_codes=[500, 502, 503, 504],
        )
        return self._behavior(group, cloudfront.AllowedMethods.ALLOW_GET_HEAD_OPTIONS)

    def _behavior(
        self,
        origin: cloudfront.IOrigin,
        methods: cloudfront.AllowedMethods = cloudfront.AllowedMethods.ALLOW_ALL,
        *,
        routed: bool = True,
    ) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=origin,
            allowed_methods=methods,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            # Everything but Host, by which a Function URL knows itself.
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            response_headers_policy=self._headers,
            # An API key that was sent in the clear is a lost one, so there is nothing to redirect.
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            compress=True,
            edge_lambdas=(self._routers or None) if routed else None,
        )

    def _response_headers(self) -> cloudfront.ResponseHeadersPolicy:
        # The application sends its own where it knows better (the page of /docs its policy of content): those stay.
        return cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            comment="QuartzDB: where the application says nothing",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(730), include_subdomains=False, override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy="default-src 'none'; frame-ancestors 'none'", override=False
                ),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=False
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=False
                ),
            ),
            remove_headers=["x-amzn-trace-id"],
        )

    def _acknowledge(self, *, own_certificate: bool, limited: bool) -> None:
        logged = "Logged by EdgeLogs, which chooses the fields; the older kind that this looks for has paths."
        nag = {
            "AwsSolutions-CFR1": "A database is called from wherever its users' programs run.",
            "AwsSolutions-CFR3": logged,
        }
        checkov = {
            "CKV_AWS_86": logged,
            "CKV_AWS_305": "An API has no page at its root but the one that the application answers.",
            "CKV_AWS_310": "Both origins run the same application on the same data; failing over is the router's part.",
            "CKV_AWS_374": "A database is called from wherever its users' programs run.",
            "CKV2_AWS_47": "There is no Java here. Rules that read bodies would refuse users' own bytes.",
            "CKV2_AWS_32": "The response headers policy is attached; it is a resource of its own.",
        }
        if not own_certificate:
            why = "CloudFront's own certificate admits older TLS and cannot be told not to; a domain_name enforces 1.2."
            nag["AwsSolutions-CFR4"] = why
            checkov["CKV_AWS_174"] = why
            checkov["CKV2_AWS_42"] = why
        if not limited:
            nag["AwsSolutions-CFR2"] = "Switched off by the operator (waf_requests_per_5_minutes)."
            checkov["CKV_AWS_68"] = nag["AwsSolutions-CFR2"]
        acknowledge_nag(self.distribution, nag)
        acknowledge_checkov(self.distribution, checkov)
