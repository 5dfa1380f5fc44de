# ruff: noqa: E501 - descriptions are those of the document
"""What requests and answers are made of. Written from the OpenAPI document by `make clients-types`: do not edit.

Answers may have more fields than are known here: those are left out. What is missing is None.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from quartzdb_client.answer_part import AnswerPart
from quartzdb_client.moments import Never
from quartzdb_client.vectors import Vector, VectorLike


class AggregateAnswer(AnswerPart):
    """All of it exact. Without `group_by` there is one group, of all records."""

    __slots__ = ("freshness", "groups", "missing", "more", "records", "usage")

    def __init__(
        self,
        records: int,
        missing: int,
        groups: list[Group],
        more: bool,
        usage: Receipt,
        freshness: Freshness | None = None,
    ) -> None:
        self.records = records
        self.missing = missing
        self.groups = groups
        self.more = more
        self.usage = usage
        self.freshness = freshness


class _AggregateBodyNeeds(TypedDict):
    kind: Literal["count", "distinct", "min", "max", "sum", "average", "percentiles", "top"]
    field: str


class AggregateBody(_AggregateBodyNeeds, total=False):
    """What to make of a field's values. A record counts for each value, and for each element of an array; null is no value."""

    percentiles: list[float]
    limit: int


class AggregateQuery(TypedDict, total=False):
    """Which records, in which groups, and what of each."""

    filter: dict[str, Any] | None
    group_by: list[str]
    aggregates: dict[str, AggregateBody]
    limit: int
    consistency: Literal["strong", "eventual"]
    version: str | None
    dry_run: bool


class Change(AnswerPart):
    """One change of a record, or its expiry."""

    __slots__ = ("at", "expires_at", "id", "kind", "metadata", "set", "shard", "unset", "vector", "version")

    def __init__(
        self,
        kind: Literal["upsert", "patch", "delete", "expire"],
        id: str,
        version: str,
        shard: int,
        at: str,
        vector: Vector | None = None,
        metadata: dict[str, Any] | None = None,
        set: dict[str, Any] | None = None,
        unset: list[str] | None = None,
        expires_at: str | Never | None = None,
    ) -> None:
        self.kind = kind
        self.id = id
        self.version = version
        self.shard = shard
        self.at = at
        self.vector = vector
        self.metadata = metadata
        self.set = set
        self.unset = unset
        self.expires_at = expires_at


class ChangePage(AnswerPart):
    """What changed."""

    __slots__ = ("changes", "complete_until", "cursor", "freshness", "more", "usage")

    def __init__(
        self,
        changes: list[Change],
        cursor: str,
        more: bool,
        complete_until: str,
        usage: Receipt,
        freshness: Freshness | None = None,
    ) -> None:
        self.changes = changes
        self.cursor = cursor
        self.more = more
        self.complete_until = complete_until
        self.usage = usage
        self.freshness = freshness


class Checks(AnswerPart):
    """Part by part."""

    __slots__ = (
        "storage",
        "vector_index",
    )

    def __init__(self, storage: Literal["ok", "fail"], vector_index: Literal["ok", "fail"]) -> None:
        self.storage = storage
        self.vector_index = vector_index


class Count(TypedDict, total=False):
    """Which records to count; all of them without a filter."""

    filter: dict[str, Any] | None
    consistency: Literal["strong", "eventual"]
    version: str | None
    dry_run: bool


class CountResult(AnswerPart):
    """How many records there are, or match."""

    __slots__ = ("count", "freshness", "usage")

    def __init__(self, count: int, usage: Receipt, freshness: Freshness | None = None) -> None:
        self.count = count
        self.usage = usage
        self.freshness = freshness


class _DeleteItemsNeeds(TypedDict):
    keys: list[str]


class DeleteItems(_DeleteItemsNeeds, total=False):
    """Keys to delete; one that does not exist is no error."""

    version: str | None
    dry_run: bool


class DeleteRequest(TypedDict, total=False):
    """What to delete: exactly one of `ids` and `filter`."""

    ids: list[str] | None
    filter: dict[str, Any] | None
    version: str | None
    dry_run: bool


class Deleted(AnswerPart):
    """How many records existed and are gone now."""

    __slots__ = ("deleted", "more", "usage", "version")

    def __init__(self, deleted: int, version: str | None, more: bool, usage: Receipt) -> None:
        self.deleted = deleted
        self.version = version
        self.more = more
        self.usage = usage


class EraseRequest(TypedDict, total=False):
    """What to erase: exactly one of `ids`, `keys` and `filter`."""

    ids: list[str] | None
    keys: list[str] | None
    filter: dict[str, Any] | None
    version: str | None


