"""Every limit on user input, in one place; the HTTP schema and the documentation quote these."""

ID_CHARACTERS_MAX = 256
ID_PATTERN = r"^[A-Za-z0-9_-]{1,256}$"
DIMENSION_MAX = 4096
METADATA_BYTES_MAX = 32 * 1024
METADATA_DEPTH_MAX = 32
NAMESPACE_NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"

UPSERT_RECORDS_MAX = 1_000
"""Records in one /v1 upsert or patch batch (the Cloudflare contract's own batch limit is 100)."""
FETCH_IDS_MAX = 1_000
DELETE_IDS_MAX = 10_000
DELETE_BY_FILTER_MAX = 100_000
"""Records that one delete-by-filter removes; the answer says whether more are left."""
TOP_K_MAX = 1_000
QUERIES_MAX = 100
"""Queries in one batch."""
RECALL_MIN = 0.5
"""The lowest recall that a query may ask for; the highest is 1, which scores every matching record."""
LIST_LIMIT_MAX = 1_000
NAMESPACES_PER_TENANT_MAX = 10_000

KEY_CHARACTERS_MAX = 512
VALUE_BYTES_MAX = 10 * 1024 * 1024
KV_BATCH_ITEMS_MAX = 1_000
KV_BATCH_BYTES_MAX = 32 * 1024 * 1024
TTL_SECONDS_MAX = 10 * 365 * 24 * 3600
CONTENT_TYPE_CHARACTERS_MAX = 256

BODY_BYTES_MAX = 64 * 1024 * 1024
"""Any request body, counted while it streams in and again after decompression."""
IDEMPOTENCY_KEY_CHARACTERS_MAX = 255
IDEMPOTENCY_TTL_SECONDS = 24 * 3600
SHARDS_MAX = 64
"""Of a namespace: a write that touches every shard is still one transaction of DynamoDB, which takes 100 items."""
