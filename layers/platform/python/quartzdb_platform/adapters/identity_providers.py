"""The providers that the settings name, each with its secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument
from quartzdb_platform.adapters.client_secret import ReadSecret, secret_in_file, secret_of
from quartzdb_platform.adapters.github_provider import GithubProvider
from quartzdb_platform.adapters.openid_provider import OpenIdProvider
from quartzdb_platform.adapters.provider_http import ProviderHttp
from quartzdb_platform.domain.provider import ProviderSettings
from quartzdb_platform.ports import IdentityProvider

ReadStored = Callable[[str], Callable[[], Sequence[str]]]
"""By its ARN, what reads a secret of Secrets Manager."""
GITHUB = "github"


def identity_providers(
    settings: Sequence[ProviderSettings], clock: Clock, stored: ReadStored | None = None
) -> Mapping[str, IdentityProvider]:
    """By name, in their order. Asks nobody yet. Raises InvalidArgument."""
    made: dict[str, IdentityProvider] = {}
    for one in settings:
        http, secret = ProviderHttp(private=one.private), _secret(one, stored)
        if one.name == GITHUB:
            if secret is None:
                raise InvalidArgument("The provider github needs a client secret.")
            made[one.name] = GithubProvider(one.client_id, secret, http)
        else:
            made[one.name] = OpenIdProvider(one, http, clock, secret)
    return made


def _secret(one: ProviderSettings, stored: ReadStored | None) -> ReadSecret | None:
    if one.client_secret_file is not None:
        return secret_in_file(Path(one.client_secret_file))
    if one.client_secret_arn is None:
        return None
    if stored is None:
        raise InvalidArgument(
            f"The provider {one.name} has client_secret_arn, and there is no Secrets Manager here.",
            hint="Name a file: client_secret_file.",
        )
    return secret_of(stored(one.client_secret_arn), one.client_secret_arn)
