"""Operations: what each route is, in one declaration that routing, access control and documentation all read.

So a route without a scope, or with undocumented answers, cannot come about by forgetting something elsewhere.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import field
from enum import Enum, auto
from typing import Any

from quartzdb.api.answer import JSON, Answer
from quartzdb.api.call import Call
from quartzdb.api.feed import OpenFeed
from quartzdb.api.schemas.model import Body, Document, NoQuery, QueryString
from quartzdb.api.surface import is_cloudflare
from quartzdb.domain.limits import SMALL_JSON, JsonLimit
from quartzdb.domain.values import dataclass
from quartzdb.services.keys import Scope

Handler = Callable[[Call], Answer]
"""Does the work of a request. Runs in a thread, and may block."""
KindOf = Callable[[Call], Hashable | None]
"""What a request is like, in how long it takes; None for one that may take any time. Reads no more than the body."""


class Access(Enum):
    """Who may use an operation, where that is not a matter of an API key's scope."""

    PEER = "peer"
    """The other site, by the secret of the two sites."""
    PEER_OR_ADMIN = "peer or admin"
    """Also a key with the scope `admin`: for its tenant alone."""


class IdempotentReplay(Enum):
    """What an Idempotency-Key does here."""

    IGNORED = auto()
    """Nothing is changed, or the other deployment knows no such key."""
    ACCEPTED = auto()
    REFUSED = auto()
    """The answer shows a secret, which must not be stored."""


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A JSON document within a limit. `optional`: nothing at all stands for {}. `any_type`: the Content-Type is not
    looked at.
    """

    model: type[Body]
    examples: Mapping[str, object]
    limit: JsonLimit = SMALL_JSON
    optional: bool = False
    any_type: bool = False


@dataclass(frozen=True, slots=True)
class RawBody:
    """Bytes of any type."""

    description: str
    example: str
    bytes_max: int


@dataclass(frozen=True, slots=True)
class Success:
    """An answer that is no error. `model` None: its content is not JSON."""

    description: str
    model: type[Document] | None = None
    example: object = None
    status: int = 200
    content_type: str | None = JSON
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method at one path. `scope`: of the API key that it needs, or who else may use it; None: open to anybody.
    `errors`: statuses besides those that follow from it.

    `audit`: what an attempt at it is called in the audit log; None: it is not in there.
    `while_read_only`: it changes something, and is answered also to a tenant that may only read.
    `hidden`: part of the server, but no part of the API. `computes`: bound by the processor, not by waiting.
    `feed`: what opens the feed that the handler answers one page of; such a request may wait, and be an event stream.
    `kind_of`: of a read that may be begun anew, and is done on the event loop where its kind is known to be brief.
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    description: str
    handler: Handler
    scope: Scope | Access | None
    answers: tuple[Success, ...]
    query: type[QueryString] = NoQuery
    headers: tuple[str, ...] = ()
    body: JsonBody | RawBody | None = None
    errors: tuple[int, ...] = ()
    replay: IdempotentReplay = IdempotentReplay.IGNORED
    audit: str | None = None
    while_read_only: bool = False
    hidden: bool = False
    computes: bool = False
    feed: Callable[[Call], OpenFeed] | None = None
    kind_of: KindOf | None = None

    @property
    def frees_space(self) -> bool:
        """Whether it is done on a full disk, too, with all that is written beside it."""
        return self.method == "DELETE" or self.path.endswith(("/delete", "/erase"))

    @property
    def reads_data(self) -> bool:
        """Whether a tenant whose reads are used up is refused it: what describes, and tells of usage, is not."""
        of_data = is_cloudflare(self.path) or "{namespace}/" in self.path
        return self.scope is Scope.READ and of_data and "/erasures" not in self.path

    @property
    def tells_freshness(self) -> bool:
        """Whether it reads what another site may have written."""
        return self.reads_data or self.name == "describe_namespace"

    @property
    def writes_data(self) -> bool:
        """Whether a tenant whose writes are used up is refused it: deleting is how there comes to be room."""
        return self.scope is Scope.WRITE and not self.frees_space

    @property
    def may_reach_a_limit(self) -> bool:
        """Whether a plan may not allow it: what reads or writes data, and what makes a namespace."""
        return self.reads_data or self.writes_data or (self.method, self.path) == ("POST", "/v1/namespaces")

    @property
    def changes(self) -> bool:
        """Whether a tenant that may only read is refused it."""
        return self.scope is Scope.WRITE or (
            self.scope is Scope.ADMIN and self.method != "GET" and not self.while_read_only
        )


@dataclass(frozen=True, slots=True)
class Family:
    """The operations of one kind of thing, in the order in which they are documented and matched."""

    tag: str
    description: str
    operations: list[Operation] = field(default_factory=list)

    def operation(self, method: str, path: str, **declaration: Any) -> Callable[[Handler], Handler]:
        """Declare the decorated handler: its name is the operation's, its docstring the description."""

        def declare(handler: Handler) -> Handler:
            self.operations.append(
                Operation(
                    method=method,
                    path=path,
                    name=declaration.pop("name", handler.__name__),
                    tag=self.tag,
                    description=_unwrapped(handler.__doc__ or ""),
                    handler=handler,
                    **declaration,
                )
            )
            return handler

        return declare


def _unwrapped(docstring: str) -> str:
    """Its paragraphs, each in one line."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(docstring).split("\n\n"))