class ErasureBegun(AnswerPart):
    """It is deleted, and is being erased."""

    __slots__ = ("deleted", "id", "more", "status", "usage", "version")

    def __init__(
        self,
        id: str,
        status: Literal["pending", "gone"],
        deleted: int,
        version: str | None,
        more: bool,
        usage: Receipt,
    ) -> None:
        self.id = id
        self.status = status
        self.deleted = deleted
        self.version = version
        self.more = more
        self.usage = usage


class ErasurePage(AnswerPart):
    """A page of erasures, the oldest first."""

    __slots__ = ("cursor", "erasures")

    def __init__(self, erasures: list[ErasureReport], cursor: str | None) -> None:
        self.erasures = erasures
        self.cursor = cursor


class ErasurePlace(AnswerPart):
    """A place that may have something of it."""

    __slots__ = ("at", "place", "status", "until", "why")

    def __init__(
        self,
        place: Literal["segments", "log", "files", "values", "keys", "idempotent_answers", "peer"],
        status: Literal["pending", "gone"],
        at: str | None,
        until: str | None,
        why: str | None,
    ) -> None:
        self.place = place
        self.status = status
        self.at = at
        self.until = until
        self.why = why


class ErasureReport(AnswerPart):
    """What is gone from where."""

    __slots__ = ("copies", "deleted", "id", "places", "requested_at", "status")

    def __init__(
        self,
        id: str,
        status: Literal["pending", "gone"],
        requested_at: str,
        deleted: int,
        places: list[ErasurePlace],
        copies: list[str],
    ) -> None:
        self.id = id
        self.status = status
        self.requested_at = requested_at
        self.deleted = deleted
        self.places = places
        self.copies = copies


class Explanation(AnswerPart):
    """The parts by which the record was found."""

    __slots__ = ("sparse", "text", "vector")

    def __init__(
        self, vector: PartRank | None = None, text: PartRank | None = None, sparse: PartRank | None = None
    ) -> None:
        self.vector = vector
        self.text = text
        self.sparse = sparse


class _FetchNeeds(TypedDict):
    ids: list[str]


class Fetch(_FetchNeeds, total=False):
    """Which records to read."""

    encoding: Literal["numbers", "base64"]
    consistency: Literal["strong", "eventual"]
    version: str | None
    dry_run: bool


class Fetched(AnswerPart):
    """The records that exist, in the order asked for, and the ids of those that do not."""

    __slots__ = ("freshness", "missing", "records", "usage")

    def __init__(
        self,
        records: list[RecordInList],
        missing: list[str],
        usage: Receipt,
        freshness: Freshness | None = None,
    ) -> None:
        self.records = records
        self.missing = missing
        self.usage = usage
        self.freshness = freshness


class Field(AnswerPart):
    """A metadata field that some record has."""

    __slots__ = (
        "field",
        "records",
        "values",
    )

    def __init__(self, field: str, records: int, values: list[Values]) -> None:
        self.field = field
        self.records = records
        self.values = values


class FieldsAnswer(AnswerPart):
    """The fields, in order."""

    __slots__ = ("fields", "freshness", "more", "usage")

    def __init__(
        self, fields: list[Field], more: bool, usage: Receipt, freshness: Freshness | None = None
    ) -> None:
        self.fields = fields
        self.more = more
        self.usage = usage
        self.freshness = freshness


class Freshness(AnswerPart):
    """How far behind the active site an answer is that another site gave."""

    __slots__ = ("behind_ms", "consistency", "recovery_point_ms", "version")

    def __init__(
        self,
        consistency: Literal["eventual"],
        behind_ms: int | None,
        recovery_point_ms: int | None,
        version: str | None,
    ) -> None:
        self.consistency = consistency
        self.behind_ms = behind_ms
        self.recovery_point_ms = recovery_point_ms
        self.version = version


class Fusion(TypedDict, total=False):
    """How the rankings of several parts become one. `rrf`, which is meant where nothing is said: the sum of 1 / (k + rank). `weighted`: the sum of weights times scores, those of each part stretched to 0 … 1."""

    method: Literal["rrf", "weighted"]
    k: int
    vector: float
    text: float
    sparse: float


class _GetItemsNeeds(TypedDict):
    keys: list[str]


class GetItems(_GetItemsNeeds, total=False):
    """Which items to read."""

    consistency: Literal["strong", "eventual"]
    version: str | None
    dry_run: bool


class _GroupByFieldNeeds(TypedDict):
    field: str


class GroupByField(_GroupByFieldNeeds, total=False):
    """Groups of matches by the value of a metadata field."""

    per_group: int
    groups: int


class Group(AnswerPart):
    """Records that have these values. A string longer than 256 characters is shown by its beginning."""

    __slots__ = ("aggregates", "records", "values")

    def __init__(self, values: dict[str, Any], records: int, aggregates: dict[str, Any]) -> None:
        self.values = values
        self.records = records
        self.aggregates = aggregates


