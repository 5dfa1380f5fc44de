"""botocore's HTTP session, with the certificates of authorities read once and not for each new connection.

Reading them takes 10 ms of a processor, and a search of a function that has just begun opens twenty connections and
more. One context has them; all sessions share it. Overrides two methods of botocore that are its own: the version is
pinned, and a test counts the readings.
"""

from __future__ import annotations

import ssl
from functools import cache
from threading import Lock
from typing import Any

from botocore.httpsession import URLLib3Session, create_urllib3_context, get_cert_path

_READING = Lock()
"""Several connections may begin at once; a cache alone would have each of them read."""


@cache
def _trusting() -> ssl.SSLContext:
    context: ssl.SSLContext = create_urllib3_context()
    # botocore leaves names to urllib3; who uses the context without either needs them checked by it.
    context.check_hostname = True
    context.load_verify_locations(get_cert_path(True))
    return context


def trusting_context() -> ssl.SSLContext:
    """The one that trusts the authorities that come with botocore. It checks names, too."""
    with _READING:
        return _trusting()


class TrustingSession(URLLib3Session):
    """For whoever trusts the authorities that come with botocore, and reaches its servers without a proxy."""

    def _get_ssl_context(self) -> ssl.SSLContext:
        return trusting_context()

    def _setup_ssl_cert(self, conn: Any, url: str, verify: Any) -> None:
        super()._setup_ssl_cert(conn, url, verify)  # type: ignore[misc]  # the stubs have what is public
        # Else urllib3 would read them into the context again with each connection. They are asked for all the same.
        conn.ca_certs = None
