"""Namespaces: an isolated set of records with one dimension and metric, and of key-value items."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import DIMENSION_MAX, NAMESPACE_NAME_PATTERN
from quartzdb.domain.metric import Metric

DEFAULT_NAMESPACE = "default"
"""Where the Cloudflare-compatible surface keeps its data."""
DEFAULT_DIMENSION = 384

_NAME = re.compile(NAMESPACE_NAME_PATTERN)


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
    """What is fixed at creation. `dimension` None is a namespace for key-values only."""

    dimension: int | None = None
    metric: Metric = Metric.COSINE
    engine: EngineChoice = EngineChoice.AUTO
    precision: Precision = Precision.F32

    def __post_init__(self) -> None:
        if self.dimension is not None and not 1 <= self.dimension <= DIMENSION_MAX:
            raise InvalidArgument(
                f"The dimension must be 1 to {DIMENSION_MAX}, not {self.dimension}.", field="dimension"
            )


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace as the catalog has it.

    `generation` is new at each creation and part of every log key and blob name, so a namespace that is deleted and
    created again sees nothing of its past.
    """

    tenant: str
    name: str
    generation: str
    settings: NamespaceSettings
    created_at_ms: int

    @property
    def partition(self) -> Partition:
        """Where this generation's log and key-values live."""
        return Partition(self.tenant, self.name, self.generation)


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """The address of one generation's data: the prefix of its log keys, key-value items and blobs."""

    tenant: str
    namespace: str
    generation: str
    shard: int = 0

    def __str__(self) -> str:
        return f"{self.tenant}/{self.namespace}/{self.generation}/{self.shard}"

    @staticmethod
    def parse(text: str) -> Partition:
        """Read the text form back."""
        tenant, namespace, generation, shard = text.split("/")
        return Partition(tenant, namespace, generation, int(shard))


def check_namespace_name(name: str, field: str = "namespace") -> str:
    """The name, if it may be one. Raises InvalidArgument; nothing that could climb a path ever passes."""
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"{name[:80]!r} is no namespace name.",
            field=field,
            hint="Use 1 to 63 characters: lower-case letters, digits, '-' and '_', beginning with a letter or digit.",
        )
    return name