class Health(AnswerPart):
    """Whether this deployment can serve."""

    __slots__ = ("checks", "service", "status", "uptime_seconds", "version")

    def __init__(
        self,
        status: Literal["healthy", "degraded"],
        service: str,
        version: str,
        uptime_seconds: float,
        checks: Checks,
    ) -> None:
        self.status = status
        self.service = service
        self.version = version
        self.uptime_seconds = uptime_seconds
        self.checks = checks


class IdPage(AnswerPart):
    """A page of ids in order."""

    __slots__ = ("cursor", "freshness", "ids", "usage")

    def __init__(
        self, ids: list[str], cursor: str | None, usage: Receipt, freshness: Freshness | None = None
    ) -> None:
        self.ids = ids
        self.cursor = cursor
        self.usage = usage
        self.freshness = freshness


class Item(AnswerPart):
    """An item: `value` where its bytes are UTF-8 text, else `value_base64`; neither where only keys were asked for."""

    __slots__ = ("content_type", "expires_at", "key", "value", "value_base64", "version")

    def __init__(
        self,
        key: str,
        version: str,
        content_type: str,
        expires_at: str | None,
        value: str | None = None,
        value_base64: str | None = None,
    ) -> None:
        self.key = key
        self.version = version
        self.content_type = content_type
        self.expires_at = expires_at
        self.value = value
        self.value_base64 = value_base64


class ItemPage(AnswerPart):
    """A page of items in key order."""

    __slots__ = ("cursor", "freshness", "items", "usage")

    def __init__(
        self, items: list[Item], cursor: str | None, usage: Receipt, freshness: Freshness | None = None
    ) -> None:
        self.items = items
        self.cursor = cursor
        self.usage = usage
        self.freshness = freshness


class _ItemToPutNeeds(TypedDict):
    key: str


class ItemToPut(_ItemToPutNeeds, total=False):
    """An item to be written, with exactly one of `value`, `value_base64` and `json`."""

    value: str | None
    value_base64: str | None
    json: Any
    content_type: str | None
    ttl_seconds: float | None


class ItemsDeleted(AnswerPart):
    """How many keys existed."""

    __slots__ = ("deleted", "usage", "version")

    def __init__(self, deleted: int, version: str, usage: Receipt) -> None:
        self.deleted = deleted
        self.version = version
        self.usage = usage


class ItemsFound(AnswerPart):
    """The items that exist, in the order asked for, and the keys of those that do not."""

    __slots__ = ("freshness", "items", "missing", "usage")

    def __init__(
        self, items: list[Item], missing: list[str], usage: Receipt, freshness: Freshness | None = None
    ) -> None:
        self.items = items
        self.missing = missing
        self.usage = usage
        self.freshness = freshness


class ItemsPut(AnswerPart):
    """How many items were written, at which version."""

    __slots__ = ("put", "usage", "version")

    def __init__(self, put: int, version: str, usage: Receipt) -> None:
        self.put = put
        self.version = version
        self.usage = usage


class KeyChange(AnswerPart):
    """What a key is now, that changed; with history, one change of it, or its expiry."""

    __slots__ = (
        "at",
        "content_type",
        "expires_at",
        "key",
        "kind",
        "value",
        "value_base64",
        "value_bytes",
        "version",
    )

    def __init__(
        self,
        kind: Literal["put", "delete", "expire"],
        key: str,
        version: str,
        at: str,
        content_type: str | None = None,
        expires_at: str | None = None,
        value: str | None = None,
        value_base64: str | None = None,
        value_bytes: int | None = None,
    ) -> None:
        self.kind = kind
        self.key = key
        self.version = version
        self.at = at
        self.content_type = content_type
        self.expires_at = expires_at
        self.value = value
        self.value_base64 = value_base64
        self.value_bytes = value_bytes


class KeyChangePage(AnswerPart):
    """Which keys changed."""

    __slots__ = ("changes", "complete_until", "cursor", "freshness", "history", "more", "usage")

    def __init__(
        self,
        changes: list[KeyChange],
        cursor: str,
        more: bool,
        complete_until: str,
        history: bool,
        usage: Receipt,
        freshness: Freshness | None = None,
    ) -> None:
        self.changes = changes
        self.cursor = cursor
        self.more = more
        self.complete_until = complete_until
        self.history = history
        self.usage = usage
        self.freshness = freshness


