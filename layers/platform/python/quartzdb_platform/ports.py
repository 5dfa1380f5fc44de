"""What the platform needs of the world, as Protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from quartzdb.domain.grant import TenantGrant
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.services.keys import BrowserKey, RotatedKey, Scope
from quartzdb.services.ports import ApiKey
from quartzdb_platform.domain.availability import Observed
from quartzdb_platform.domain.provider import ProvenIdentity, ProviderRequest

if TYPE_CHECKING:  # whoever deletes nothing need not import what does
    from quartzdb.services.tenant_deletion import TenantRemains

Json: TypeAlias = Mapping[str, Any]
"""A JSON object whose numbers are whole."""
CHANGES_MAX = 25
"""Documents that one transaction touches."""


@dataclass(frozen=True, slots=True)
class Document:
    """Something stored. `revision` grows by one with each change of it; `expires_at_ms`: when it may be dropped."""

    pk: str
    sk: str
    body: Json
    revision: int
    expires_at_ms: int | None = None


class Put(NamedTuple):
    """Store a document. `expected`: the revision that is there, None for none at all."""

    pk: str
    sk: str
    body: Json
    expected: int | None = None
    expires_at_ms: int | None = None


class Delete(NamedTuple):
    """Remove the document of that revision."""

    pk: str
    sk: str
    expected: int


class Check(NamedTuple):
    """Change nothing, and hold where a document has that revision; None: where there is none."""

    pk: str
    sk: str
    expected: int | None


Change: TypeAlias = Put | Delete | Check


class DocumentTable(Protocol):
    """Documents by partition and sort key. Every read sees every transaction that was acknowledged before it.

    A document that has expired may still be there: whoever reads it looks at its time.
    """

    def get(self, pk: str, sk: str) -> Document | None:
        """The document. Raises Unavailable."""
        ...

    def query(
        self, pk: str, prefix: str, *, limit: int, after: str | None = None, reverse: bool = False
    ) -> Sequence[Document]:
        """At most `limit` documents whose sort key begins so, in its order, beyond `after`. Raises Unavailable."""
        ...

    def transact(self, changes: Sequence[Change]) -> bool:
        """All of at most CHANGES_MAX changes of different documents, or none: then False. Raises Unavailable,
        OutcomeUnknown.
        """
        ...


class Mail(NamedTuple):
    """A message to one person, as text."""

    to: str
    subject: str
    text: str


class Mailer(Protocol):
    """Sends mail."""

    def send(self, mail: Mail) -> None:
        """Hand it over for delivery. Raises Unavailable."""
        ...


class IdentityProvider(Protocol):
    """Somebody else who can say who a person is. `domains`: of which e-mail addresses; none: of all."""

    @property
    def title(self) -> str:
        """For people."""
        ...

    @property
    def domains(self) -> tuple[str, ...]:
        """In lower case."""
        ...

    def authorization_url(self, request: ProviderRequest) -> str:
        """Where to send the browser. Raises Unavailable."""
        ...

    def require_issuer(self, issuer: str | None) -> None:
        """Raises Unauthenticated where a callback says that another provider answered, or not who."""
        ...

    def identity(self, code: str, request: ProviderRequest) -> ProvenIdentity:
        """Whom a code is of, once. Raises Unauthenticated for what cannot be trusted, Unavailable."""
        ...


class DataPlaneNamespaces(Protocol):
    """Namespaces of the database, whose tenants are projects."""

    def create(
        self, tenant: str, name: str, settings: NamespaceSettings, grant: TenantGrant
    ) -> tuple[Namespace, bool]:
        """Create it, and whether it is new; again with the same settings changes nothing. Raises NamespaceExists, and
        LimitReached for what the grant does not allow.
        """
        ...

    def has_any(self, tenant: str) -> bool:
        """Whether the project has a namespace, or one that was deleted and is not gone yet."""
        ...


class DataPlaneTenants(Protocol):
    """What deletes a project's data: namespaces, keys, grant."""

    def run(self, tenant: str) -> TenantRemains:
        """Delete what can be deleted now, and say what is left. Raises NotFound, NamespaceShared, Unavailable."""
        ...


class DataPlaneData(Protocol):
    """A project's data, to be taken along."""

    def files(self, tenant: str) -> Iterator[tuple[str, Iterable[bytes]]]:
        """The name and the lines of each file, which have to be read before the next. Raises Unavailable."""
        ...


