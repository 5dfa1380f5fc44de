"""Receipts: every answer of an operation that uses units says how many, and its usage line has the same.

The size of an answer is that without its receipt, so a receipt never costs anything.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from quartzdb.api.answer import JSON, Answer, Headers
from quartzdb.api.call import Call
from quartzdb.api.freshness import freshness_document
from quartzdb.api.idempotency import HEADER as IDEMPOTENCY_KEY
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.units import Units, cost_usd, units_read

USAGE_HEADER = "X-Usage"
_NONE: Mapping[str, object] = {}


def read_answer(
    call: Call,
    document: Mapping[str, object],
    *,
    reads: int = 1,
    records: int = 0,
    usage: Mapping[str, object] = _NONE,
    headers: Headers = (),
    dry_run: bool = False,
) -> Answer:
    """A document that was read, with the receipt; `usage`: what its `usage` says besides. A dry run has that alone."""
    body = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return read_body(call, body, reads=reads, records=records, usage=usage, headers=headers, dry_run=dry_run)


def read_body(
    call: Call,
    body: bytes,
    *,
    reads: int = 1,
    records: int = 0,
    usage: Mapping[str, object] = _NONE,
    headers: Headers = (),
    dry_run: bool = False,
) -> Answer:
    """The same of a document, not an empty one, that is JSON already."""
    units = units_read(reads, len(body))
    if dry_run:
        return quote(call, units, headers)
    call.trace.used(units, records)
    receipt = orjson.dumps({**usage, **receipt_of(call, units)})
    told = b',"usage":' + receipt
    if call.behind is not None:
        told += b',"freshness":' + orjson.dumps(freshness_document(call.behind))
    return Answer(200, body[:-1] + told + b"}", JSON, headers)


def write_answer(
    call: Call,
    document: Mapping[str, object],
    units: Units,
    *,
    records: int,
    status: int = 200,
    headers: Headers = (),
) -> Answer:
    """What a write has to say, with the receipt."""
    call.trace.used(units, records)
    return Answer(status, orjson.dumps({**document, "usage": receipt_of(call, units)}), JSON, headers)


def quote(call: Call, units: Units, headers: Headers = ()) -> Answer:
    """What a request would have used, of which nothing was done. Raises InvalidArgument under an idempotency key."""
    if IDEMPOTENCY_KEY in call.headers:
        # Its answer would be kept, and the request itself be refused under the same key.
        raise InvalidArgument(
            "A dry run does nothing that could be done twice.",
            field=IDEMPOTENCY_KEY,
            hint=f"Send it without {IDEMPOTENCY_KEY}.",
        )
    return Answer(200, orjson.dumps({"dry_run": True, "usage": receipt_of(call, units)}), JSON, headers)


def unsaid(call: Call, answer: Answer, *, records: int = 1) -> Answer:
    """The answer of a read in a form that is fixed and has no receipt: it is counted all the same."""
    call.trace.used(units_read(1, len(answer.body)), records)
    return answer


def usage_header(call: Call, answer_bytes: int) -> Headers:
    """The receipt of a read whose answer is no JSON document."""
    units = units_read(1, answer_bytes)
    call.trace.used(units, 1)
    return ((USAGE_HEADER, orjson.dumps(receipt_of(call, units)).decode()),)


def receipt_of(call: Call, units: Units) -> dict[str, object]:
    """Units, and what they cost where the tenant has prices."""
    receipt: dict[str, object] = {"read_units": units.read, "write_units": units.write}
    prices = call.principal.grant.prices
    if prices is not None:
        receipt["cost_usd"] = cost_usd(units, prices)
    return receipt
