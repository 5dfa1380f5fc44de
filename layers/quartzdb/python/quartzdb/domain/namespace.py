"""Namespaces: an isolated set of records with one dimension and metric, and of key-value items."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from enum import StrEnum
from hashlib import blake2b

from quartzdb.domain.declared_fields import check_declared
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import (
    DIMENSION_MAX,
    NAMESPACE_NAME_PATTERN,
    PURGE_AFTER_DAYS_MAX,
    SHARDS_MAX,
)
from quartzdb.domain.metric import Metric
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.values import dataclass

DEFAULT_NAMESPACE = "default"
"""Where the Cloudflare-compatible surface keeps its data."""
DEFAULT_DIMENSION = 384
DEFAULT_PURGE_AFTER_DAYS = 30
HISTORY_SHARD = 1 << 20
"""No shard's number: that of the history of key-values."""

_NAME = re.compile(NAMESPACE_NAME_PATTERN)
# What a tenant is called becomes part of keys and paths, so it may have no separator, nor climb.
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class EngineChoice(StrEnum):
    """How a namespace's segments are searched; `auto` decides by segment size."""

    AUTO = "auto"
    EXACT = "exact"
    ANNOY = "annoy"
    IVF = "ivf"
    HNSW = "hnsw"


class Precision(StrEnum):
    """How a namespace's vectors are kept in segments: f32 returns them bit for bit, f16 halves the bytes."""

    F32 = "f32"
    F16 = "f16"


