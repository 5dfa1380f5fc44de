"""Who the platform's mail comes from: a domain at SES, signed with DKIM, and what becomes of mail that comes back.

Addresses that bounced or complained are not written to again: SES keeps that list for the account, and tells `events`.
"""

from __future__ import annotations

from aws_cdk import ArnFormat, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov
from cdk.constructs.alarms import PERIOD


class PlatformMail(Construct):
    """`environment` is what a function that sends is told. DNS records are made in a `zone` of ours, or put out."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        prefix: str,
        domain: str,
        zone: tuple[str, str] | None,
        proved: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        self.configuration_set = f"{prefix}-platform"
        self._sender = f"no-reply@{domain}"
        configuration = ses.ConfigurationSet(
            self,
            "ConfigurationSet",
            configuration_set_name=self.configuration_set,
            # A code to sign in is not sent in the clear: whose server has no TLS gets none.
            tls_policy=ses.ConfigurationSetTlsPolicy.REQUIRE,
            reputation_metrics=True,
            suppression_reasons=ses.SuppressionReasons.BOUNCES_AND_COMPLAINTS,
        )
        self.events = sns.Topic(self, "Events", display_name=f"{prefix} mail", enforce_ssl=True)
        self.events.apply_removal_policy(RemovalPolicy.DESTROY)
        configuration.add_event_destination(
            "Returned",
            destination=ses.EventDestination.sns_topic(self.events),
            events=[ses.EmailSendingEvent.BOUNCE, ses.EmailSendingEvent.COMPLAINT],
        )
        acknowledge_checkov(
            self.events,
            {
                "CKV_AWS_26": "SES cannot publish through SNS's own key; a notification has an address, and no mail: "
                "docs/adr/0008-managed-keys.md."
            },
        )
        identity = ses.EmailIdentity(
            self,
            "Identity",
            identity=ses.Identity.domain(domain),
            configuration_set=configuration,
            feedback_forwarding=False,  # nobody reads no-reply
        )
        self._proved = proved
        if proved:
            in_zone = zone is not None and f".{domain}".endswith(f".{zone[1]}")
            self._prove(identity, zone[0] if zone is not None and in_zone else None)
        self.environment = {
            "QUARTZDB_PLATFORM_SENDER": f"QuartzDB <{self._sender}>",
            "QUARTZDB_PLATFORM_CONFIGURATION_SET": self.configuration_set,
        }
        stack = Stack.of(self)
        self._resources = [
            identity.email_identity_arn,
            stack.format_arn(
                service="ses",
                resource="configuration-set",
                resource_name=self.configuration_set,
                arn_format=ArnFormat.SLASH_RESOURCE_NAME,
            ),
        ]

    def _prove(self, identity: ses.EmailIdentity, zone_id: str | None) -> None:
        """By keys in the domain's zone, where SES looks for them."""
        records = [
            (identity.dkim_dns_token_name1, identity.dkim_dns_token_value1),
            (identity.dkim_dns_token_name2, identity.dkim_dns_token_value2),
            (identity.dkim_dns_token_name3, identity.dkim_dns_token_value3),
        ]
        for number, (name, value) in enumerate(records, 1):
            if zone_id is not None:
                route53.CfnRecordSet(
                    self,
                    f"Dkim{number}",
                    hosted_zone_id=zone_id,
                    name=name,
                    type="CNAME",
                    resource_records=[value],
                    ttl="1800",
                )
            else:
                CfnOutput(
                    Stack.of(self),
                    f"MailRecord{number}",
                    value=f"{name} CNAME {value}",
                    description="Put it into the zone of mail_domain: docs/runbook.md",
                )

    def grant_send(self, role: iam.Role) -> None:
        """Let a function send, as this sender and with this configuration set only."""
        role.add_to_policy(
            iam.PolicyStatement(
                # The second is what SES asks for where a message comes as it is to be sent.
                actions=["ses:SendEmail", "ses:SendRawEmail"],
                resources=self._resources if self._proved else ["*"],
                conditions={"StringEquals": {"ses:FromAddress": self._sender}} if self._proved else None,
            )
        )

    def metric(self, name: str) -> cloudwatch.Metric:
        """A rate of SES, of what was sent with this configuration set: of one, as Bounce 0.05 is 5 %."""
        return cloudwatch.Metric(
            namespace="AWS/SES",
            metric_name=name,
            dimensions_map={"ses:configuration-set": self.configuration_set},
            statistic="Maximum",
            period=PERIOD,
        )
