"""A site whose API keys and grants are managed at another one: it takes what that one has signed, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cdk.settings import SITE, InvalidSetting, read_settings
from quartzdb.aws_lambda.settings import read_settings as read_function_settings
from quartzdb.replication.peer_settings import ApiKeysGo, SharedData
from tests.infrastructure.synthesis import PUBLIC_KEY, Deployment, Resource, statements

FUNCTIONS = ("api", "search", "indexer", "compactor")


def _variables(deployment: Deployment, name: str) -> dict[str, str]:
    """Of a function, with its own name in the place of what is known only when it is deployed."""
    given = deployment.function(name).properties["Environment"]["Variables"]
    return {key: value if isinstance(value, str) else key for key, value in given.items()}


def _allowed(deployment: Deployment, function: Resource) -> Iterator[Mapping[str, Any]]:
    role = function.properties["Role"]["Fn::GetAtt"][0]
    for owner, statement in statements(deployment):
        if owner.stack == function.stack and {"Ref": role} in owner.properties.get("Roles", []):
            yield statement


def _families(deployment: Deployment, name: str, action: str) -> set[str]:
    found: set[str] = set()
    for statement in _allowed(deployment, deployment.function(name)):
        if action in statement["Action"]:
            found |= set(statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
    return found


@pytest.mark.parametrize("name", ["api", "indexer", "compactor"])
def test_functions_take_what_the_other_site_has_signed(managed_elsewhere: Deployment, name: str) -> None:
    """With settings that they accept: by whose signature, of which tenants, and that the other one drives."""
    variables = _variables(managed_elsewhere, name)
    peer = read_function_settings(variables).peer
    assert peer is not None
    settings = peer.settings
    assert (settings.site, settings.peer_site, settings.url) == (SITE, "here", None)
    assert settings.api_keys is ApiKeysGo.HERE
    assert settings.public_keys == (PUBLIC_KEY,)
    assert settings.tenants == frozenset({"one", "two"})
    assert settings.shares is SharedData.ALL
    assert "CHECKPOINTS" in _families(managed_elsewhere, name, "dynamodb:GetItem")


def test_only_what_answers_verifies_and_stores_grants(managed_elsewhere: Deployment, dev: Deployment) -> None:
    """It alone has what verifying takes, reads the secret of the two sites, and may write what tenants are allowed."""
    for name in FUNCTIONS:
        answers = name == "api"
        assert len(managed_elsewhere.function(name).properties["Layers"]) == (4 if answers else 3)
        assert ("GRANTS" in _families(managed_elsewhere, name, "dynamodb:PutItem")) == answers
        assert "GRANTS" not in _families(dev, name, "dynamodb:PutItem")
        secrets = json.dumps(
            [
                statement["Resource"]
                for statement in _allowed(managed_elsewhere, managed_elsewhere.function(name))
                if "secretsmanager:GetSecretValue" in statement["Action"]
            ]
        )
        assert ("ReplicationSecret" in secrets) == answers


def test_nothing_here_signs_or_drives(managed_elsewhere: Deployment) -> None:
    """Neither a function that replicates, nor a secret to sign with."""
    functions = managed_elsewhere.resources("AWS::Lambda::Function")
    assert not [one for one in functions if "replicator" in str(one.properties.get("FunctionName"))]
    secrets = [one.id for one in managed_elsewhere.resources("AWS::SecretsManager::Secret")]
    assert not [one for one in secrets if "Signing" in one]
    assert len([one for one in secrets if "ReplicationSecret" in one]) == 1


def test_two_keys_are_good_while_one_is_rotated() -> None:
    """Up to four."""
    keys = f"{PUBLIC_KEY},{'B' * 43}="
    context = {"quartzdb:managing_site": "here", "quartzdb:managing_site_public_keys": keys}
    assert read_settings(context).managing_site_public_keys == keys


MANAGED = {"quartzdb:managing_site": "here", "quartzdb:managing_site_public_keys": PUBLIC_KEY}


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"quartzdb:managing_site": "here"}, "needs its managing_site_public_keys"),
        ({**MANAGED, "quartzdb:managing_site": "no site"}, "1 to 32 of a-z, 0-9 and '-'"),
        ({**MANAGED, "quartzdb:managing_site": SITE}, "what this site is called"),
        ({**MANAGED, "quartzdb:managing_site_public_keys": "short"}, "one to four public keys"),
        (
            {**MANAGED, "quartzdb:managing_site_public_keys": ",".join([PUBLIC_KEY] * 5)},
            "one to four public keys",
        ),
        ({**MANAGED, "quartzdb:shared_namespaces": "some"}, "one of default, all"),
        ({**MANAGED, "quartzdb:shared_tenants": "a/b"}, "names of tenants"),
        (
            {**MANAGED, "quartzdb:cloudflare_domain": "db.example.com"},
            "neither a cloudflare_domain nor a platform",
        ),
        ({"quartzdb:managing_site_public_keys": PUBLIC_KEY}, "belong to a managing_site, which is not set"),
        ({"quartzdb:shared_namespaces": "all"}, "belong to a managing_site, which is not set"),
        ({"quartzdb:shared_tenants": "one"}, "of which neither is set"),
    ],
)
def test_a_mistake_is_told(context: dict[str, object], message: str) -> None:
    """Before anything is deployed."""
    with pytest.raises(InvalidSetting, match=message):
        read_settings(context)
