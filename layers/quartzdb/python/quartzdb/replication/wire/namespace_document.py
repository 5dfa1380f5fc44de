"""Shared namespaces and their settings as JSON documents, and back."""

from __future__ import annotations

from typing import Any

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import DIMENSION_MAX
from quartzdb.domain.metric import Metric
from quartzdb.replication.ports import SharedNamespace
from quartzdb.replication.wire import fields
from quartzdb.replication.wire.declared_document import declared_in, declared_members
from quartzdb.replication.wire.fields import within

NAMESPACES_MAX = 100_000


def namespace_document(namespace: SharedNamespace) -> dict[str, Any]:
    """One namespace with its settings."""
    return {
        "tenant": namespace.tenant,
        "namespace": namespace.namespace,
        "dimension": namespace.dimension,
        "metric": namespace.metric.value,
        **declared_members(namespace.declared),
    }


def settings_document(namespace: SharedNamespace) -> dict[str, Any]:
    """The settings alone."""
    return {
        "dimension": namespace.dimension,
        "metric": namespace.metric.value,
        **declared_members(namespace.declared),
    }


def parse_namespaces(document: object) -> tuple[str, list[SharedNamespace]]:
    """A site's name and what it shares. Raises InvalidArgument."""
    answer = fields.object_of(document, "")
    site = fields.text_in(answer, "site", "")
    return site, fields.list_of(answer.get("namespaces"), "namespaces", parse_namespace, NAMESPACES_MAX)


def parse_namespace(document: object, position: str) -> SharedNamespace:
    """One namespace with its settings. Raises InvalidArgument."""
    namespace = fields.object_of(document, position)
    dimension, metric = parse_settings(namespace, position)
    return SharedNamespace(
        fields.text_in(namespace, "tenant", position),
        fields.text_in(namespace, "namespace", position),
        dimension,
        metric,
        declared_in(namespace, position),
    )


def parse_settings(document: object, position: str) -> tuple[int | None, Metric]:
    """Dimension and metric. Raises InvalidArgument."""
    settings = fields.object_of(document, position)
    dimension = fields.integer_or_none_in(settings, "dimension", position)
    if dimension is not None and not 1 <= dimension <= DIMENSION_MAX:
        raise InvalidArgument(f"A dimension is 1 to {DIMENSION_MAX}.", field=within(position, "dimension"))
    metric = fields.text_in(settings, "metric", position)
    if metric not in set(Metric):
        raise InvalidArgument(
            f"{metric[:80]!r} is no metric.", field=within(position, "metric"), hint=", ".join(Metric)
        )
    return dimension, Metric(metric)
