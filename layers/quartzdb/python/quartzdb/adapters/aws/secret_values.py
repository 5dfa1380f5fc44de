"""Reads a secret's present and previous values from Secrets Manager. Never keeps or logs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from botocore.exceptions import ClientError

from quartzdb.adapters.aws.failure import error_code, told_as_unavailable


class SecretsClient(Protocol):
    """What is used of a client of Secrets Manager."""

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> Mapping[str, Any]: ...  # noqa: N803 - AWS's names


class SecretValues:
    """One secret, whose value is text."""

    def __init__(self, client: SecretsClient, secret_id: str) -> None:
        self._client = client
        self._secret_id = secret_id

    def read(self) -> list[str]:
        """The present value, and the one before it if there is one. Raises Unavailable."""
        values = [self._value("AWSCURRENT"), self._value("AWSPREVIOUS")]
        return [value for value in values if value is not None]

    def _value(self, stage: str) -> str | None:
        with told_as_unavailable("The origin secret"):
            try:
                answer = self._client.get_secret_value(SecretId=self._secret_id, VersionStage=stage)
            except ClientError as error:
                # A secret that was never rotated has no previous value.
                if stage == "AWSPREVIOUS" and error_code(error) == "ResourceNotFoundException":
                    return None
                raise
            # One that was set from a file ends with a line break, which no header can carry.
            return str(answer["SecretString"]).strip()