class KeyCreated(AnswerPart):
    """A key with its text, which can be seen this once."""

    __slots__ = (
        "created_at",
        "created_by",
        "expires_at",
        "id",
        "key",
        "last_used_at",
        "name",
        "namespaces",
        "revoked_at",
        "scopes",
    )

    def __init__(
        self,
        id: str,
        name: str,
        scopes: list[Literal["read", "write", "admin"]],
        created_at: str,
        expires_at: str | None,
        revoked_at: str | None,
        namespaces: list[str] | None,
        created_by: str | None,
        last_used_at: str | None,
        key: str,
    ) -> None:
        self.id = id
        self.name = name
        self.scopes = scopes
        self.created_at = created_at
        self.expires_at = expires_at
        self.revoked_at = revoked_at
        self.namespaces = namespaces
        self.created_by = created_by
        self.last_used_at = last_used_at
        self.key = key


class KeyDeleted(AnswerPart):
    """Whether the key existed."""

    __slots__ = ("deleted", "usage", "version")

    def __init__(self, deleted: bool, version: str, usage: Receipt) -> None:
        self.deleted = deleted
        self.version = version
        self.usage = usage


class KeyList(AnswerPart):
    """All keys by creation time, revoked ones included."""

    __slots__ = ("keys",)

    def __init__(self, keys: list[KeySummary]) -> None:
        self.keys = keys


class KeyReplaced(AnswerPart):
    """The key before, and when it ends."""

    __slots__ = ("expires_at", "id")

    def __init__(self, id: str, expires_at: str) -> None:
        self.id = id
        self.expires_at = expires_at


class KeyRevoked(AnswerPart):
    """The key has ended."""

    __slots__ = ("ids", "revoked")

    def __init__(self, revoked: bool, ids: list[str]) -> None:
        self.revoked = revoked
        self.ids = ids


class KeyRotated(AnswerPart):
    """The key that follows another."""

    __slots__ = (
        "created_at",
        "created_by",
        "expires_at",
        "id",
        "key",
        "last_used_at",
        "name",
        "namespaces",
        "replaces",
        "revoked_at",
        "scopes",
    )

    def __init__(
        self,
        id: str,
        name: str,
        scopes: list[Literal["read", "write", "admin"]],
        created_at: str,
        expires_at: str | None,
        revoked_at: str | None,
        namespaces: list[str] | None,
        created_by: str | None,
        last_used_at: str | None,
        key: str,
        replaces: KeyReplaced,
    ) -> None:
        self.id = id
        self.name = name
        self.scopes = scopes
        self.created_at = created_at
        self.expires_at = expires_at
        self.revoked_at = revoked_at
        self.namespaces = namespaces
        self.created_by = created_by
        self.last_used_at = last_used_at
        self.key = key
        self.replaces = replaces


class KeySummary(AnswerPart):
    """A key without its secret."""

    __slots__ = (
        "created_at",
        "created_by",
        "expires_at",
        "id",
        "last_used_at",
        "name",
        "namespaces",
        "revoked_at",
        "scopes",
    )

    def __init__(
        self,
        id: str,
        name: str,
        scopes: list[Literal["read", "write", "admin"]],
        created_at: str,
        expires_at: str | None,
        revoked_at: str | None,
        namespaces: list[str] | None,
        created_by: str | None,
        last_used_at: str | None,
    ) -> None:
        self.id = id
        self.name = name
        self.scopes = scopes
        self.created_at = created_at
        self.expires_at = expires_at
        self.revoked_at = revoked_at
        self.namespaces = namespaces
        self.created_by = created_by
        self.last_used_at = last_used_at


class ListMatching(TypedDict, total=False):
    """Which records, in which order, and what of each."""

    filter: dict[str, Any] | None
    order_by: OrderBy | None
    limit: int
    cursor: str | None
    include_vectors: Literal[True, False, "base64"]
    include_metadata: Any
    consistency: Literal["strong", "eventual"]
    version: str | None
    dry_run: bool


class ListedRecord(AnswerPart):
    """A record, with what was asked for."""

    __slots__ = ("expires_at", "id", "metadata", "vector", "version")

    def __init__(
        self,
        id: str,
        version: str,
        vector: Vector | None = None,
        metadata: dict[str, Any] | None = None,
        expires_at: str | None = None,
    ) -> None:
        self.id = id
        self.version = version
        self.vector = vector
        self.metadata = metadata
        self.expires_at = expires_at


class Match(AnswerPart):
    """One match. Scores are higher for better matches, distances lower; only a search by vector alone has distances."""

    __slots__ = ("distance", "expires_at", "explain", "id", "metadata", "score", "vector", "version")

    def __init__(
        self,
        id: str,
        score: float,
        version: str,
        distance: float | None = None,
        explain: Explanation | None = None,
        vector: Vector | None = None,
        metadata: dict[str, Any] | None = None,
        expires_at: str | None = None,
    ) -> None:
        self.id = id
        self.score = score
        self.version = version
        self.distance = distance
        self.explain = explain
        self.vector = vector
        self.metadata = metadata
        self.expires_at = expires_at


