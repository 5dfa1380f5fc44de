"""The synthesised deployments, for all tests of this folder."""

from __future__ import annotations

import shutil

import pytest

from tests.infrastructure.synthesis import Deployment, synthesised


@pytest.fixture(scope="session")
def deployments(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> dict[str, Deployment]:
    """By the name of their context."""
    if shutil.which("node") is None:
        pytest.skip(
            "aws-cdk-lib runs on Node.js, which is not installed; only deploying and this check need it"
        )
    base = tmp_path_factory.getbasetemp()
    # Each worker of a distributed run has a folder of its own below the run's.
    return synthesised((base if worker_id == "master" else base.parent) / "synthesised")


@pytest.fixture(scope="session")
def dev(deployments: dict[str, Deployment]) -> Deployment:
    """With the defaults."""
    return deployments["dev"]


@pytest.fixture(scope="session")
def prod(deployments: dict[str, Deployment]) -> Deployment:
    """As it would be deployed for good."""
    return deployments["prod"]


@pytest.fixture(scope="session")
def abroad(deployments: dict[str, Deployment]) -> Deployment:
    """With a domain, in another region than CloudFront's."""
    return deployments["abroad"]


@pytest.fixture(scope="session")
def direct(deployments: dict[str, Deployment]) -> Deployment:
    """For good, without CloudFront."""
    return deployments["direct"]


@pytest.fixture(scope="session")
def two_origins(deployments: dict[str, Deployment]) -> Deployment:
    """Beside a Cloudflare deployment that speaks the protocol of replication."""
    return deployments["two_origins"]


@pytest.fixture(scope="session")
def mirrored(deployments: dict[str, Deployment]) -> Deployment:
    """Beside one that has only the contract, away from CloudFront's region."""
    return deployments["mirrored"]


@pytest.fixture(scope="session")
def managed_elsewhere(deployments: dict[str, Deployment]) -> Deployment:
    """Keys and grants are managed at another site."""
    return deployments["managed_elsewhere"]


@pytest.fixture(params=["platform", "platform_abroad"])
def accounts(request: pytest.FixtureRequest, deployments: dict[str, Deployment]) -> Deployment:
    """Those with a platform, in turn."""
    return deployments[request.param]


@pytest.fixture(params=["dev", "prod", "abroad"])
def deployment(request: pytest.FixtureRequest, deployments: dict[str, Deployment]) -> Deployment:
    """Each in turn."""
    return deployments[request.param]
