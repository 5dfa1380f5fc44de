"""GitHub, which is OAuth 2.0 and not OpenID Connect: who somebody is, is asked of its API with the token of one answer.

Source: https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from __future__ import annotations

from urllib.parse import urlencode

from quartzdb.domain.errors import Unauthenticated
from quartzdb_platform.adapters.client_secret import ReadSecret
from quartzdb_platform.adapters.provider_http import ProviderHttp, checked_url
from quartzdb_platform.domain.provider import ProvenIdentity, ProviderRequest

SITE = "https://github.com"
API = "https://api.github.com"
ISSUER = "https://github.com"


class GithubProvider:
    """IdentityProvider. The token of an answer is used twice and forgotten."""

    title = "GitHub"
    domains: tuple[str, ...] = ()

    def __init__(
        self, client_id: str, secret: ReadSecret, http: ProviderHttp, *, site: str = SITE, api: str = API
    ) -> None:
        self._client_id = client_id
        self._secret = secret
        self._http = http
        self._site = checked_url(site)
        self._api = checked_url(api)

    def authorization_url(self, request: ProviderRequest) -> str:
        """Where to send the browser."""
        parameters = {
            "client_id": self._client_id,
            "redirect_uri": request.redirect_uri,
            "scope": "user:email",
            "state": request.state,
            "code_challenge": request.code_challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._site}/login/oauth/authorize?{urlencode(parameters)}"

    def require_issuer(self, issuer: str | None) -> None:
        """It says none, or its own. Raises Unauthenticated."""
        if issuer not in {None, ISSUER, f"{ISSUER}/login/oauth"}:
            raise _refused("another issuer answered")

    def identity(self, code: str, request: ProviderRequest) -> ProvenIdentity:
        """Whom the code is of. Raises Unauthenticated, Unavailable."""
        form = {
            "client_id": self._client_id,
            "client_secret": self._secret(),
            "code": code,
            "redirect_uri": request.redirect_uri,
            "code_verifier": request.verifier,
        }
        answer = self._http.post(f"{self._site}/login/oauth/access_token", form)
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise _refused("there is no access token")
        headers = {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": "2022-11-28"}
        user = self._http.get(f"{self._api}/user", headers)
        emails = self._http.get(f"{self._api}/user/emails", headers)
        number = user.get("id") if isinstance(user, dict) else None
        if not isinstance(number, int) or not isinstance(emails, list):
            raise _refused("it does not say who that is")
        for one in emails:
            if isinstance(one, dict) and one.get("primary") is True and isinstance(one.get("email"), str):
                return ProvenIdentity(ISSUER, str(number), one["email"], one.get("verified") is True)
        return ProvenIdentity(ISSUER, str(number), None, email_verified=False)


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(
        f"What GitHub answered cannot be trusted: {why}.", hint="Begin again, or sign in in another way."
    )
