"""The usage line: what one request leaves behind, as JSON of at most LINE_BYTES_MAX bytes.

It is the access log, and what is billed. It never has a key's text, an id of a record, a path or anything of a body.
What is nothing, 0 or absent is left out.

Names may be longer than a line has room for. What is, is cut and ends in `~` and eight digits of its hash, so that two
names stay two; no tenant of the platform and no request id of our own is ever that long.
"""

from __future__ import annotations

from hashlib import blake2b

import orjson

from quartzdb.api.trace import Trace
from quartzdb.domain.units import NOTHING
from quartzdb.services.ports import BROWSER

VERSION = 1
LINE_BYTES_MAX = 350
ID_CHARACTERS_MAX = 32
TENANT_CHARACTERS_MAX = 32
NAMESPACE_CHARACTERS_MAX = 48
SITE_CHARACTERS_MAX = 16
_HASH_BYTES = 4


def usage_line(
    trace: Trace, *, site: str, at_ms: int, status: int | None, milliseconds: float, bytes_out: int
) -> bytes:
    """The line of a request that was answered at that time; `status` None: it was not. `code` says why it failed."""
    # What failed uses nothing, even where it failed after its work was done. Of nobody's request nothing is kept.
    units = trace.units if status is not None and status < 400 else NOTHING
    namespace = trace.namespace if trace.tenant else None
    line = {
        "v": VERSION,
        "id": shortened(trace.request_id, ID_CHARACTERS_MAX),
        "at": at_ms,
        "tenant": shortened(trace.tenant or "", TENANT_CHARACTERS_MAX),
        # Pages have another key every few minutes: counted one by one they would be most of what is counted.
        "key": BROWSER if trace.of_browser else trace.key_id,
        "namespace": shortened(namespace or "", NAMESPACE_CHARACTERS_MAX),
        "op": trace.operation,
        "status": status,
        "ms": round(milliseconds, 1),
        "in": trace.bytes_in,
        "out": bytes_out,
        "records": trace.records,
        "read_units": units.read,
        "write_units": units.write,
        "site": shortened(site, SITE_CHARACTERS_MAX),
        "code": trace.code,
    }
    return orjson.dumps({name: value for name, value in line.items() if value})


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and a hash of all of it."""
    if len(text) <= most:
        return text
    digest = blake2b(text.encode(), digest_size=_HASH_BYTES).hexdigest()
    return f"{text[: most - len(digest) - 1]}~{digest}"
