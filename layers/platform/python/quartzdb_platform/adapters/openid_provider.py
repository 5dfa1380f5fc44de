"""A provider of OpenID Connect: found by discovery, asked with authorization code and PKCE, believed by its signature.

Sources: OpenID Connect Core 1.0 (3.1.3.7: what of an ID token is checked), Discovery 1.0, RFC 7636, RFC 9207.
The only module that knows the libraries.
"""

from __future__ import annotations

import base64
import threading
from typing import Any
from urllib.parse import quote

from authlib.common.urls import add_params_to_uri
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument, Unauthenticated, Unavailable
from quartzdb_platform.adapters.client_secret import ReadSecret
from quartzdb_platform.adapters.provider_http import ProviderHttp, checked_url
from quartzdb_platform.domain.provider import ProvenIdentity, ProviderRequest, ProviderSettings

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Public-key signatures alone: with `none` anybody could make a token, with HS256 whoever knows a public key."""
SCOPES = "openid email"
FRESH_MS = 3_600_000
AGAIN_MS = 60_000
"""A key that is not known has the keys read again, but not oftener."""
LEEWAY_SECONDS = 60
SUBJECT_CHARACTERS_MAX = 255
_MALFORMED = (JoseError, ValueError, TypeError, LookupError, AttributeError)


class OpenIdProvider:
    """IdentityProvider. Thread-safe."""

    def __init__(
        self, settings: ProviderSettings, http: ProviderHttp, clock: Clock, secret: ReadSecret | None
    ) -> None:
        self.title = settings.title
        self.domains = settings.domains
        self._settings = settings
        self._issuer = checked_url(settings.issuer)
        self._http = http
        self._clock = clock
        self._secret = secret
        self._lock = threading.Lock()
        self._discovered: tuple[int, dict[str, Any]] | None = None
        self._keys: tuple[int, KeySet] | None = None

    def authorization_url(self, request: ProviderRequest) -> str:
        """Where to send the browser. Raises Unavailable."""
        parameters = [
            ("response_type", "code"),
            ("client_id", self._settings.client_id),
            ("redirect_uri", request.redirect_uri),
            ("scope", SCOPES),
            ("state", request.state),
            ("nonce", request.nonce),
            ("code_challenge", request.code_challenge),
            ("code_challenge_method", "S256"),
        ]
        return str(add_params_to_uri(self._address("authorization_endpoint"), parameters))

    def require_issuer(self, issuer: str | None) -> None:
        """What a callback says of who answered (RFC 9207). Raises Unauthenticated."""
        told = self._metadata().get("authorization_response_iss_parameter_supported") is True
        if issuer != self._issuer and (told or issuer is not None):
            raise _refused("another issuer answered")

    def identity(self, code: str, request: ProviderRequest) -> ProvenIdentity:
        """Whom the code is of. Raises Unauthenticated, Unavailable."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": request.redirect_uri,
            "code_verifier": request.verifier,
        }
        headers = {}
        if self._secret is None:
            form["client_id"] = self._settings.client_id
        elif "client_secret_basic" in self._metadata().get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        ):
            pair = f"{quote(self._settings.client_id, safe='')}:{quote(self._secret(), safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form.update(client_id=self._settings.client_id, client_secret=self._secret())
        answer = self._http.post(self._address("token_endpoint"), form, headers)
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise _refused("there is no ID token")
        claims = self._verified(token, request.nonce)
        subject, email = claims.get("sub"), claims.get("email")
        if not isinstance(subject, str) or not 1 <= len(subject) <= SUBJECT_CHARACTERS_MAX:
            raise _refused("the ID token is of nobody")
        return ProvenIdentity(
            self._issuer,
            subject,
            email if isinstance(email, str) else None,
            # Some providers send it as text.
            claims.get("email_verified") is True or claims.get("email_verified") == "true",
        )

    def _verified(self, token: str, nonce: str) -> dict[str, Any]:
        try:
            decoded = self._decoded(token)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                {
                    "iss": {"essential": True, "value": self._issuer},
                    "aud": {"essential": True, "value": self._settings.client_id},
                },
                {"nonce": nonce, "client_id": self._settings.client_id},
            )
            claims.validate(self._clock.unix_ms() // 1_000, LEEWAY_SECONDS)
        except _MALFORMED as error:
            raise _refused(str(error)) from error
        return dict(claims)

    def _decoded(self, token: str) -> jwt.Token:
        """With a good signature of one of the provider's keys, which are read again where it is of none of them."""
        keys, read_at_ms = self._key_set(0)
        try:
            return jwt.decode(token, keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            if self._clock.unix_ms() - read_at_ms < AGAIN_MS:
                raise
        return jwt.decode(token, self._key_set(self._clock.unix_ms())[0], algorithms=list(ALGORITHMS))

    def _key_set(self, not_before_ms: int) -> tuple[KeySet, int]:
        """The provider's keys, no older than that, and when they were read. Raises Unavailable."""
        now_ms = self._clock.unix_ms()
        with self._lock:
            if self._keys is None or self._keys[0] < max(not_before_ms, now_ms - FRESH_MS):
                document = self._http.get(self._address("jwks_uri"))
                try:
                    self._keys = (now_ms, KeySet.import_key_set(document))
                except _MALFORMED as error:
                    raise self._ill_formed("jwks_uri") from error
            return self._keys[1], self._keys[0]

    def _address(self, name: str) -> str:
        try:
            return checked_url(self._metadata().get(name))
        except InvalidArgument as error:
            raise self._ill_formed(name) from error

    def _metadata(self) -> dict[str, Any]:
        """What discovery says. Raises Unavailable, also where it speaks for another issuer."""
        now_ms, known = self._clock.unix_ms(), self._discovered
        if known is not None and known[0] > now_ms - FRESH_MS:
            return known[1]
        found = self._http.get(get_well_known_url(self._issuer, external=True))
        if not isinstance(found, dict) or found.get("issuer") != self._issuer:
            raise self._ill_formed("issuer")
        self._discovered = (now_ms, found)
        return found

    def _ill_formed(self, name: str) -> Unavailable:
        return Unavailable(
            f"The provider {self._settings.name} describes itself with a {name} that cannot be used.",
            hint="Check `issuer` in the settings; it has to be exactly what the provider says.",
        )


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(
        f"What the provider answered cannot be trusted: {why}."[:300],
        hint="Begin again, or sign in in another way.",
    )
