"""A call: one authenticated request with its body read, as handlers see it. Handlers never see ASGI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, TypeVar

from quartzdb.api import answer, limits
from quartzdb.api.auth import Authenticator
from quartzdb.api.health import Health
from quartzdb.api.json_body import parse_json
from quartzdb.api.limits import RateLimiter
from quartzdb.api.query_string import parse_query
from quartzdb.api.request_headers import RequestHeaders
from quartzdb.api.schemas.model import Body, QueryString
from quartzdb.api.schemas.validation import validate
from quartzdb.api.services import Services
from quartzdb.api.settings import ApiSettings
from quartzdb.api.trace import Trace
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.values import dataclass
from quartzdb.replication.ports import Behind
from quartzdb.services.keys import Principal

B = TypeVar("B", bound=Body)
Q = TypeVar("Q", bound=QueryString)


@dataclass(frozen=True, slots=True)
class Context:
    """What every call of one application shares."""

    services: Services
    settings: ApiSettings
    authenticator: Authenticator
    health: Health
    rate_limiter: RateLimiter


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `parameters` are those of the path, decoded; `path` is the canonical one, still encoded.

    `looks`: how far behind this site was at each look, of a read that it answers without being the active one.
    `asked_at`: when all of it had come, by the services' clock (monotonic seconds); None where that is of no use.
    """

    context: Context
    principal: Principal
    method: str
    path: str
    parameters: Mapping[str, str]
    query_string: bytes
    headers: RequestHeaders
    body: bytes
    request_id: str
    operation: str
    trace: Trace
    looks: list[Behind] = field(default_factory=list)
    asked_at: float | None = None
    _parsed: dict[type[Body], Any] = field(default_factory=dict)

    @property
    def behind(self) -> Behind | None:
        """How far behind the answer is at most; None where this is the active site."""
        return self.looks[-1] if self.looks else None

    @property
    def services(self) -> Services:
        """The use cases."""
        return self.context.services

    def namespace(self) -> Namespace:
        """The caller's namespace that the path names. Raises NamespaceNotFound."""
        return self.services.namespaces.get(self.principal.tenant, self.parameters["namespace"])

    def admit(self, requests: int) -> answer.Headers:
        """Count so many requests more than this one: the headers that the answer carries. Raises RateLimited."""
        if requests <= 0:
            return ()
        return limits.admit(self.context.rate_limiter, self.principal, self.operation, requests)

    def json(
        self,
        model: type[B],
        *,
        optional: bool = False,
        any_type: bool = False,
        plain: Callable[[object], B | None] | None = None,
    ) -> B:
        """The body, parsed once. Raises InvalidJson, UnsupportedMediaType, InvalidArgument.

        `plain` knows at once what is plainly right.
        """
        known: B | None = self._parsed.get(model)
        if known is None:
            document = parse_json(self.body, self.headers, optional=optional, any_type=any_type)
            known = None if plain is None else plain(document)
            known = self._parsed[model] = validate(model, document) if known is None else known
        return known

    def query(self, model: type[Q]) -> Q:
        """The query string. Raises InvalidArgument."""
        return validate(model, parse_query(self.query_string))
