"""Public keys that a provider of secret scanning publishes: {"public_keys": [{"key_identifier", "key"}]}, keys as PEM.

Source: https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partner-program
"""

from __future__ import annotations

from collections.abc import Mapping

from quartzdb.domain.errors import Unavailable
from quartzdb_platform.adapters.json_over_http import JsonOverHttp

KEYS_MAX = 100


class PublishedKeys:
    """ProviderKeys at an address."""

    def __init__(self, url: str) -> None:
        self._server = JsonOverHttp(url)

    def fetch(self) -> Mapping[str, str]:
        """PEM by identifier. Raises Unavailable."""
        status, document = self._server.ask("GET")
        listed = document.get("public_keys") if isinstance(document, dict) else None
        if status != 200 or not isinstance(listed, list):
            raise Unavailable(
                f"The provider's public keys could not be read: status {status}.",
                hint="Try again in a moment.",
            )
        return {
            one["key_identifier"]: one["key"]
            for one in listed[:KEYS_MAX]
            if isinstance(one, dict)
            and isinstance(one.get("key_identifier"), str)
            and isinstance(one.get("key"), str)
        }
