"""Schemas of the protocol between two sites. The changes in them are read by replication.wire, whatever these say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from quartzdb.api.schemas.fields import NamespaceName
from quartzdb.api.schemas.model import Array, Body, Document, LenientBody, QueryString
from quartzdb.replication.wire.limits import (
    API_KEYS_MAX,
    BUCKETS,
    CHANGES_MAX,
    ENTRIES_MAX,
    ERASURES_MAX,
    FETCH_IDS_MAX,
    SITE_PATTERN,
)

Site = Annotated[
    str,
    Field(description="A replica's name.", json_schema_extra={"pattern": SITE_PATTERN, "examples": ["aws"]}),
]
Tenant = Annotated[str, Field(description="The tenant.", json_schema_extra={"minLength": 1, "maxLength": 63})]
FeedName = Annotated[
    Literal["records", "keys"], Field(description="Changes of records, or of key-value items.")
]
Metric = Annotated[Literal["cosine", "dot", "euclidean"], Field(description="How vectors are compared.")]
Dimension = Annotated[int | None, Field(description="Of its vectors; null for a namespace without vectors.")]
TextFields = Annotated[
    dict[str, Any] | None,
    Field(
        description="Fields that are searched as text, as the namespace declares them; left out if there are none."
    ),
]
SparseFields = Annotated[
    list[str] | None, Field(description="Fields that hold sparse vectors; left out if there are none.")
]
UnixMs = Annotated[int, Field(description="Unix time in milliseconds.")]
FeedCursor = Annotated[str, Field(description="The place after these changes, to go on from.")]
_VERSION = {"type": "string", "description": "The version that the change was born with."}


def _operation(names: tuple[str, ...], optional: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "op": {"enum": list(names)},
            "version": _VERSION,
            **properties,
        },
        "required": ["op", "version", *(name for name in properties if name not in optional)],
        "additionalProperties": False,
    }


_TEXT = {"type": "string"}
_BASE64 = {"type": "string", "contentEncoding": "base64"}
Change = Annotated[
    Any,
    WithJsonSchema(
        {
            "description": "One operation on one record or key.",
            "anyOf": [
                _operation(("upsert",), ("metadata",), id=_TEXT, vector=_BASE64, metadata={"type": "object"}),
                _operation(
                    ("patch",),
                    ("set", "unset"),
                    id=_TEXT,
                    set={"type": "object"},
                    unset={"type": "array", "items": _TEXT},
                ),
                _operation(("delete",), (), id=_TEXT),
                _operation(
                    ("put",),
                    ("expires_at_ms",),
                    key=_TEXT,
                    value=_BASE64,
                    content_type=_TEXT,
                    expires_at_ms={"type": ["integer", "null"]},
                ),
                _operation(("delete",), (), key=_TEXT),
            ],
        }
    ),
]


class SharedSettings(LenientBody):
    """What both sites have in common of a namespace. What a later release adds is passed over."""

    dimension: Dimension = None
    metric: Metric
    text: TextFields = None
    sparse: SparseFields = None


class SharedNamespaceDocument(Document):
    """A namespace that both sites have."""

    tenant: Tenant
    namespace: NamespaceName
    dimension: Dimension
    metric: Metric
    text: TextFields = None
    sparse: SparseFields = None


class SharedNamespaceList(Document):
    """What a site shares."""

    site: Site
    namespaces: list[SharedNamespaceDocument]


class OfFeed(QueryString):
    """One feed of one namespace."""

    tenant: Tenant
    namespace: NamespaceName
    feed: FeedName


class ReadChanges(OfFeed):
    """Where to read on, and what to leave out."""

    cursor: str | None = Field(None, description="The `cursor` of the page before. None begins.")
    limit: int = Field(
        CHANGES_MAX, description="The most changes.", json_schema_extra={"minimum": 1, "maximum": CHANGES_MAX}
    )
    exclude_site: str | None = Field(
        None,
        description="Leave out changes that were born there.",
        json_schema_extra={"pattern": SITE_PATTERN},
    )


class ReadEntries(OfFeed):
    """Where to read on."""

    after: str | None = Field(None, description="The last id of the page before. None begins.")
    limit: int = Field(
        ENTRIES_MAX, description="The most entries.", json_schema_extra={"minimum": 1, "maximum": ENTRIES_MAX}
    )


class FeedPageDocument(Document):
    """Changes in the order in which the site took them. Once not `more`, everything up to `through_ms` was given."""

    changes: list[Change]
    cursor: FeedCursor
    more: bool
    through_ms: UnixMs


class ApplyChanges(Body):
    """Changes of one feed of one namespace."""

    tenant: Tenant
    namespace: NamespaceName
    feed: FeedName
    settings: SharedSettings
    changes: Array[Change] = Field(json_schema_extra={"maxItems": CHANGES_MAX})


class ChangesApplied(Document):
    """How many changed something, and how many were known already."""

    applied: int
    known: int


class DigestsDocument(Document):
    """How many live records or keys each bucket has, and the sum of their state hashes."""

    digests: list[list[int]] = Field(json_schema_extra={"minItems": BUCKETS, "maxItems": BUCKETS})
    through_ms: UnixMs


class Entries(Document):
    """[id, version of the latest upsert or delete, versions of patched fields, whether it is live], by id."""

    entries: list[list[Any]] = Field(json_schema_extra={"maxItems": ENTRIES_MAX})
    more: bool


class FetchStates(Body):
    """Whose present state is wanted."""

    tenant: Tenant
    namespace: NamespaceName
    feed: FeedName
    ids: Array[str] = Field(json_schema_extra={"minItems": 1, "maxItems": FETCH_IDS_MAX})


class StatesFetched(Document):
    """The changes that make the present states. `more`: ids are missing, because the answer was full."""

    changes: list[Change]
    more: bool


class SharedErasureDocument(Document):
    """An erasure of a shared namespace: how much was there of it, and no id of what."""

    tenant: Tenant
    namespace: NamespaceName
    id: str
    at_ms: UnixMs
    records: int
    keys: int
    by_keys: bool


class ErasuresWaiting(Document):
    """Those of which this site has not heard that the other site's copy is gone."""

    erasures: list[SharedErasureDocument]


