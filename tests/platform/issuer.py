"""A provider of OpenID Connect over HTTP, small and real, which also plays GitHub; and one that can be made to lie."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from tests.manual_clock import ManualClock

CLIENT_ID, CLIENT_SECRET = "quartzdb", "s3cret/+="


@dataclass
class Grant:
    """What a code stands for."""

    asked: dict[str, str]
    claims: dict[str, Any]
    header: dict[str, Any]
    key: Any = None


@dataclass
class Issuer:
    """`document` is what discovery says, `claims` what is said of whoever signs in."""

    clock: ManualClock
    url: str = ""
    path: str = ""
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "one"}))
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "ada-1", "email": "ada@example.com", "email_verified": True}
    )
    document: dict[str, Any] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    emails: list[dict[str, Any]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000)))

    def authorize(
        self, url: str, *, header: dict[str, Any] | None = None, key: Any = None, **claims: Any
    ) -> dict[str, str]:
        """Be the browser at `url`, and whoever signs in there. Returns what the browser comes back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{next(self.numbers)}"
        now = int(self.clock.seconds)
        said = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce"),
            **self.claims,
            **claims,
        }
        left = {name: value for name, value in said.items() if value is not None}
        self.grants[code] = Grant(asked, left, header or {"alg": "ES256", "kid": "one"}, key)
        return {"code": code, "state": asked["state"]}

    def answer(self, method: str, path: str, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        """What it says to a request."""
        self.asked.append(path)
        if path == f"{self.path}/.well-known/openid-configuration":
            return 200, {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                **self.document,
            }
        if path == f"{self.path}/keys":
            return 200, KeySet([self.key]).as_dict(private=False)
        if path == f"{self.path}/token":
            pair = base64.b64encode(b"quartzdb:s3cret%2F%2B%3D").decode()
            if authorization != f"Basic {pair}":
                return 401, {"error": "invalid_client"}
            grant = self._granted(form)
            return (
                (400, {"error": "invalid_grant"})
                if grant is None
                else (200, {"id_token": self._token(grant)})
            )
        if path == "/login/oauth/access_token":
            grant = self._granted(form) if form.get("client_secret") == CLIENT_SECRET else None
            return 200, {"error": "bad_verification_code"} if grant is None else {"access_token": "gho_1"}
        if authorization == "Bearer gho_1" and path == "/user":
            return 200, {"id": 42, "email": "not.verified@example.com"}
        if authorization == "Bearer gho_1" and path == "/user/emails":
            return 200, self.emails
        return 404, {}

    def _granted(self, form: dict[str, str]) -> Grant | None:
        grant = self.grants.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if grant is None or grant.asked["code_challenge"] != challenge:
            return None
        return grant if grant.asked["redirect_uri"] == form.get("redirect_uri") else None

    def _token(self, grant: Grant) -> str:
        if grant.header["alg"] in {"none", "HS256"}:  # the library makes neither
            signed = ".".join(_text(json.dumps(part).encode()) for part in (grant.header, grant.claims))
            by_public_key = hmac.digest(self.key.as_pem(private=False), signed.encode(), "sha256")
            return f"{signed}.{'' if grant.header['alg'] == 'none' else _text(by_public_key)}"
        return jwt.encode(grant.header, grant.claims, grant.key or self.key)


@contextmanager
def serving(issuer: Issuer) -> Iterator[Issuer]:
    """At a port of this machine, until it is done with."""

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            status, document = issuer.answer(
                self.command, urlsplit(self.path).path, form, self.headers.get("Authorization", "")
            )
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _reply  # noqa: N815 - the names that the server calls

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}{issuer.path}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
