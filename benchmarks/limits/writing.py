"""Trials of what is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from benchmarks.limits.requests import (
    MANY,
    MANY_RECORDS,
    WHAT,
    WIDE,
    Each,
    Request,
    Trial,
    create,
    encoded,
    nested,
    query,
    record,
    upsert,
)
from quartzdb.domain import limits


def records() -> Iterator[Trial]:
    least = {"vector": [1.0] * 8}
    records_made: Each = (
        ("ID_BYTES_MAX", limits.ID_BYTES_MAX, lambda n: {"id": "i" * n, **least}),
        (
            "METADATA_BYTES_MAX",
            limits.METADATA_BYTES_MAX,
            lambda n: {"id": "m", "metadata": {"t": "x" * (n - 8)}, **least},
        ),
        (
            "METADATA_DEPTH_MAX",
            limits.METADATA_DEPTH_MAX,
            lambda n: {"id": "d", "metadata": nested(n), **least},
        ),
    )
    for name, most, make in records_made:
        yield Trial([name], WHAT[name], upsert(MANY, [make(most)]), upsert(MANY, [make(most + 1)]))
    most = limits.UPSERT_RECORDS_MAX
    yield Trial(
        ["UPSERT_RECORDS_MAX", "DIMENSION_MAX"],
        f"a batch of {most:,} records of {limits.DIMENSION_MAX:,} numbers, in base64",
        upsert(WIDE, [encoded(number) for number in range(most)]),
        upsert(MANY, [record(number, 8, {}) for number in range(most + 1)]),
    )
    body = json.dumps(
        {"vectors": [record(number, limits.DIMENSION_MAX, {}) for number in range(most)]}
    ).encode()
    yield Trial(
        ["BODY_BYTES_MAX"],
        f"{most:,} records of {limits.DIMENSION_MAX:,} numbers as JSON, and blanks up to the limit",
        Request("POST", f"/namespaces/{WIDE}/vectors", body.ljust(limits.BODY_BYTES_MAX)),
        Request("POST", f"/namespaces/{WIDE}/vectors", body.ljust(limits.BODY_BYTES_MAX + 1)),
    )
    for name, path, most in (
        ("FETCH_IDS_MAX", "fetch", limits.FETCH_IDS_MAX),
        ("DELETE_IDS_MAX", "delete", limits.DELETE_IDS_MAX),
    ):
        ids = [f"gone-{number}" if path == "delete" else f"{number}" for number in range(most + 1)]
        top = f"/namespaces/{MANY}/vectors/{path}"
        yield Trial(
            [name],
            f"{path} {most:,} ids",
            Request("POST", top, {"ids": ids[:-1]}),
            Request("POST", top, {"ids": ids}),
        )
    whole = {"vector": [1.0] * limits.DIMENSION_MAX, "top_k": limits.TOP_K_MAX, "include_vectors": True}
    yield Trial(
        ["ANSWER_BYTES_MAX"],
        f"a query that answers {limits.TOP_K_MAX:,} vectors of {limits.DIMENSION_MAX:,} numbers as JSON",
        query(WIDE, **whole),
        Request("POST", f"/namespaces/{WIDE}/query/batch", {"queries": [whole, {**whole, "top_k": 100}]}),
    )


def key_values() -> Iterator[Trial]:
    top = f"/namespaces/{MANY}"

    def put(key: str = "k", value: bytes = b"v", asked: str = "", **headers: str) -> Request:
        return Request(
            "PUT",
            f"{top}/kv/{key}{asked}",
            value,
            {name.replace("_", "-"): said for name, said in headers.items()},
        )

    single: Each = (
        ("KEY_CHARACTERS_MAX", limits.KEY_CHARACTERS_MAX, lambda n: put(key="k" * n)),
        ("VALUE_BYTES_MAX", limits.VALUE_BYTES_MAX, lambda n: put(value=bytes(n))),
        (
            "CONTENT_TYPE_CHARACTERS_MAX",
            limits.CONTENT_TYPE_CHARACTERS_MAX,
            lambda n: put(Content_Type="text/" + "x" * (n - 5)),
        ),
        (
            "IDEMPOTENCY_KEY_CHARACTERS_MAX",
            limits.IDEMPOTENCY_KEY_CHARACTERS_MAX,
            lambda n: put(Idempotency_Key="i" * n),
        ),
        ("TTL_SECONDS_MAX", limits.TTL_SECONDS_MAX, lambda n: put(asked=f"?ttl_seconds={n}")),
    )
    for name, most, make in single:
        yield Trial([name], WHAT[name], make(most), make(most + 1))
    yield Trial(
        ["TTL_SECONDS_MIN"],
        f"a value that expires after {limits.TTL_SECONDS_MIN} s",
        put(asked=f"?ttl_seconds={limits.TTL_SECONDS_MIN}"),
        put(asked=f"?ttl_seconds={limits.TTL_SECONDS_MIN / 2}"),
    )
    items = [{"key": f"k{number}", "value": "v"} for number in range(limits.KV_BATCH_ITEMS_MAX + 1)]
    yield Trial(
        ["KV_BATCH_ITEMS_MAX"],
        f"a batch of {limits.KV_BATCH_ITEMS_MAX:,} values",
        *(Request("POST", f"{top}/kv-batch/put", {"items": one}) for one in (items[:-1], items)),
    )
    part = limits.KV_BATCH_BYTES_MAX // 4
    large = [{"key": f"l{number}", "value": "v" * part} for number in range(4)]
    yield Trial(
        ["KV_BATCH_BYTES_MAX"],
        f"a batch of 4 values of {part:,} bytes",
        *(
            Request("POST", f"{top}/kv-batch/put", {"items": one})
            for one in (large, [*large, {"key": "more", "value": "v"}])
        ),
    )


def namespaces() -> Iterator[Trial]:
    settings: Each = (
        ("DIMENSION_MAX", limits.DIMENSION_MAX, lambda n: {"dimension": n}),
        ("TEXT_FIELDS_MAX", limits.TEXT_FIELDS_MAX, lambda n: {"text": {f"f{one}": {} for one in range(n)}}),
        (
            "SPARSE_FIELDS_MAX",
            limits.SPARSE_FIELDS_MAX,
            lambda n: {"sparse": [f"f{one}" for one in range(n)]},
        ),
        ("SHARDS_MAX", limits.SHARDS_MAX, lambda n: {"dimension": 8, "shards": n}),
        (
            "PURGE_AFTER_DAYS_MAX",
            limits.PURGE_AFTER_DAYS_MAX,
            lambda n: {"dimension": 8, "purge_after_days": n},
        ),
    )
    for name, most, make in settings:
        place = name.lower()
        yield Trial([name], WHAT[name], *(create(f"{place}-{one}", make(one)) for one in (most, most + 1)))


def by_filter() -> Iterator[Trial]:
    every: dict[str, Any] = {"filter": {}}
    top = f"/namespaces/{MANY}/vectors"
    yield Trial(
        ["PATCH_BY_FILTER_MAX"],
        f"a patch by filter of {MANY_RECORDS:,} records, of which it changes {limits.PATCH_BY_FILTER_MAX:,}",
        Request("POST", f"{top}/patch", {**every, "set": {"seen": True}}),
        None,
    )
    yield Trial(
        ["DELETE_BY_FILTER_MAX"],
        f"a deletion by filter of {MANY_RECORDS:,} records, of which it takes {limits.DELETE_BY_FILTER_MAX:,}",
        Request("POST", f"{top}/delete", every),
        None,
    )