class EraseShared(Body):
    """Erasures of the other site, which this site has the deletions of."""

    erasures: Array[Any] = Field(json_schema_extra={"maxItems": ERASURES_MAX})


class CopyDocument(Document):
    """How far one is here."""

    gone_ms: UnixMs | None = Field(description="Since when nothing of it is left; null: something may be.")
    until_ms: UnixMs | None = Field(description="When it is gone at the latest, where that is known.")
    why: str | None = Field(description="What it waits for, or what this site cannot say.")


class ErasuresTold(Document):
    """How far each is, in the order of the request."""

    copies: list[CopyDocument]


class ErasuresNoted(Document):
    """Of how many note was taken."""

    noted: int


class TakeApiKeys(Body):
    """Hashes of API keys, never their text: plain, or as a statement that the other site has signed."""

    keys: Array[Any] | None = Field(None, json_schema_extra={"maxItems": API_KEYS_MAX})
    signed: str | None = Field(
        None, description="A statement as JSON text, with the keys as its `documents`."
    )
    signature: str | None = Field(None, description="Ed25519 over its UTF-8, in base64.")


class TakeGrants(Body):
    """Grants of tenants, as a statement that the other site has signed."""

    signed: str | None = Field(
        None, description="A statement as JSON text, with the grants as its `documents`."
    )
    signature: str | None = Field(None, description="Ed25519 over its UTF-8, in base64.")


class GrantsTaken(Document):
    """How many were later than what was here."""

    applied: int


class ApiKeysTaken(Document):
    """How many were new or newly revoked."""

    applied: int


class ReplicationDirection(Document):
    """From one site to the other."""

    lag_ms: int | None
    recovery_point_ms: int | None
    pending: int
    last_success_ms: int | None
    unreplayable: int
    stopped: int
    error: str | None


class ReplicationRepair(Document):
    """Comparisons of what both sites have."""

    under_way: int
    last_finished_ms: int | None
    repaired: int
    different: int
    error: str | None


class ReplicationPeer(Document):
    """The other site, as this one knows it."""

    site: Site
    kind: str
    state: Literal["level", "behind", "repairing", "unreachable"]
    outbound: ReplicationDirection
    inbound: ReplicationDirection
    repair: ReplicationRepair


class ReplicationState(Document):
    """What this site knows of replication."""

    site: Site
    now_ms: UnixMs
    peers: list[ReplicationPeer]