class MatchGroup(AnswerPart):
    """Matches with one value, best first. Of a string longer than 256 characters the value is the beginning."""

    __slots__ = ("matches", "value")

    def __init__(self, value: Any, matches: list[Match]) -> None:
        self.value = value
        self.matches = matches


class NamespaceDeleted(AnswerPart):
    """The name is free again."""

    __slots__ = ("deleted",)

    def __init__(self, deleted: bool) -> None:
        self.deleted = deleted


class NamespaceDescription(AnswerPart):
    """A namespace with what it holds."""

    __slots__ = (
        "created_at",
        "dimension",
        "engine",
        "freshness",
        "key_history",
        "metric",
        "name",
        "precision",
        "purge_after_days",
        "shards",
        "sparse",
        "stats",
        "text",
    )

    def __init__(
        self,
        name: str,
        dimension: int | None,
        metric: Literal["cosine", "dot", "euclidean"],
        engine: Literal["auto", "exact", "annoy", "ivf", "hnsw"],
        precision: Literal["f32", "f16"],
        shards: int,
        purge_after_days: int,
        text: dict[str, TextFieldSettings],
        sparse: list[str],
        key_history: bool,
        created_at: str,
        stats: NamespaceStatistics,
        freshness: Freshness | None = None,
    ) -> None:
        self.name = name
        self.dimension = dimension
        self.metric = metric
        self.engine = engine
        self.precision = precision
        self.shards = shards
        self.purge_after_days = purge_after_days
        self.text = text
        self.sparse = sparse
        self.key_history = key_history
        self.created_at = created_at
        self.stats = stats
        self.freshness = freshness


class NamespacePage(AnswerPart):
    """A page of namespaces in name order."""

    __slots__ = ("cursor", "namespaces")

    def __init__(self, namespaces: list[NamespaceSummary], cursor: str | None) -> None:
        self.namespaces = namespaces
        self.cursor = cursor


class NamespaceStatistics(AnswerPart):
    """What a namespace holds."""

    __slots__ = (
        "degraded",
        "deleted_rows",
        "key_value_bytes",
        "keys",
        "records",
        "segment_bytes",
        "segments",
        "tail_rows",
    )

    def __init__(
        self,
        records: int,
        deleted_rows: int,
        tail_rows: int,
        segment_bytes: int,
        keys: int,
        key_value_bytes: int,
        segments: list[SegmentSummary],
        degraded: str | None,
    ) -> None:
        self.records = records
        self.deleted_rows = deleted_rows
        self.tail_rows = tail_rows
        self.segment_bytes = segment_bytes
        self.keys = keys
        self.key_value_bytes = key_value_bytes
        self.segments = segments
        self.degraded = degraded


class NamespaceSummary(AnswerPart):
    """A namespace and its settings."""

    __slots__ = (
        "created_at",
        "dimension",
        "engine",
        "key_history",
        "metric",
        "name",
        "precision",
        "purge_after_days",
        "shards",
        "sparse",
        "text",
    )

    def __init__(
        self,
        name: str,
        dimension: int | None,
        metric: Literal["cosine", "dot", "euclidean"],
        engine: Literal["auto", "exact", "annoy", "ivf", "hnsw"],
        precision: Literal["f32", "f16"],
        shards: int,
        purge_after_days: int,
        text: dict[str, TextFieldSettings],
        sparse: list[str],
        key_history: bool,
        created_at: str,
    ) -> None:
        self.name = name
        self.dimension = dimension
        self.metric = metric
        self.engine = engine
        self.precision = precision
        self.shards = shards
        self.purge_after_days = purge_after_days
        self.text = text
        self.sparse = sparse
        self.key_history = key_history
        self.created_at = created_at


class NamespaceUsage(AnswerPart):
    """What one namespace uses."""

    __slots__ = ("key_value_bytes", "keys", "name", "records", "segment_bytes")

    def __init__(self, name: str, records: int, segment_bytes: int, keys: int, key_value_bytes: int) -> None:
        self.name = name
        self.records = records
        self.segment_bytes = segment_bytes
        self.keys = keys
        self.key_value_bytes = key_value_bytes


class _NewKeyNeeds(TypedDict):
    name: str
    scopes: list[Literal["read", "write", "admin"]]


class NewKey(_NewKeyNeeds, total=False):
    """A key to be made."""

    expires_in_seconds: int | None
    namespaces: list[str] | None


class _NewNamespaceNeeds(TypedDict):
    name: str


