"""The web ACL in front of CloudFront: how many requests one address may make. Lives in the edge's region only."""

from __future__ import annotations

import json

from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov

_WINDOW_SECONDS = 300
_PROBLEM = {
    "type": "about:blank",
    "title": "Too Many Requests",
    "status": 429,
    "code": "rate_limited",
    "detail": "This address sends too many requests.",
    "hint": f"Send fewer; the count is over {_WINDOW_SECONDS} seconds.",
}
_BODY = "problem"


class RateLimit(Construct):
    """`arn` of the web ACL. It answers like the API's own limits: 429 with Retry-After, as a problem document."""

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, requests_per_5_minutes: int
    ) -> None:
        super().__init__(scope, construct_id)
        acl = waf.CfnWebACL(
            self,
            "Acl",
            name=name,
            scope="CLOUDFRONT",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            custom_response_bodies={
                _BODY: waf.CfnWebACL.CustomResponseBodyProperty(
                    content=json.dumps(_PROBLEM), content_type="APPLICATION_JSON"
                )
            },
            rules=[
                waf.CfnWebACL.RuleProperty(
                    name="requests-per-address",
                    priority=0,
                    statement=waf.CfnWebACL.StatementProperty(
                        rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
                            aggregate_key_type="IP",
                            limit=requests_per_5_minutes,
                            evaluation_window_sec=_WINDOW_SECONDS,
                        )
                    ),
                    action=waf.CfnWebACL.RuleActionProperty(
                        block=waf.CfnWebACL.BlockActionProperty(
                            custom_response=waf.CfnWebACL.CustomResponseProperty(
                                response_code=429,
                                custom_response_body_key=_BODY,
                                response_headers=[
                                    waf.CfnWebACL.CustomHTTPHeaderProperty(name="Retry-After", value="60")
                                ],
                            )
                        )
                    ),
                    visibility_config=_seen_as("requests-per-address"),
                )
            ],
            visibility_config=_seen_as(name),
        )
        self.arn = acl.attr_arn
        acknowledge_checkov(
            acl,
            {
                "CKV_AWS_192": "There is no Java here. Rules that read bodies would refuse users' own bytes.",
                "CKV2_AWS_31": "Metrics are kept; a log, like samples, would hold the API keys of clients.",
            },
        )


def _seen_as(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True,
        metric_name=name,
        # A sample has all headers of a request, the API key in Authorization too, for everyone who may look at the ACL.
        sampled_requests_enabled=False,
    )
