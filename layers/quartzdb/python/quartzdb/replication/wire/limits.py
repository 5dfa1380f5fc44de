"""The limits of the protocol between two sites; docs/replication.md quotes these."""

from quartzdb.domain.limits import METADATA_MERGED_BYTES_MAX

CHANGES_MAX = 500
PAGE_BYTES_MAX = 4 * 1024 * 1024
"""Of all changes of one page as JSON. A single change may be larger."""
ENVELOPE_BYTES_MAX = 64 * 1024
"""What a request may have beside its changes."""
FOREIGN_METADATA_BYTES_MAX = METADATA_MERGED_BYTES_MAX
"""More than a client may write: two sites write numbers differently, and a feed must not stop at a byte too many."""
ENTRIES_MAX = 1_000
FETCH_IDS_MAX = 100
API_KEYS_MAX = 500
GRANTS_MAX = 500
ERASURES_MAX = 500
BUCKETS = 256
CLOCK_SKEW_MS_MAX = 500
SITE_PATTERN = r"^[a-z0-9-]{1,32}$"
FEED_KEPT_MS = 7 * 24 * 3_600_000
"""The longest that a feed, and what is deleted, is kept for a peer."""
FETCHED_MAX = FETCH_IDS_MAX * 10_000
"""Changes that make the state of FETCH_IDS_MAX ids: a record may have as many patches as metadata has fields."""
