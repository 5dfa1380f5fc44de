"""The templates of deployments, synthesised once for all tests: what `cdk synth` would write, with placeholders for the
layers and functions, whose content no template depends on.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdk.artifacts import Artifacts

PUBLIC_KEY = f"{'A' * 43}="
PLATFORM_SETTINGS = Path(__file__).parent / "platform.toml"
CONTEXTS: Mapping[str, Mapping[str, str]] = {
    "dev": {},
    "prod": {
        "environment": "prod",
        "quartzdb:alarm_email": "ops@example.com",
        "quartzdb:dashboard": "true",
        "quartzdb:snapstart": "false",
    },
    # All that is optional, away from CloudFront's region.
    "abroad": {
        "environment": "prod",
        "quartzdb:region": "eu-central-1",
        "quartzdb:architecture": "arm64",
        "quartzdb:domain_name": "db.example.com",
        "quartzdb:hosted_zone": "Z0123456789ABC/example.com",
        "quartzdb:waf_requests_per_5_minutes": "",
        "quartzdb:search_concurrency": "50",
        "quartzdb:default_engine": "annoy",
        "quartzdb:changes_days": "3",
        "quartzdb:lambda_lines": "true",
        "quartzdb:dashboard": "true",
        "quartzdb:traces": "true",
    },
    # Clients call the function itself.
    "direct": {"environment": "prod", "quartzdb:cloudfront": "false"},
    # Two origins, and the other one speaks the protocol of replication.
    "two_origins": {
        "quartzdb:cloudflare_domain": "db.example.workers.dev",
        "quartzdb:shared_tenants": "one,two",
    },
    # Keys and grants are managed at another site.
    "managed_elsewhere": {
        "quartzdb:managing_site": "here",
        "quartzdb:managing_site_public_keys": PUBLIC_KEY,
        "quartzdb:shared_tenants": "one,two",
        "quartzdb:shared_namespaces": "all",
    },
    # The other one has only the contract, and all of it is away from CloudFront's region.
    "mirrored": {
        "environment": "prod",
        "quartzdb:region": "eu-central-1",
        "quartzdb:cloudflare_domain": "db.example.workers.dev",
        "quartzdb:cloudflare_peer": "contract",
        "quartzdb:cloudflare_api_key_arn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key-AbCdEf",
        "quartzdb:primary_origin": "aws",
    },
    # With accounts, beside `dev`: what differs is theirs.
    "platform": {
        "quartzdb:platform": "true",
        "quartzdb:dashboard": "true",
        "quartzdb:platform_url": "https://db.example.com",
        "quartzdb:mail_domain": "mail.example.com",
    },
    # And with payments.
    "billed": {
        "quartzdb:platform": "true",
        "quartzdb:platform_url": "https://db.example.com",
        "quartzdb:mail_domain": "mail.example.com",
        "quartzdb:stripe_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:stripe-AbCdEf",
        "quartzdb:stripe_webhook_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:hooks-AbCdEf",
    },
    # The same for good, with a domain and two origins, away from CloudFront's region.
    "platform_abroad": {
        "environment": "prod",
        "quartzdb:region": "eu-central-1",
        "quartzdb:domain_name": "db.example.com",
        "quartzdb:hosted_zone": "Z0123456789ABC/example.com",
        "quartzdb:cloudflare_domain": "db.example.workers.dev",
        "quartzdb:platform": "true",
        "quartzdb:dashboard": "true",
        "quartzdb:mail_domain": "example.com",
        "quartzdb:platform_settings": str(PLATFORM_SETTINGS),
        "quartzdb:docs": "true",
    },
}
_WORDS = ("api", "engines", "quartzdb", "platform", "signing", "billing")
_FUNCTIONS = (
    "api",
    "search",
    "indexer",
    "compactor",
    "health_probe",
    "replicator",
    "platform",
    "platform_upkeep",
    "metering",
    "platform_mail_events",
    "billing",
    "tenant_data",
)


@dataclass(frozen=True)
class Resource:
    """One resource of a template."""

    stack: str
    id: str
    type: str
    properties: Mapping[str, Any]
    whole: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Deployment:
    """Templates by stack ("data", "service", "edge", "observability"), in a folder for tools that read files."""

    folder: Path
    prefix: str

    @property
    def templates(self) -> dict[str, dict[str, Any]]:
        return {
            path.name.removeprefix(f"{self.prefix}-").removesuffix(".template.json"): json.loads(
                path.read_text()
            )
            for path in sorted(self.folder.glob("*.template.json"))
        }

    def resources(self, *types: str) -> list[Resource]:
        """Of these types, or all."""
        return [
            Resource(stack, name, resource["Type"], resource.get("Properties", {}), resource)
            for stack, template in self.templates.items()
            for name, resource in template["Resources"].items()
            if not types or resource["Type"] in types
        ]

    def one(self, resource_type: str, *, stack: str | None = None) -> Resource:
        """The only one of a type."""
        (found,) = [one for one in self.resources(resource_type) if stack in {None, one.stack}]
        return found

    def function(self, name: str) -> Resource:
        """One of the functions, but the one at the edge."""
        wanted = f"{self.prefix}-{name}"
        (found,) = [
            one
            for one in self.resources("AWS::Lambda::Function")
            if one.properties.get("FunctionName") == wanted
        ]
        return found

    def outputs(self) -> dict[str, Any]:
        """Of all stacks, but for those by which stacks refer to each other."""
        return {
            name: output["Value"]
            for template in self.templates.values()
            for name, output in template.get("Outputs", {}).items()
            if "Export" not in output
        }


def synthesised(shared: Path) -> dict[str, Deployment]:
    """Every context's deployment. Whoever comes first makes them, in a folder that all test processes share."""
    shared.mkdir(parents=True, exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, context in CONTEXTS.items():
            done = shared / name / "cdk.out"
            if not done.exists():
                shutil.rmtree(shared / name, ignore_errors=True)
                _synthesise(shared / name, context, placeholders(shared / "artifacts"))
    return {
        name: Deployment(shared / name, f"quartzdb-{context.get('environment', 'dev')}")
        for name, context in CONTEXTS.items()
    }


def placeholders(folder: Path) -> Artifacts:
    """Something in the place of each layer and function."""
    for architecture in ("x86_64", "arm64"):
        for word in _WORDS:
            archive = folder / "layers" / architecture / f"{word}.zip"
            archive.parent.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(archive, "w") as content:
                # Without the present time in it, so that all contexts name the same asset.
                content.writestr(zipfile.ZipInfo("python/placeholder.txt"), f"{architecture} {word}")
    for name in _FUNCTIONS:
        handler = folder / "functions" / name / "handler.py"
        handler.parent.mkdir(parents=True, exist_ok=True)
        handler.write_text(f'"""In the place of {name}."""\n')
    return Artifacts(folder / "layers", folder / "functions", folder / "edge")


def _synthesise(folder: Path, context: Mapping[str, str], artifacts: Artifacts) -> None:
    # Imported here because importing aws_cdk starts a Node.js process, which takes seconds.
    from aws_cdk import App, Validations
    from cdk_nag import AwsSolutionsChecks

    from cdk.deployment import build

    app = App(analytics_reporting=False, outdir=str(folder), context=dict(context))
    build(app, artifacts=artifacts)
    # A finding that nobody acknowledged fails the synthesis, and with it every test here.
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


def statements(deployment: Deployment) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Every statement of every policy: of roles, of resources, and of who may assume a role."""
    for resource in deployment.resources():
        documents = [
            resource.properties.get("PolicyDocument"),
            resource.properties.get("AssumeRolePolicyDocument"),
            resource.properties.get("ResourcePolicy"),
            *(policy.get("PolicyDocument") for policy in resource.properties.get("Policies", [])),
        ]
        for document in documents:
            if isinstance(document, Mapping):
                for statement in document["Statement"]:
                    yield resource, statement
