"""The other site as a Replica, over HTTP: docs/replication.md from the side that asks.

What does not fit one request is sent in several, each of which is applied whole or not at all.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

import orjson

from quartzdb.adapters.http.peer_connection import PeerConnection
from quartzdb.adapters.http.peer_problems import refusal, unreadable
from quartzdb.domain.change import Change
from quartzdb.domain.clock import Clock
from quartzdb.domain.erasure import PeerCopy
from quartzdb.domain.errors import Conflict, InvalidArgument, Unavailable
from quartzdb.domain.grant import TenantGrant
from quartzdb.replication.ports import (
    Applied,
    Changes,
    Digests,
    EntryPage,
    Feed,
    FeedPage,
    SharedErasure,
    SharedNamespace,
)
from quartzdb.replication.wire import fields
from quartzdb.replication.wire.api_key_document import api_key_document
from quartzdb.replication.wire.change_document import encoded_change
from quartzdb.replication.wire.erasure_document import (
    erasure_document,
    noted_document,
    parse_told,
    parse_waiting,
)
from quartzdb.replication.wire.grant_document import grant_document
from quartzdb.replication.wire.limits import (
    API_KEYS_MAX,
    CHANGES_MAX,
    ERASURES_MAX,
    FETCH_IDS_MAX,
    GRANTS_MAX,
    PAGE_BYTES_MAX,
)
from quartzdb.replication.wire.namespace_document import parse_namespaces, settings_document
from quartzdb.replication.wire.page_document import parse_applied, parse_fetched, parse_page
from quartzdb.replication.wire.state_document import parse_digests, parse_entries
from quartzdb.services.ports import ApiKey
from quartzdb.storage.ports import Item

_PATH = "/v1/replication"
Parsed = TypeVar("Parsed")


class Seal(Protocol):
    """Signs what this site says of keys and grants."""

    def body(self, kind: str, documents: Sequence[Any]) -> Mapping[str, Any]:
        """The body of the request."""
        ...


class HttpReplica:
    """Replica over HTTP. Thread-safe. Asks the peer nothing before it is used.

    `site` is the name that the peer must have: a wrong address must not be taken for it. `secret` gives the secret of
    the two sites, and `headers` whatever else the way to the peer demands; both are asked with each request. `seal`
    signs API keys and grants.
    """

    def __init__(
        self,
        base_url: str,
        secret: Callable[[], str],
        clock: Clock,
        *,
        site: str,
        headers: Callable[[], Mapping[str, str]] = dict,
        seal: Seal | None = None,
        connect_seconds: float = 3.0,
        seconds: float = 30.0,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._site = site
        self._seal = seal
        self._clock = clock
        self._connection = PeerConnection(
            base_url,
            lambda: {**headers(), "Authorization": f"Bearer {secret()}"},
            clock,
            connect_seconds=connect_seconds,
            seconds=seconds,
            tls=tls,
        )

    @property
    def site(self) -> str:
        """Its name."""
        return self._site

    def close(self) -> None:
        """Let connections go; it may be used again."""
        self._connection.close()

    def namespaces(self) -> Sequence[SharedNamespace]:
        """What it shares. Raises Conflict where another site answers."""
        site, namespaces = self._ask("GET", "/namespaces", parse_namespaces)
        if site != self._site:
            raise Conflict(
                f"The site at the peer's address is called {site[:80]!r}, not {self._site!r}.",
                hint="Set the peer's address or name right: each site leaves out what the other has.",
            )
        return namespaces

    def changes(
        self,
        namespace: SharedNamespace,
        feed: Feed,
        cursor: str | None,
        *,
        limit: int = CHANGES_MAX,
        exclude_site: str | None = None,
    ) -> FeedPage:
        """A page of its feed. Raises FeedGap."""
        asked = {"cursor": cursor, "limit": limit, "exclude_site": exclude_site}
        return self._ask(
            "GET", _query("/changes", namespace, feed, asked), lambda document: parse_page(document, feed)
        )

    def apply(self, namespace: SharedNamespace, feed: Feed, changes: Changes) -> Applied:
        """Have it take changes over. Raises ClockSkew, Conflict, InvalidArgument."""
        head = orjson.dumps({**_named(namespace, feed), "settings": settings_document(namespace)})
        applied = Applied(0, 0)
        for some in _requests(changes):
            body = b"".join((head[:-1], b',"changes":[', b",".join(some), b"]}"))
            part = self._ask("POST", "/changes", parse_applied, body)
            applied = Applied(applied.applied + part.applied, applied.known + part.known)
        return applied

    def digests(self, namespace: SharedNamespace, feed: Feed) -> Digests:
        """What it has, in 256 numbers."""
        return self._ask("GET", _query("/digests", namespace, feed, {}), parse_digests)

    def entries(
        self, namespace: SharedNamespace, feed: Feed, bucket: int, *, after: str | None, limit: int
    ) -> EntryPage:
        """What is behind one digest."""
        asked = {"after": after, "limit": limit}
        return self._ask("GET", _query(f"/digests/{bucket}", namespace, feed, asked), parse_entries)

    def fetch(self, namespace: SharedNamespace, feed: Feed, ids: Sequence[str]) -> Changes:
        """The changes that make the present state of those ids."""
        found: list[Change | Item] = []
        missing = list(dict.fromkeys(ids))
        while missing:
            asked, rest = missing[:FETCH_IDS_MAX], missing[FETCH_IDS_MAX:]
            body = orjson.dumps({**_named(namespace, feed), "ids": asked})
            changes, more = self._ask("POST", "/fetch", lambda document: parse_fetched(document, feed), body)
            found += changes
            there = {change.key if isinstance(change, Item) else change.id for change in changes}
            if more and not there & set(asked):
                raise Unavailable(
                    f"{self._site} gives none of the ids that were asked for, and says that more follow."
                )
            missing = [one for one in asked if one not in there] + rest if more else rest
        return found  # type: ignore[return-value]

    def apply_api_keys(self, keys: Sequence[ApiKey]) -> int:
        """Have it take API keys over. How many changed something."""
        applied = 0
        for first in range(0, len(keys), API_KEYS_MAX):
            some = [api_key_document(key) for key in keys[first : first + API_KEYS_MAX]]
            body = {"keys": some} if self._seal is None else self._seal.body("api-keys", some)
            applied += self._ask("PUT", "/api-keys", _applied_keys, orjson.dumps(body))
        return applied

    def apply_grants(self, grants: Sequence[TenantGrant]) -> int:
        """Have it take grants over. How many changed something. Who cannot sign is refused by the peer."""
        applied = 0
        for first in range(0, len(grants), GRANTS_MAX):
            some = [grant_document(grant) for grant in grants[first : first + GRANTS_MAX]]
            body = {} if self._seal is None else self._seal.body("grants", some)
            applied += self._ask("PUT", "/grants", _applied_keys, orjson.dumps(body))
        return applied

    def erasures_waiting(self) -> Sequence[SharedErasure]:
        """Those of its own that wait for this site. Raises NotFound where its release knows none."""
        return self._ask("GET", "/erasures", parse_waiting)

    def erase(self, asked: Sequence[SharedErasure]) -> Sequence[PeerCopy]:
        """Have it do this site's. How far each is."""
        copies: list[PeerCopy] = []
        for first in range(0, len(asked), ERASURES_MAX):
            some = asked[first : first + ERASURES_MAX]
            body = orjson.dumps({"erasures": [erasure_document(one) for one in some]})
            told = self._ask("POST", "/erasures", parse_told, body)
            if len(told) != len(some):
                raise InvalidArgument(
                    f"{self._site} was asked of {len(some)} erasures and tells of {len(told)}."
                )
            copies += told
        return copies

    def note_erased(self, told: Sequence[tuple[SharedErasure, PeerCopy]]) -> None:
        """Tell it how far its own are here."""
        for first in range(0, len(told), ERASURES_MAX):
            body = orjson.dumps({"erasures": noted_document(told[first : first + ERASURES_MAX])})
            self._ask("PUT", "/erasures", _anything, body)

    def _ask(
        self, method: str, path: str, parse: Callable[[object], Parsed], body: bytes | None = None
    ) -> Parsed:
        answer = self._connection.request(method, _PATH + path, body)
        if answer.status != 200:
            raise refusal(answer, self._site, self._clock.unix_ms())
        try:
            document = orjson.loads(answer.body)
        except orjson.JSONDecodeError as error:
            # Something in between answers for it.
            raise Unavailable(f"The answer of {self._site} is not JSON.") from error
        try:
            return parse(document)
        except InvalidArgument as error:
            raise unreadable(self._site, error) from error


def _requests(changes: Changes) -> Iterator[list[bytes]]:
    """The changes as JSON, as many together as one request may have. None at all are one request, too."""
    some: list[bytes] = []
    size = 0
    for change in changes:
        encoded = encoded_change(change)
        if some and (size + len(encoded) + 1 > PAGE_BYTES_MAX or len(some) == CHANGES_MAX):
            yield some
            some, size = [], 0
        some.append(encoded)
        size += len(encoded) + 1
    yield some


def _named(namespace: SharedNamespace, feed: Feed) -> dict[str, Any]:
    return {"tenant": namespace.tenant, "namespace": namespace.namespace, "feed": feed.value}


def _query(path: str, namespace: SharedNamespace, feed: Feed, asked: Mapping[str, object]) -> str:
    given = {name: value for name, value in asked.items() if value is not None}
    try:
        return f"{path}?{urlencode({**_named(namespace, feed), **given})}"
    except UnicodeEncodeError as error:
        raise InvalidArgument("An id or cursor is no Unicode text.", field="after") from error


def _anything(document: object) -> None:
    fields.object_of(document, "")


def _applied_keys(document: object) -> int:
    return fields.integer_in(fields.object_of(document, ""), "applied", "")
