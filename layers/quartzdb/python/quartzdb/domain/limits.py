"""Every limit on user input, in one place; the HTTP schema and the documentation quote these."""

from typing import NamedTuple

ID_BYTES_MAX = 512
"""Of a record's id in UTF-8."""
ID_PATTERN = r"^(?!\.{1,2}$)[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+$"
"""Printable text: no control characters, nor what breaks lines. "." and ".." mean another place in a URL's path."""
ID_END = "\U0010ffff"
"""The last code point, which no id has: it ends ranges of ids."""
CONTRACT_ID_CHARACTERS_MAX = 256
CONTRACT_ID_PATTERN = r"^[A-Za-z0-9_-]{1,256}$"
"""What the Cloudflare contract takes."""
DIMENSION_MAX = 4096
METADATA_BYTES_MAX = 32 * 1024
METADATA_MERGED_BYTES_MAX = 1024 * 1024
"""What merged patches of several writers may make of metadata: taken from exports and peers, from nobody else."""
METADATA_DEPTH_MAX = 32
DECLARED_NAME_PATTERN = r"^[^$.][^.]*$"
"""Of a metadata field that a namespace declares as text or sparse: a top-level one."""
TEXT_FIELDS_MAX = 16
"""Of a namespace: metadata fields that are searched as text. Each has its own statistics and postings."""
SPARSE_FIELDS_MAX = 4
"""Of a namespace: metadata fields that hold sparse vectors."""
SPARSE_ENTRIES_MAX = 1_024
"""Of one sparse vector; SPLADE gives a few hundred. As JSON they also have to fit into METADATA_BYTES_MAX."""
SPARSE_INDEX_MAX = 2**32 - 1
NAMESPACE_NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"

UPSERT_RECORDS_MAX = 1_000
"""Records in one /v1 upsert or patch batch (the Cloudflare contract's own batch limit is 100)."""
FETCH_IDS_MAX = 1_000
DELETE_IDS_MAX = 10_000
DELETE_BY_FILTER_MAX = 100_000
"""Records that one delete-by-filter removes; the answer says whether more are left."""
PATCH_BY_FILTER_MAX = 1_000
"""Records that one patch by filter changes; the answer has a cursor if there are more."""
TOP_K_MAX = 1_000
PAGED_DEPTH_MAX = 10_000
"""How deep the pages of a query go where an index is searched; where everything that matches is scored, to its end."""
GROUPS_ASKED_MAX = 200
GROUP_MATCHES_MAX = 100
"""Groups of a query, and matches of each: TOP_K_MAX together."""
QUERIES_MAX = 100
"""Queries in one batch."""
RECALL_MIN = 0.5
"""The lowest recall that a query may ask for; the highest is 1, which scores every matching record."""
FUSION_K_MAX = 10_000
FUSION_WEIGHT_MAX = 1e6
TEXT_QUERY_CHARACTERS_MAX = 8_192
"""Of all clauses of one text query together."""
TEXT_CLAUSES_MAX = 256
PREFIX_WORDS_MAX = 4_096
"""Different words of one field that a prefix may stand for in one segment."""
LIST_LIMIT_MAX = 1_000
CHOSEN_FIELDS_MAX = 100
"""Metadata fields that a listing may name to be shown."""
GROUP_FIELDS_MAX = 2
AGGREGATES_MAX = 16
PERCENTILES_MAX = 16
TOP_VALUES_MAX = 1_000
GROUPS_SHOWN_MAX = 1_000
FIELDS_SHOWN_MAX = 1_000
"""Of a namespace's schema."""
GROUPS_MAX = 100_000
"""Different groups, or different values of one aggregate, that are counted for one answer."""
NAMESPACES_PER_TENANT_MAX = 10_000
PURGE_AFTER_DAYS_MAX = 3_650

KEY_CHARACTERS_MAX = 512
VALUE_BYTES_MAX = 10 * 1024 * 1024
KV_BATCH_ITEMS_MAX = 1_000
KV_BATCH_BYTES_MAX = 32 * 1024 * 1024
TTL_SECONDS_MIN = 0.001
TTL_SECONDS_MAX = 10 * 365 * 24 * 3600
"""Of a record or key-value that expires."""
CONTENT_TYPE_CHARACTERS_MAX = 256

