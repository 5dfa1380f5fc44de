"""A namespace as a stored JSON document, for every catalog."""

from __future__ import annotations

import json
from functools import lru_cache

from quartzdb.domain.declared_fields import parse_text, text_document
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import (
    DEFAULT_PURGE_AFTER_DAYS,
    EngineChoice,
    Namespace,
    NamespaceSettings,
    Precision,
)


def encode_namespace(namespace: Namespace) -> bytes:
    """The document; the same namespace always gives the same bytes."""
    settings = namespace.settings
    return json.dumps(
        {
            "tenant": namespace.tenant,
            "name": namespace.name,
            "generation": namespace.generation,
            "created_at_ms": namespace.created_at_ms,
            "dimension": settings.dimension,
            "metric": settings.metric,
            "engine": settings.engine,
            "precision": settings.precision,
            # Left out where there is one: what most namespaces have.
            **({"shards": settings.shards} if settings.shards > 1 else {}),
            **(
                {"purge_after_days": settings.purge_after_days}
                if settings.purge_after_days != DEFAULT_PURGE_AFTER_DAYS
                else {}
            ),
            **({"text": text_document(settings.text)} if settings.text else {}),
            **({"sparse": settings.sparse} if settings.sparse else {}),
            **({"key_history": True} if settings.key_history else {}),
        },
        separators=(",", ":"),
    ).encode()


@lru_cache(
    maxsize=16_384
)  # maintenance asks for all again and again, requests for theirs, and none ever changes
def decode_namespace(document: bytes) -> Namespace:
    """The namespace of a document."""
    stored = json.loads(document)
    return Namespace(
        tenant=stored["tenant"],
        name=stored["name"],
        generation=stored["generation"],
        settings=NamespaceSettings(
            dimension=stored["dimension"],
            metric=Metric(stored["metric"]),
            engine=EngineChoice(stored["engine"]),
            precision=Precision(stored["precision"]),
            shards=stored.get("shards", 1),
            purge_after_days=stored.get("purge_after_days", DEFAULT_PURGE_AFTER_DAYS),
            text=parse_text(stored.get("text", {})),
            sparse=tuple(stored.get("sparse", ())),
            key_history=stored.get("key_history", False),
        ),
        created_at_ms=stored["created_at_ms"],
    )