class DataPlaneArchives(Protocol):
    """Archives of what organizations have, made in steps, each done once however often it is sent.

    `archive` names one; steps of one are numbered from 1, and sent one at a time.
    """

    def add(self, archive: str, step: int, files: Sequence[tuple[str, str]]) -> None:
        """Lines of files by name; what is of the file that came last goes on with it. Raises Unavailable."""
        ...

    def add_project(
        self, archive: str, step: int, project_id: str, folder: str, cursor: str | None
    ) -> str | None:
        """Some of what a project has in the database, as files of a folder; where to go on, None at the end."""
        ...

    def finish(self, archive: str, step: int) -> int:
        """It is whole from now on, and has so many bytes."""
        ...

    def link(self, archive: str, file_name: str, seconds: int) -> str:
        """Where whoever has the link may fetch it for so long."""
        ...

    def delete(self, archive: str) -> None:
        """Leave nothing of it."""
        ...


class AuditLine(NamedTuple):
    """A line of the database's audit log, and its place in its source: places grow, and begin above 0."""

    place: int
    text: str


class AuditLines(Protocol):
    """Lines that the database wrote and that are not events yet."""

    @property
    def source(self) -> str:
        """Names where they are, for good."""
        ...

    def read(self, after: int, limit: int) -> Sequence[AuditLine]:
        """Lines beyond a place, in their order. Raises Unavailable."""
        ...

    def drop(self, place: int) -> None:
        """Forget the lines up to it. Raises Unavailable."""
        ...


class Held(NamedTuple):
    """What a project holds: bytes of live data, how many vectors, and how many keys of key-values."""

    bytes: int
    vectors: int
    keys: int = 0


class DataPlaneSizes(Protocol):
    """What projects hold in the database."""

    def held(self, tenant: str, *, exact: bool = False) -> Held:
        """What it holds; `exact`: with every write that was acknowledged before, else what was written in the last
        minutes may be missing. Raises Unavailable.
        """
        ...


class DescribedSizes(DataPlaneSizes, Protocol):
    """The same, by somebody who can say of what it is the sum."""

    def described(self, tenant: str) -> tuple[Held, Sequence[HeldNamespace]]:
        """The same, not exact, and what each of its namespaces is and holds, by name. Raises Unavailable."""
        ...


class HeldNamespace(NamedTuple):
    """What a namespace is and holds. `dimension` None: key-values alone. `half`: of two bytes for each number. `bytes`
    are those of live data.
    """

    name: str
    created_at_ms: int
    dimension: int | None
    half: bool
    records: int
    bytes: int


class DataPlaneDescriptions(Protocol):
    """What the namespaces of projects hold, one by one, where somebody can be asked at once or has learnt it."""

    def describe(self, tenant: str) -> Sequence[HeldNamespace] | None:
        """By name; of very many the first. None: it is not known yet. Raises Unavailable."""
        ...


class StatusSource(Protocol):
    """Who looks at the database, and keeps what it saw."""

    def read(self) -> Observed:
        """What is known now. Raises Unavailable."""
        ...


class ProviderKeys(Protocol):
    """Public keys that a provider signs with."""

    def fetch(self) -> Mapping[str, str]:
        """PEM by identifier, as they are now. Raises Unavailable."""
        ...


class DataPlaneKeys(Protocol):
    """API keys of the database, whose tenants are projects."""

    def create(
        self,
        tenant: str,
        name: str,
        scopes: Sequence[str],
        *,
        expires_at_ms: int | None = None,
        namespaces: Sequence[str] | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its text. Raises InvalidArgument."""
        ...

    def create_for_browser(self, tenant: str, name: str, scopes: Sequence[Scope]) -> tuple[ApiKey, str]:
        """A key for a page, for minutes, and its text. No list has it, and it is dropped by itself."""
        ...

    def for_browser(
        self, tenant: str, name: str, scopes: Sequence[Scope], seed: bytes, ends_ms: int
    ) -> BrowserKey:
        """The same of a seed, again and again. Raises Conflict where it was revoked."""
        ...

    def list(self, tenant: str) -> Sequence[ApiKey]:
        """A project's keys by creation time, revoked ones included."""
        ...

    def rotate(
        self,
        tenant: str,
        key_id: str,
        overlap_seconds: int,
        *,
        expires_at_ms: int | None = None,
        on_made: Callable[[ApiKey], None],
    ) -> RotatedKey:
        """A key that follows another; `on_made` hears of it before the other's end is settled, and may raise. Raises
        InvalidArgument, NotFound, Conflict.
        """
        ...

    def of_text(self, text: str) -> ApiKey | None:
        """The key that this is the whole text of, ended ones included."""
        ...

    def revoke(self, tenant: str, key_id: str) -> Sequence[str]:
        """End a key. Raises NotFound."""
        ...


class DataPlaneGrants(Protocol):
    """Grants of the database, whose tenants are projects."""

    def get(self, tenant: str) -> TenantGrant | None:
        """The grant; None where nothing was said. Raises Unavailable."""
        ...

    def put(self, grant: TenantGrant) -> bool:
        """Store it unless one with the same revision or a higher one is there; whether it was. Raises Unavailable."""
        ...
