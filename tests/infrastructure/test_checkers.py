"""Three checkers find nothing in the templates that is not acknowledged beside its resource, with a reason."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.infrastructure.synthesis import CONTEXTS, Deployment

_REPOSITORY = Path(__file__).parents[2]
_TOOLS = _REPOSITORY / ".venv-infra" / "bin"
# The CDK adds these functions of its own while it writes templates of two regions, when nothing can be acknowledged any
# more. They run only while a stack changes.
_ADDED_LATE = (
    "AWS::Lambda::Function.CustomCrossRegionExportWriter",
    "AWS::Lambda::Function.CustomCrossRegionExportReader",
)
needs_tools = pytest.mark.skipif(
    not (_TOOLS / "checkov").exists(),
    reason=f"{_TOOLS.parent.name} is not there; `make test-deployment` makes it",
)


def test_cdk_nag_finds_what_is_wrong(deployments: dict[str, Deployment], tmp_path: Path) -> None:
    """The deployments were synthesised with it and would have failed; this one, with an open queue, does."""
    from aws_cdk import App, Stack, Validations, aws_sqs
    from cdk_nag import AwsSolutionsChecks

    app = App(analytics_reporting=False, outdir=str(tmp_path))
    aws_sqs.Queue(Stack(app, "Careless"), "Queue")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="AwsSolutions-SQS4"):
        app.synth()
    assert len(deployments) == 10


def different_templates(deployments: Iterable[Deployment]) -> list[str]:
    """Their files. Of those that say the same, as many stacks of deployments that differ elsewhere do, one."""
    paths = [path for one in deployments for path in sorted(one.folder.glob("*.template.json"))]
    return list({path.read_bytes(): str(path) for path in paths}.values())


@needs_tools
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_cfn_lint_is_content(deployments: dict[str, Deployment], region: str) -> None:
    """Every template is one that CloudFormation accepts, warnings included."""
    templates = different_templates(
        [
            deployments[name]
            for name, context in CONTEXTS.items()
            if context.get("quartzdb:region", "us-east-1") == region
        ]
    )
    linted = subprocess.run(
        [
            _TOOLS / "cfn-lint",
            "--regions",
            region,
            "--config-file",
            _REPOSITORY / ".cfnlintrc",
            "--",
            *templates,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


@needs_tools
def test_checkov_is_content(deployments: dict[str, Deployment]) -> None:
    """Nothing fails, and what is skipped is skipped in the template itself, with a comment."""
    checked = subprocess.run(
        [
            _TOOLS / "checkov",
            "--file",
            *different_templates(deployments.values()),
            "--framework",
            "cloudformation",
            "--skip-download",
            "--output",
            "json",
            # Failures and counts only: of a function that knows another one's address it cannot write what passed.
            "--quiet",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(checked.stdout)
    failed = [
        f"{one['check_id']} {one['resource']} {one['file_path']}"
        for one in report["results"]["failed_checks"]
        if not one["resource"].startswith(_ADDED_LATE)
    ]
    assert failed == []
    assert report["summary"]["passed"] > 200
    skips = [
        skip
        for deployment in deployments.values()
        for resource in deployment.resources()
        for skip in resource.whole.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert len(skips) >= report["summary"]["skipped"] > 0
    assert all(skip["comment"] for skip in skips)