class NewNamespace(_NewNamespaceNeeds, total=False):
    """Settings are fixed at creation."""

    dimension: int | None
    metric: Literal["cosine", "dot", "euclidean"]
    engine: Literal["auto", "exact", "annoy", "ivf", "hnsw"]
    precision: Literal["f32", "f16"]
    shards: int
    purge_after_days: int
    text: dict[str, TextFieldSettings]
    sparse: list[str]
    key_history: bool


class OrderBy(TypedDict, total=False):
    """By what records are listed. Equals are in id order."""

    field: str | None
    direction: Literal["asc", "desc"]


class PartRank(AnswerPart):
    """Where a record stands in the ranking of one part, the best at 1 and equals alike, and with which score."""

    __slots__ = (
        "rank",
        "score",
    )

    def __init__(self, rank: int, score: float) -> None:
        self.rank = rank
        self.score = score


class PatchOne(TypedDict, total=False):
    """Changes to one record's metadata, and to when it expires."""

    set: dict[str, Any] | None
    unset: list[str]
    ttl_seconds: float | None
    expires_at: str | None
    version: str | None
    dry_run: bool


class PatchRequest(TypedDict, total=False):
    """Changes to be made together, all of them or none: `patches`, or the fields of one for what a filter accepts."""

    patches: list[RecordPatch] | None
    filter: dict[str, Any] | None
    set: dict[str, Any] | None
    unset: list[str]
    ttl_seconds: float | None
    expires_at: str | None
    cursor: str | None
    version: str | None
    dry_run: bool


class PatchResult(AnswerPart):
    """How many records were patched, at which version."""

    __slots__ = ("cursor", "patched", "usage", "version")

    def __init__(self, patched: int, version: str | None, usage: Receipt, cursor: str | None = None) -> None:
        self.patched = patched
        self.version = version
        self.usage = usage
        self.cursor = cursor


class ProblemDocument(AnswerPart):
    """A problem document (RFC 9457)."""

    __slots__ = (
        "allowed",
        "code",
        "cursor",
        "detail",
        "failures",
        "field",
        "hint",
        "limit",
        "raise_at",
        "request_id",
        "resets_at",
        "status",
        "title",
        "type",
        "unit",
        "used",
    )

    def __init__(
        self,
        type: str,
        title: str,
        status: int,
        detail: str,
        code: str,
        field: str | None,
        hint: str | None,
        request_id: str,
        cursor: str | None = None,
        failures: list[UnmetCondition] | None = None,
        limit: str | None = None,
        used: int | None = None,
        allowed: int | None = None,
        unit: str | None = None,
        resets_at: str | None = None,
        raise_at: str | None = None,
    ) -> None:
        self.type = type
        self.title = title
        self.status = status
        self.detail = detail
        self.code = code
        self.field = field
        self.hint = hint
        self.request_id = request_id
        self.cursor = cursor
        self.failures = failures
        self.limit = limit
        self.used = used
        self.allowed = allowed
        self.unit = unit
        self.resets_at = resets_at
        self.raise_at = raise_at


class _PutItemsNeeds(TypedDict):
    items: list[ItemToPut]


class PutItems(_PutItemsNeeds, total=False):
    """Items to be written together: all of them or none."""

    version: str | None
    dry_run: bool


class ItemPut(AnswerPart):
    """The item's new version, which is also its ETag."""

    __slots__ = ("key", "usage", "version")

    def __init__(self, key: str, version: str, usage: Receipt) -> None:
        self.key = key
        self.version = version
        self.usage = usage


class Query(TypedDict, total=False):
    """A question: one of `vector` and `id`, or `text`, or `sparse`, or several of these."""

    vector: VectorLike
    id: str | None
    text: TextQuery | None
    sparse: SparseVector | None
    fusion: Fusion | None
    explain: bool
    top_k: int
    recall: float | None
    min_recall: float | None
    min_score: float | None
    filter: dict[str, Any] | None
    include_vectors: Literal[True, False, "base64"]
    include_metadata: bool
    group_by: GroupByField | None
    distinct: str | None
    page: bool
    cursor: str | None
    consistency: Literal["strong", "eventual"]
    version: str | None
    dry_run: bool


class _QueryBatchNeeds(TypedDict):
    queries: list[QueryInBatch]


class QueryBatch(_QueryBatchNeeds, total=False):
    """Several questions about one moment."""

    consistency: Literal["strong", "eventual"]
    version: str | None
    dry_run: bool


class QueryBatchAnswer(AnswerPart):
    """One answer for each question, in order. The time of each is that of all."""

    __slots__ = ("answers", "freshness", "usage")

    def __init__(
        self, answers: list[QueryResultInBatch], usage: Receipt, freshness: Freshness | None = None
    ) -> None:
        self.answers = answers
        self.usage = usage
        self.freshness = freshness