@dataclass(frozen=True, slots=True)
class NamespaceSettings:
    """What is fixed at creation. Without dimension there are no vectors: records are text or sparse then, and where
    none of that is declared either, the namespace is for key-values only.

    `shards`: over how many partitions the records are spread. Key-values are not: each is an item of its own.
    `purge_after_days`: after how long a row that was deleted or replaced makes its segment due to be rewritten without
    it, however few they are.
    `key_history`: every change of a key-value is kept for change feeds, not only the last state of each key.
    `text`: metadata fields that are searched as text, and how each is analysed. `sparse`: metadata fields that hold
    sparse vectors.
    """

    dimension: int | None = None
    metric: Metric = Metric.COSINE
    engine: EngineChoice = EngineChoice.AUTO
    precision: Precision = Precision.F32
    shards: int = 1
    purge_after_days: int = DEFAULT_PURGE_AFTER_DAYS
    text: Mapping[str, TextField] = field(default_factory=dict, hash=False)
    sparse: tuple[str, ...] = ()
    key_history: bool = False

    @property
    def holds_records(self) -> bool:
        """Whether there are records: without, the namespace is for key-values only."""
        return self.dimension is not None or self.searched

    @property
    def searched(self) -> bool:
        """Whether metadata fields are declared that are searched by words or as sparse vectors."""
        return bool(self.text) or bool(self.sparse)

    @property
    def vector_size(self) -> int:
        """How many numbers the vector of a record has: 0 where records have none."""
        return self.dimension or 0

    @property
    def vector_bytes(self) -> int:
        """What a vector takes as it is stored."""
        return self.vector_size * (2 if self.precision is Precision.F16 else 4)

    def __post_init__(self) -> None:
        if self.dimension is not None and not 1 <= self.dimension <= DIMENSION_MAX:
            raise InvalidArgument(
                f"The dimension must be 1 to {DIMENSION_MAX}, not {self.dimension}.", field="dimension"
            )
        if not 1 <= self.shards <= SHARDS_MAX:
            raise InvalidArgument(
                f"A namespace has 1 to {SHARDS_MAX} shards, not {self.shards}.", field="shards"
            )
        if not 1 <= self.purge_after_days <= PURGE_AFTER_DAYS_MAX:
            raise InvalidArgument(
                f"Deleted rows stay in segments for 1 to {PURGE_AFTER_DAYS_MAX} days, not {self.purge_after_days}.",
                field="purge_after_days",
                hint="For single records sooner, erase them.",
            )
        check_declared(self.text, self.sparse)
        if self.shards > 1 and not self.holds_records:
            raise InvalidArgument(
                "Only a namespace with a dimension or text has shards: it is records that are spread over them.",
                field="shards",
                hint="Give a dimension or text fields, or leave `shards` out.",
            )


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace as the catalog has it.

    `generation` is new at each creation and part of every log key and blob name, so a namespace that is deleted and
    created again sees nothing of its past.

    The same namespace stands for each of its shards, with its number in `shard`: whatever is done to one log and its
    segments takes it like that. HAZARD: the catalog's is that of the first shard, which is all of it only where there
    is one; go through `each_shard`, or ask for the one of an id.
    """

    tenant: str
    name: str
    generation: str
    # A generation has its settings for ever: what tells namespaces apart need not hash them, a thousand times a query.
    settings: NamespaceSettings = field(hash=False)
    created_at_ms: int = field(hash=False)
    shard: int = 0

    def declaring(self, settings: NamespaceSettings) -> Namespace:
        """The namespace with the text and sparse fields of these settings, unless it has any."""
        if self.settings.searched or not settings.searched:
            return self
        return replace(self, settings=replace(self.settings, text=settings.text, sparse=settings.sparse))

    @property
    def partition(self) -> Partition:
        """Where this shard's log and segments live; the first one's is where the key-values live, too."""
        return Partition(self.tenant, self.name, self.generation, self.shard)

    @property
    def shard_name(self) -> str:
        """A name that no other shard has, nor one of another generation: that of the generation, for the first."""
        return f"{self.generation}/{self.shard}" if self.shard else self.generation

    @property
    def each_shard(self) -> tuple[Namespace, ...]:
        """The namespace as each of its shards, in their order."""
        if self.settings.shards == 1:
            return (self,)
        return tuple(replace(self, shard=number) for number in range(self.settings.shards))

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """The partition of each shard, in their order."""
        return tuple(one.partition for one in self.each_shard)

    def shard_of(self, record_id: str) -> Namespace:
        """The namespace as the shard that has the id."""
        if self.settings.shards == 1:
            return self
        return replace(self, shard=shard_number(record_id, self.settings.shards))

    def partition_of(self, record_id: str) -> Partition:
        """Where the record of an id lives."""
        return self.shard_of(record_id).partition

    def by_shard(self, ids: Iterable[str]) -> dict[Namespace, list[str]]:
        """The ids of each shard that has any of them, in the order in which they come."""
        if self.settings.shards == 1:
            return {self: list(ids)}
        found: dict[int, list[str]] = {}
        for record_id in ids:
            found.setdefault(shard_number(record_id, self.settings.shards), []).append(record_id)
        return {replace(self, shard=number): some for number, some in sorted(found.items())}

    def shard_at(self, partition: Partition) -> Namespace | None:
        """The namespace as the shard that lives there; None where none of this generation does."""
        number = partition.shard
        one = replace(self, shard=number) if 0 <= number < self.settings.shards else None
        return one if one is not None and one.partition == partition else None


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """The address of one generation's data: the prefix of its log keys, key-value items and blobs."""

    tenant: str
    namespace: str
    generation: str
    shard: int = 0

    def __str__(self) -> str:
        return f"{self.tenant}/{self.namespace}/{self.generation}/{self.shard}"

    @property
    def of_history(self) -> Partition:
        """Where what is kept of changes of this partition's key-values lives: items of the same table."""
        return Partition(self.tenant, self.namespace, self.generation, HISTORY_SHARD)

    @staticmethod
    def parse(text: str) -> Partition:
        """Read the text form back."""
        tenant, namespace, generation, shard = text.split("/")
        return Partition(tenant, namespace, generation, int(shard))


def shard_number(record_id: str, shards: int) -> int:
    """The shard of an id, for ever: what decides it is part of how data lies.

    A hash of its own kind, so that what a merge divides by another hash of the id (maintenance/merge_plan.py) is
    divided evenly in every shard.
    """
    digest = blake2b(record_id.encode(), digest_size=8, person=b"quartzdb-shard").digest()
    return int.from_bytes(digest, "little") % shards


def is_namespace_name(name: str) -> bool:
    """Whether a namespace could be called so."""
    return _NAME.fullmatch(name) is not None


def check_namespace_name(name: str, field: str = "namespace") -> str:
    """The name, if it may be one. Raises InvalidArgument; nothing that could climb a path ever passes."""
    if not is_namespace_name(name):
        raise InvalidArgument(
            f"{name[:80]!r} is no namespace name.",
            field=field,
            hint="Use 1 to 63 characters: lower-case letters, digits, '-' and '_', beginning with a letter or digit.",
        )
    return name


def check_tenant(tenant: str, field: str = "tenant") -> str:
    """The tenant, if it may be one. Raises InvalidArgument."""
    if not _TENANT.fullmatch(tenant):
        raise InvalidArgument(
            f"{tenant[:80]!r} is no tenant.",
            field=field,
            hint="1 to 63 characters of A-Z, a-z, 0-9, '_', '.' and '-', beginning with a letter or digit.",
        )
    return tenant
