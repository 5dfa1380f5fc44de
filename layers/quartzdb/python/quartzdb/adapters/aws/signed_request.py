"""Requests to AWS as they go over the wire, signed without the SDK's machinery: a tenth of the processor time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError

from quartzdb.domain.clock import Clock
from quartzdb.routing.decision.signing import Credentials, signed_headers

if TYPE_CHECKING:
    from botocore.credentials import Credentials as SdkCredentials


class RequestSigner:
    """For one service in one region. `credentials` are those of the SDK's session, which renews them; `clock` is what
    requests are dated by.
    """

    def __init__(self, service: str, region: str, credentials: SdkCredentials, clock: Clock) -> None:
        self._service = service
        self._region = region
        self._credentials = credentials
        self._clock = clock

    def credentials(self) -> Credentials | None:
        """What to sign some requests with now; None where there is nothing."""
        try:
            found = self._credentials.get_frozen_credentials()
        except BotoCoreError:
            return None
        if found.access_key is None or found.secret_key is None:
            return None
        return Credentials(found.access_key, found.secret_key, found.token)

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, credentials: Credentials
    ) -> bytes:
        """The request, all of it. `url` is encoded, and has no query; names of `headers` are in lower case."""
        signed = signed_headers(
            method,
            url,
            headers,
            body,
            service=self._service,
            region=self._region,
            credentials=credentials,
            at=self._clock.unix_ms() / 1000,
        )
        if body:
            signed["content-length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        return f"{method} {urlsplit(url).path or '/'} HTTP/1.1\r\n{lines}\r\n".encode("ascii") + body