BODY_BYTES_MAX = 64 * 1024 * 1024
"""Any request body, counted while it streams in and again after decompression."""


class JsonLimit(NamedTuple):
    """What a JSON document may be, counted in its bytes before it is parsed: as objects it takes far more memory.

    `values_max`: commas, colons and opening brackets outside strings; `containers_max`: opening brackets alone.
    """

    bytes_max: int
    values_max: int
    containers_max: int
    depth_max: int = 64


SMALL_JSON = JsonLimit(64 * 1024, 2_048, 256)
"""Of settings and of names: namespaces, API keys, a single id."""
FILTER_JSON = JsonLimit(1024 * 1024, 20_000, 2_048)
"""Of a filter alone: room for FILTER_COST_MAX."""
IDS_JSON = JsonLimit(4 * 1024 * 1024, 40_000, 2_048)
"""Of ids, or a filter."""
KEYS_JSON = JsonLimit(8 * 1024 * 1024, 4_096, 64)
"""Of keys: each has up to KEY_CHARACTERS_MAX, of up to 12 bytes when it is escaped."""
QUERY_JSON = JsonLimit(2 * 1024 * 1024, 30_000, 2_048)
"""Of one question: a vector as numbers and a filter."""
QUERIES_JSON = JsonLimit(16 * 1024 * 1024, 500_000, 8_192)
"""Of QUERIES_MAX questions."""
RECORD_JSON = JsonLimit(512 * 1024, 30_000, 16_384)
"""Of one record, or changes to its metadata."""
WRITE_JSON = JsonLimit(BODY_BYTES_MAX, 5_000_000, 250_000)
"""Of UPSERT_RECORDS_MAX records: their vectors as numbers, and a thousand metadata values each."""
VALUES_JSON = JsonLimit(BODY_BYTES_MAX, 1_000_000, 250_000, 512)
"""Of key-value items, whose values may be JSON themselves."""
VALUE_MEMORY_BYTES = 32
"""What a parsed value is taken to occupy, such as a number in an array; a container: CONTAINER_MEMORY_BYTES more."""
CONTAINER_MEMORY_BYTES = 224

FILTER_COST_MAX = 16_384
"""What the filters of one request may cost together: FILTER_CLAUSE_COST for each clause, 1 for each operand in it."""
FILTER_CLAUSE_COST = 16
ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""What one answer may have: a thousand vectors of the largest dimension as numbers."""
ANSWER_RECORD_BYTES = 512
"""What a record is taken to have in an answer, without its vector and metadata."""
NUMBER_BYTES_MAX = 16
"""A 32-bit float as JSON, with its comma."""

WAIT_SECONDS_MAX = 20
"""How long a request for changes may wait for some."""
KEY_HISTORY_VALUE_BYTES_MAX = 32 * 1024
"""Of a value that the history of key-values keeps; a larger one is told without."""
CHANGES_DAYS = 7
"""How long a cursor of a change feed is good, where a deployment says nothing else."""
CHANGES_DAYS_MAX = 365
DAY_MS = 24 * 3_600_000
KEPT_FOR_EVER_MS = 100 * 365 * DAY_MS
"""Longer than there has been any of these databases."""
CHANGES_BYTES_MAX = 4 * 1024 * 1024
"""Of events as JSON on one page of a change feed; the first one is always on it."""

IDEMPOTENCY_KEY_CHARACTERS_MAX = 255
IDEMPOTENCY_TTL_SECONDS = 24 * 3600
ERASURES_OPEN_MAX = 1_000
"""Of a namespace at a time: each look of maintenance reads all that are open."""
SHARDS_MAX = 64
"""Of a namespace: a write that touches every shard is still one transaction of DynamoDB, which takes 100 items."""
TIME_MS_MAX = 253_402_300_799_999
"""The end of the year 9999, the last that dates of RFC 3339 have: a later time could be stored, but never be shown."""
