"""What a client may write to a namespace: ids, vectors, metadata, batches. Pure; raises InvalidArgument and its kinds.

Replication holds what another site sends to the same rules, so that a site never takes what its own clients could not
have written.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import field
from types import MappingProxyType

import numpy as np

from quartzdb.domain.change import Metadata
from quartzdb.domain.condition import Condition
from quartzdb.domain.declared_values import check_sparse, check_text
from quartzdb.domain.errors import (
    DuplicateId,
    InvalidArgument,
    InvalidMetadata,
    InvalidVector,
    PreconditionFailed,
    RecordNotFound,
    TooLarge,
    UnmetCondition,
)
from quartzdb.domain.expiry import EXPIRY_FIELD, with_expiry
from quartzdb.domain.limits import METADATA_BYTES_MAX
from quartzdb.domain.metadata import check_metadata
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import Namespace, Precision
from quartzdb.domain.record import Record, check_id
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Vector, check_dimension, check_direction

F16_MAX = 65_504.0
F16_MIN = 2.0**-24
"""Half of it and less is rounded to 0."""


@dataclass(frozen=True, slots=True, eq=False)
class NewRecord:
    """A record to be written. `expires_at_ms` (unix) is when it is gone, None for never."""

    id: str
    vector: Vector
    metadata: Metadata = field(default_factory=dict)
    expires_at_ms: int | None = None

    @property
    def stored_metadata(self) -> Metadata:
        """With the moment of expiry."""
        return with_expiry(self.metadata, self.expires_at_ms)


@dataclass(frozen=True, slots=True)
class MetadataPatch:
    """Top-level metadata fields to set and to remove; the rest of the record stays.

    `expires_at_ms` (unix) is when the record is gone from now on; with `keeps` it never is. Without either that stays.
    """

    id: str
    set: Metadata = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    expires_at_ms: int | None = None
    keeps: bool = False

    @property
    def stored_set(self) -> Metadata:
        """What it sets, with the moment of expiry."""
        return with_expiry(self.set, self.expires_at_ms)

    @property
    def stored_unset(self) -> tuple[str, ...]:
        """What it removes, with the moment of expiry."""
        return (*self.unset, EXPIRY_FIELD) if self.keeps else self.unset


Conditions = Mapping[str, Condition]
"""The condition of each id that has one."""
UNCONDITIONAL: Conditions = MappingProxyType({})


def check_conditions(conditions: Conditions, present: Mapping[str, Record]) -> None:
    """Raises PreconditionFailed for those of the named ids that are not as their conditions say."""
    failures = []
    for record_id, condition in conditions.items():
        version = present[record_id].version if record_id in present else None
        if not condition.holds(version):
            reason = condition.failure(f"The record {record_id!r}", version)
            failures.append(UnmetCondition(record_id, None if version is None else str(version), reason))
    if failures:
        others = f" So it is with {len(failures) - 1} others." if len(failures) > 1 else ""
        raise PreconditionFailed(
            failures[0].reason + others,
            field="id",
            hint="Nothing was written. Fetch the records again and decide anew.",
            failures=failures,
        )


def check_record(
    namespace: Namespace,
    record: NewRecord,
    field: str,
    *,
    metadata_bytes_max: int = METADATA_BYTES_MAX,
    exported: bool = False,
) -> None:
    """Raises what is wrong with one record; `field` is where it stands in the request.

    `exported`: it was a database's, which may hold in declared fields what its peer has told it.
    """
    prefix = f"{field}." if field else ""
    check_id(record.id, f"{prefix}id")
    check_own_vector(namespace, record.vector, f"{prefix}vector")
    check_metadata(record.metadata, field=f"{prefix}metadata", bytes_max=metadata_bytes_max)
    _check_own(record.metadata, f"{prefix}metadata")
    if not exported:
        check_declared_values(namespace, record.metadata, f"{prefix}metadata")


def check_declared_values(namespace: Namespace, metadata: Metadata, field: str) -> None:
    """Raises InvalidMetadata where a field that is declared as text or sparse has something else. Null is nothing."""
    settings = namespace.settings
    for name in settings.text:
        if metadata.get(name) is not None:
            check_text(metadata[name], f"{field}.{name}")
    for name in settings.sparse:
        if metadata.get(name) is not None:
            check_sparse(metadata[name], f"{field}.{name}")


def check_own_vector(namespace: Namespace, vector: Vector, field: str) -> None:
    """As check_vector, and where records have no vector, raises InvalidVector for one that is there."""
    require_records(namespace)
    if namespace.settings.dimension is not None:
        check_vector(namespace, vector, field)
    elif vector.size:
        raise InvalidVector(
            f"The namespace {namespace.name!r} was created without a dimension: its records have no vectors.",
            field=field,
            hint="Leave the vector out, or create a namespace with a dimension.",
        )


def check_vector(namespace: Namespace, vector: Vector, field: str) -> None:
    """Raises DimensionMismatch or InvalidVector for what the namespace cannot compare or hold."""
    check_comparable(vector, dimension_of(namespace), namespace.settings.metric, field)
    if namespace.settings.precision is not Precision.F16:
        return
    if np.max(np.abs(vector)) > F16_MAX:
        raise InvalidVector(
            f"An entry is larger than {F16_MAX:g}, the largest number of this namespace's f16 precision.",
            field=field,
            hint="Scale the vectors down, or use a namespace with precision f32.",
        )
    if namespace.settings.metric is Metric.COSINE and not as_stored(namespace, vector).any():
        raise InvalidVector(
            f"All entries are so small that they are 0 in this namespace's f16 precision ({F16_MIN:g} is its smallest "
            "number): the record would have no direction to compare under the cosine metric.",
            field=field,
            hint="Scale the vectors up, which changes no cosine, or use a namespace with precision f32.",
        )


def check_comparable(vector: Vector, dimension: int, metric: Metric, field: str = "vector") -> None:
    """Raises DimensionMismatch or InvalidVector for what the metric is not defined for."""
    if not vector.size:
        raise InvalidVector(
            "The vector is missing.", field=field, hint=f"This namespace has {dimension} numbers in each."
        )
    check_dimension(vector, dimension, field)
    if metric is Metric.COSINE:
        check_direction(vector, field)


def check_patch(namespace: Namespace, patch: MetadataPatch, field: str) -> None:
    """Raises what is wrong with a patch, whatever record it is for."""
    check_id(patch.id, f"{field}.id")
    check_changes(namespace, patch, f"{field}.")


def check_changes(namespace: Namespace, patch: MetadataPatch, prefix: str = "") -> None:
    """Raises what is wrong with what a patch sets and unsets, of whichever records."""
    require_records(namespace)
    _check_fields(patch, prefix)
    check_declared_values(namespace, patch.set, f"{prefix}set")
    _check_own(patch.set, f"{prefix}set")
    _check_own(patch.unset, f"{prefix}unset")
    if not (patch.set or patch.unset or patch.keeps or patch.expires_at_ms is not None):
        raise InvalidArgument(
            "The patch changes nothing.",
            field=prefix.removesuffix(".") or "set",
            hint="Give `set`, `unset`, `ttl_seconds` or `expires_at`.",
        )
    both = patch.set.keys() & set(patch.unset)
    if both:
        raise InvalidArgument(f"{sorted(both)[0]!r} is both set and unset.", field=f"{prefix}unset")


def check_fields(patch: MetadataPatch, field: str, bytes_max: int = METADATA_BYTES_MAX) -> None:
    """Raises what is wrong with the fields that a patch names."""
    check_id(patch.id, f"{field}.id")
    _check_fields(patch, f"{field}.", bytes_max)


def _check_own(names: Container[str], field: str) -> None:
    if EXPIRY_FIELD in names:
        raise InvalidMetadata(
            f"{EXPIRY_FIELD!r} is no field of metadata: records keep there when they expire.",
            field=field,
            hint="Say it with `ttl_seconds` or `expires_at`, beside the metadata.",
        )


def _check_fields(patch: MetadataPatch, prefix: str, bytes_max: int = METADATA_BYTES_MAX) -> None:
    check_metadata(patch.set, field=f"{prefix}set", bytes_max=bytes_max)
    check_metadata(dict.fromkeys(patch.unset), field=f"{prefix}unset", bytes_max=bytes_max)


def check_batch(ids: Sequence[str], most: int, field: str) -> None:
    """Raises TooLarge for an empty or too long batch, DuplicateId for an id that comes twice."""
    if not 1 <= len(ids) <= most:
        raise TooLarge(
            f"A batch has 1 to {most} entries, not {len(ids)}.", field=field, hint="Split the batch."
        )
    seen: set[str] = set()
    for position, record_id in enumerate(ids):
        if record_id in seen:
            raise DuplicateId(
                f"The id {record_id!r} comes twice in one batch.",
                field=f"{field}[{position}]",
                hint="A batch is applied at once, so each id may come once.",
            )
        seen.add(record_id)


def require_records(namespace: Namespace) -> None:
    """Raises InvalidArgument where there are key-values only."""
    if not namespace.settings.holds_records:
        raise InvalidArgument(
            f"The namespace {namespace.name!r} was created without a dimension: it holds key-values only.",
            field="namespace",
            hint="Create a namespace with a dimension for vectors, or with text fields.",
        )


def dimension_of(namespace: Namespace) -> int:
    """How many entries a vector has here. Raises InvalidArgument where there are no vectors."""
    require_records(namespace)
    dimension = namespace.settings.dimension
    if dimension is None:
        raise InvalidArgument(
            f"The namespace {namespace.name!r} was created without a dimension: it is searched by text, not by vector.",
            field="namespace",
            hint="Ask with `text` or `sparse`, or create a namespace with a dimension for vectors.",
        )
    return dimension


def as_stored(namespace: Namespace, vector: Vector) -> Vector:
    """The vector as it will be read, (d,) f32: rounded when it is written, so that folding changes nothing."""
    if namespace.settings.precision is Precision.F16 and vector.size:
        return vector.astype(np.float16).astype(np.float32)
    return vector


def record_not_found(record_id: str, field: str) -> RecordNotFound:
    """The error for an id that has no live record."""
    return RecordNotFound(f"There is no record {record_id!r}.", field=field)