class QueryInBatch(TypedDict, total=False):
    """A question: one of `vector` and `id`, or `text`, or `sparse`, or several of these."""

    vector: VectorLike
    id: str | None
    text: TextQuery | None
    sparse: SparseVector | None
    fusion: Fusion | None
    explain: bool
    top_k: int
    recall: float | None
    min_recall: float | None
    min_score: float | None
    filter: dict[str, Any] | None
    include_vectors: Literal[True, False, "base64"]
    include_metadata: bool
    group_by: GroupByField | None
    distinct: str | None
    page: bool
    cursor: str | None


class QueryPerformance(AnswerPart):
    """How the answer was found."""

    __slots__ = ("milliseconds", "mode", "promised_recall", "rows_scored", "segments", "tail_rows")

    def __init__(
        self,
        milliseconds: float,
        mode: Literal["exact", "approximate"],
        segments: int,
        rows_scored: int,
        tail_rows: int,
        promised_recall: float | None = None,
    ) -> None:
        self.milliseconds = milliseconds
        self.mode = mode
        self.segments = segments
        self.rows_scored = rows_scored
        self.tail_rows = tail_rows
        self.promised_recall = promised_recall


class QueryReceipt(AnswerPart):
    """What the request used, in records and in units."""

    __slots__ = (
        "cost_usd",
        "read_units",
        "records_matched",
        "records_returned",
        "records_scored",
        "write_units",
    )

    def __init__(
        self,
        read_units: int,
        write_units: int,
        records_matched: int,
        records_scored: int,
        records_returned: int,
        cost_usd: str | None = None,
    ) -> None:
        self.read_units = read_units
        self.write_units = write_units
        self.records_matched = records_matched
        self.records_scored = records_scored
        self.records_returned = records_returned
        self.cost_usd = cost_usd


class QueryResult(AnswerPart):
    """Matches, best first."""

    __slots__ = ("cursor", "freshness", "groups", "matches", "performance", "usage")

    def __init__(
        self,
        matches: list[Match],
        usage: QueryReceipt,
        performance: QueryPerformance,
        freshness: Freshness | None = None,
        groups: list[MatchGroup] | None = None,
        cursor: str | None = None,
    ) -> None:
        self.matches = matches
        self.usage = usage
        self.performance = performance
        self.freshness = freshness
        self.groups = groups
        self.cursor = cursor


class QueryResultInBatch(AnswerPart):
    """Matches, best first."""

    __slots__ = ("cursor", "groups", "matches", "performance", "usage")

    def __init__(
        self,
        matches: list[Match],
        usage: QueryUsage,
        performance: QueryPerformance,
        groups: list[MatchGroup] | None = None,
        cursor: str | None = None,
    ) -> None:
        self.matches = matches
        self.usage = usage
        self.performance = performance
        self.groups = groups
        self.cursor = cursor


class QueryUsage(AnswerPart):
    """What the answer took, in records."""

    __slots__ = ("records_matched", "records_returned", "records_scored")

    def __init__(self, records_matched: int, records_scored: int, records_returned: int) -> None:
        self.records_matched = records_matched
        self.records_scored = records_scored
        self.records_returned = records_returned


class Quote(AnswerPart):
    """What the request would have used. Nothing was done."""

    __slots__ = (
        "dry_run",
        "usage",
    )

    def __init__(self, dry_run: Literal[True], usage: Receipt) -> None:
        self.dry_run = dry_run
        self.usage = usage


class Receipt(AnswerPart):
    """What the request used."""

    __slots__ = ("cost_usd", "read_units", "write_units")

    def __init__(self, read_units: int, write_units: int, cost_usd: str | None = None) -> None:
        self.read_units = read_units
        self.write_units = write_units
        self.cost_usd = cost_usd


class Record(AnswerPart):
    """A record."""

    __slots__ = ("expires_at", "freshness", "id", "metadata", "usage", "vector", "version")

    def __init__(
        self,
        id: str,
        metadata: dict[str, Any],
        version: str,
        usage: Receipt,
        freshness: Freshness | None = None,
        vector: Vector | None = None,
        expires_at: str | None = None,
    ) -> None:
        self.id = id
        self.metadata = metadata
        self.version = version
        self.usage = usage
        self.freshness = freshness
        self.vector = vector
        self.expires_at = expires_at


class RecordInList(AnswerPart):
    """A record."""

    __slots__ = ("expires_at", "id", "metadata", "vector", "version")

    def __init__(
        self,
        id: str,
        metadata: dict[str, Any],
        version: str,
        vector: Vector | None = None,
        expires_at: str | None = None,
    ) -> None:
        self.id = id
        self.metadata = metadata
        self.version = version
        self.vector = vector
        self.expires_at = expires_at


