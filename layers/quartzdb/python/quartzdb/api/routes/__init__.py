"""Routes by surface and family."""

from __future__ import annotations

from quartzdb.api.operation import Family
from quartzdb.api.routes import (
    aggregates,
    changes,
    cloudflare,
    cloudflare_vectors,
    docs,
    erasures,
    health,
    key_changes,
    keys,
    keyvalue,
    keyvalue_json,
    listing,
    namespaces,
    query,
    replication,
    usage,
    vectors,
)

FAMILIES: tuple[Family, ...] = (
    namespaces.FAMILY,
    query.FAMILY,
    vectors.FAMILY,
    listing.FAMILY,
    aggregates.FAMILY,
    keyvalue.FAMILY,
    keyvalue_json.FAMILY,
    changes.FAMILY,
    key_changes.FAMILY,
    erasures.FAMILY,
    keys.FAMILY,
    usage.FAMILY,
    replication.FAMILY,
    health.FAMILY,
    cloudflare.FAMILY,
    cloudflare_vectors.FAMILY,
    docs.FAMILY,
)
"""Every operation there is, in the order in which they are documented and matched."""
