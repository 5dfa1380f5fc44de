"""A name of the operator's own: its certificate, and where it points."""

from __future__ import annotations

from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct


class CustomDomain(Construct):
    """`certificate` is the given one, or a new one that the zone proves. Checks nothing: Settings has."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        zone: tuple[str, str] | None,
        certificate_arn: str | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = name
        self._zone = (
            route53.HostedZone.from_hosted_zone_attributes(
                self, "Zone", hosted_zone_id=zone[0], zone_name=zone[1]
            )
            if zone is not None
            else None
        )
        self.certificate: acm.ICertificate = (
            acm.Certificate.from_certificate_arn(self, "Certificate", certificate_arn)
            if certificate_arn is not None
            else acm.Certificate(
                self,
                "Certificate",
                domain_name=name,
                validation=acm.CertificateValidation.from_dns(self._zone),
            )
        )

    def point_to(self, distribution: cloudfront.Distribution) -> None:
        """Addresses of both kinds, where the zone is ours to write."""
        if self._zone is None:
            return
        target = route53.RecordTarget.from_alias(targets.CloudFrontTarget(distribution))
        for kind, record in (("Ipv4", route53.ARecord), ("Ipv6", route53.AaaaRecord)):
            record(self, kind, zone=self._zone, record_name=self.name, target=target)