class RecordPage(AnswerPart):
    """A page of records in order."""

    __slots__ = ("cursor", "freshness", "records", "usage")

    def __init__(
        self,
        records: list[ListedRecord],
        cursor: str | None,
        usage: Receipt,
        freshness: Freshness | None = None,
    ) -> None:
        self.records = records
        self.cursor = cursor
        self.usage = usage
        self.freshness = freshness


class _RecordPatchNeeds(TypedDict):
    id: str


class RecordPatch(_RecordPatchNeeds, total=False):
    """Changes to one record's metadata, and to when it expires, in a batch."""

    set: dict[str, Any] | None
    unset: list[str]
    ttl_seconds: float | None
    expires_at: str | None


class _RecordToUpsertNeeds(TypedDict):
    id: str


class RecordToUpsert(_RecordToUpsertNeeds, total=False):
    """A record to be written."""

    vector: VectorLike
    metadata: dict[str, Any] | None
    ttl_seconds: float | None
    expires_at: str | None
    if_version: str | None
    if_absent: bool


class RotateKey(TypedDict, total=False):
    """How a key gives way to the next."""

    overlap_seconds: int
    expires_in_seconds: int | None


class SegmentSummary(AnswerPart):
    """One immutable segment."""

    __slots__ = ("bytes", "engine", "live_rows", "name", "rows", "shard")

    def __init__(self, name: str, shard: int, engine: str, rows: int, live_rows: int, bytes: int) -> None:
        self.name = name
        self.shard = shard
        self.engine = engine
        self.rows = rows
        self.live_rows = live_rows
        self.bytes = bytes


class _SparseVectorNeeds(TypedDict):
    indices: list[int]
    values: list[float]


class SparseVector(_SparseVectorNeeds, total=False):
    """A sparse vector: the best records have the greatest products with it."""

    field: str


class TextFieldSettings(TypedDict, total=False):
    """How the words of a field are found."""

    language: Literal[
        "arabic",
        "armenian",
        "basque",
        "catalan",
        "chinese",
        "czech",
        "danish",
        "dutch",
        "english",
        "esperanto",
        "estonian",
        "finnish",
        "french",
        "german",
        "greek",
        "hindi",
        "hungarian",
        "indonesian",
        "irish",
        "italian",
        "japanese",
        "khmer",
        "korean",
        "lao",
        "lithuanian",
        "nepali",
        "norwegian",
        "other",
        "persian",
        "polish",
        "portuguese",
        "romanian",
        "russian",
        "serbian",
        "spanish",
        "swedish",
        "tamil",
        "thai",
        "turkish",
        "yiddish",
    ]
    stemming: bool
    stopwords: bool


class TextQuery(TypedDict, total=False):
    """Words to find in the text fields that the namespace declares: the best records have many of them, and rare ones. `"in quotes"` is a phrase, `begin*` any word that begins so."""

    query: str
    fields: dict[str, float] | None
    must: list[str]
    should: list[str]
    must_not: list[str]


class UnmetCondition(AnswerPart):
    """A record whose condition does not hold."""

    __slots__ = ("id", "reason", "version")

    def __init__(self, id: str, version: str | None, reason: str) -> None:
        self.id = id
        self.version = version
        self.reason = reason


class _UpsertRequestNeeds(TypedDict):
    vectors: list[RecordToUpsert]


class UpsertRequest(_UpsertRequestNeeds, total=False):
    """Records to be written together: all of them or none."""

    version: str | None
    dry_run: bool


class Upserted(AnswerPart):
    """How many records were written, at which version."""

    __slots__ = ("upserted", "usage", "version")

    def __init__(self, upserted: int, version: str, usage: Receipt) -> None:
        self.upserted = upserted
        self.version = version
        self.usage = usage


class Usage(AnswerPart):
    """A page of namespaces with what they use, and the sums of that page."""

    __slots__ = ("cursor", "namespaces", "totals")

    def __init__(self, namespaces: list[NamespaceUsage], totals: UsageTotals, cursor: str | None) -> None:
        self.namespaces = namespaces
        self.totals = totals
        self.cursor = cursor


class UsageTotals(AnswerPart):
    """Sums over the namespaces of the answer."""

    __slots__ = ("key_value_bytes", "keys", "namespaces", "records", "segment_bytes")

    def __init__(
        self, namespaces: int, records: int, segment_bytes: int, keys: int, key_value_bytes: int
    ) -> None:
        self.namespaces = namespaces
        self.records = records
        self.segment_bytes = segment_bytes
        self.keys = keys
        self.key_value_bytes = key_value_bytes


class Values(AnswerPart):
    """Values of one type, those in arrays included."""

    __slots__ = ("count", "max", "min", "type")

    def __init__(self, type: Literal["boolean", "number", "string"], count: int, min: Any, max: Any) -> None:
        self.type = type
        self.count = count
        self.min = min
        self.max = max
