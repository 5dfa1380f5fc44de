"""Which function answers which paths, in CloudFront's patterns: the first that matches decides. Imports nothing."""

from __future__ import annotations

NAMED_PATHS = ("/v1/namespaces/*/kv/*", "/v1/namespaces/*/vectors/*", "/v1/namespaces/*/erasures/*")
"""What ends in a key or an id, which may look like any path: `kv/a/query`, `vectors/query`. CloudFront's `*` spans
slashes, so these come before the searches, and never go to a function that may not read what they name. No search
matches them, because a namespace's name has no slash.
"""
SEARCH_PATHS = ("/v1/namespaces/*/query", "/v1/namespaces/*/query/batch", "/api/vector/search")
"""What the search function answers. All methods go there; the application refuses those that there are not."""
READ_PATHS = ("/", "/health", "/api/get/*", "/api/vector/get/*", "/api/vector/stats")
"""What both clouds answer, and only to GET, HEAD and OPTIONS: where there are two, a group of origins asks the other
where the first fails. CloudFront takes no other method on a path of a group.
"""
DOCS_PATHS = ("/docs", "/docs/*")
"""Where the documentation is files, if it is: else the database answers there."""
PLATFORM_PATHS = "/platform/*"
"""What the platform's function answers, where there is one. The database has no path like it."""
