"""Use cases of signing in with a provider: OpenID Connect, and whoever else can say who somebody is.

Whom a provider has named once is known by its issuer and subject, whatever address it names later. Who is new is found
by the e-mail address, which it must have verified: there is one account for an address, and nothing else is joined.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import NotFound, Unauthenticated
from quartzdb_platform.domain.names import checked_email
from quartzdb_platform.domain.provider import ProvenIdentity, ProviderRequest
from quartzdb_platform.domain.records import User
from quartzdb_platform.identity.attempts import Attempts, Rate
from quartzdb_platform.identity.challenges import Challenges
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.identity.people import People
from quartzdb_platform.identity.sign_in import SignedIn
from quartzdb_platform.mail import provider_messages
from quartzdb_platform.ports import Change, Delete, DocumentTable, IdentityProvider, Mailer, Put
from quartzdb_platform.transaction import change

ATTEMPT_MS = 10 * 60_000
OF_ADDRESS = Rate(burst=30, seconds=10)
IDENTITIES_MAX = 20
_PURPOSE = "provider"


class Linked(NamedTuple):
    """That a provider may sign a person in."""

    id: str
    provider: str
    issuer: str
    linked_at_ms: int


class Providers:
    """One instance serves everybody. `callback_url` has `{provider}` where its name goes."""

    def __init__(
        self,
        table: DocumentTable,
        credentials: Credentials,
        challenges: Challenges,
        people: People,
        mailer: Mailer,
        clock: Clock,
        providers: Mapping[str, IdentityProvider],
        callback_url: str,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._credentials = credentials
        self._challenges = challenges
        self._people = people
        self._mailer = mailer
        self._clock = clock
        self._providers = providers
        self._callback_url = callback_url
        self._random_bytes = random_bytes
        self._attempts = Attempts(table, clock)

    def list(self) -> Sequence[tuple[str, str]]:
        """Names and titles."""
        return [(name, provider.title) for name, provider in self._providers.items()]

    def begin(self, name: str, address: str) -> tuple[str, str]:
        """Where to send the browser, and what it keeps. Raises NotFound, TooManyAttempts, Unavailable."""
        provider = self._named(name)
        self._attempts.count("signing in with providers from one address", address, OF_ADDRESS)
        browser = self._random_bytes(32).hex()
        state = _text(self._challenges.give(_PURPOSE, browser, {"provider": name}, lasts_ms=ATTEMPT_MS))
        return provider.authorization_url(self._request(name, state, browser)), browser

    def finish(
        self, name: str, browser: str, address: str, *, code: str, state: str, issuer: str | None
    ) -> SignedIn:
        """What came back with the browser. Raises NotFound, Unauthenticated, TooManyAttempts, Unavailable."""
        provider = self._named(name)
        self._attempts.count("signing in with providers from one address", address, OF_ADDRESS)
        kept = self._challenges.use(_PURPOSE, _bytes(state), browser)
        if kept is None or kept["provider"] != name:
            raise Unauthenticated(
                "This sign-in was not begun in this browser, was used, or has ended.", hint="Begin again."
            )
        provider.require_issuer(issuer)
        identity = provider.identity(code, self._request(name, state, browser))
        return self._begin_session(name, provider, identity)

    def linked(self, user: User) -> Sequence[Linked]:
        """Which providers may sign this person in."""
        found = self._table.query(f"USER#{user.id}", "identity#", limit=IDENTITIES_MAX)
        return [
            Linked(
                one.sk.removeprefix("identity#"),
                one.body["provider"],
                one.body["issuer"],
                one.body["linked_at_ms"],
            )
            for one in found
        ]

    def unlink(self, user: User, identity_id: str) -> None:
        """Raises NotFound. Until that address is proven again, the provider signs this person in no more."""

        def decide() -> tuple[None, Sequence[Change]]:
            mine = self._table.get(f"USER#{user.id}", f"identity#{identity_id}")
            whose = self._table.get(f"IDENTITY#{identity_id}", "identity")
            if mine is None or whose is None:
                raise NotFound(f"There is no identity {identity_id[:80]!r}.", field="identity")
            return None, [Delete(one.pk, one.sk, one.revision) for one in (mine, whose)]

        change(self._table, decide)

    def _begin_session(self, name: str, provider: IdentityProvider, identity: ProvenIdentity) -> SignedIn:
        identity_id = hashlib.sha256(f"{identity.issuer}\0{identity.subject}".encode()).hexdigest()
        told = False

        def decide() -> tuple[SignedIn, Sequence[Change]]:
            nonlocal told
            whose = self._table.get(f"IDENTITY#{identity_id}", "identity")
            made: Sequence[Change] = ()
            if whose is not None:
                user = self._people.get(whose.body["user_id"])
                if user is None:
                    raise Unauthenticated("This account is gone.", hint="Sign in in another way.")
            else:
                email = _vouched(provider, identity)
                present = self._people.known(email)
                if present is not None and not told:
                    # Before it is done, so that nobody else's way into an account comes without a word.
                    self._mailer.send(provider_messages.provider_linked(email, provider.title))
                    told = True
                user, accounted = self._people.holder(email)
                body = {
                    "provider": name,
                    "issuer": identity.issuer,
                    "linked_at_ms": self._clock.unix_ms(),
                }
                made = [
                    *accounted,
                    Put(f"IDENTITY#{identity_id}", "identity", {"user_id": user.id}),
                    Put(f"USER#{user.id}", f"identity#{identity_id}", body),
                ]
            session, text, begun = self._credentials.new_session(user.id)
            return SignedIn(user, session, text), [*made, *begun]

        return change(self._table, decide)

    def _request(self, name: str, state: str, browser: str) -> ProviderRequest:
        """Nonce and verifier come of the browser's secret, so that neither has to be stored."""
        return ProviderRequest(
            state,
            _derived(browser, "nonce", state),
            _derived(browser, "verifier", state),
            self._callback(name),
        )

    def _callback(self, name: str) -> str:
        return self._callback_url.format(provider=name)

    def _named(self, name: str) -> IdentityProvider:
        provider = self._providers.get(name)
        if provider is None:
            known = ", ".join(self._providers) or "none"
            raise NotFound(f"There is no provider {name[:40]!r}.", hint=f"There are: {known}.")
        return provider


def _vouched(provider: IdentityProvider, identity: ProvenIdentity) -> str:
    if identity.email is None or not identity.email_verified:
        raise Unauthenticated(
            f"{provider.title} does not say that your e-mail address is verified.",
            hint="Verify it there, or sign in in another way.",
        )
    email = checked_email(identity.email)
    if provider.domains and email.rpartition("@")[2] not in provider.domains:
        raise Unauthenticated(
            f"{provider.title} may not speak for addresses like this one.", hint="Sign in in another way."
        )
    return email


def _derived(browser: str, what: str, state: str) -> str:
    return _text(hmac.digest(browser.encode(), f"{what} {state}".encode(), "sha256"))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """What was never given is bytes as well."""
    try:
        return base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    except ValueError:
        return b""
