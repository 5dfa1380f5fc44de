"""Records, patches and queries as they are sent: what may be written shortly, at length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quartzdb_client.calls import query_of
from quartzdb_client.moments import Moment, Never, written
from quartzdb_client.vectors import encoded


def record_to_send(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record to be written. Raises ValueError, TypeError."""
    sent = {name: value for name, value in record.items() if value is not None}
    if "vector" in sent:
        sent["vector"] = encoded(sent["vector"])
    if "expires_at" in sent:
        sent["expires_at"] = written(sent["expires_at"])
    return sent


def patch_to_send(patch: Mapping[str, Any]) -> dict[str, Any]:
    """A patch of several. `expires_at` may be None or NEVER: from now on it does not expire. Raises ValueError."""
    until = patch.get("expires_at")
    if until is None:
        return dict(patch)
    return {**patch, "expires_at": None if isinstance(until, Never) else written(until)}


def question(asked: Mapping[str, Any]) -> dict[str, Any]:
    """A query. Words alone are those of any field, a field alone is what is grouped by. Raises ValueError,
    TypeError."""
    sent = {name: value for name, value in asked.items() if value is not None}
    if "vector" in sent:
        sent["vector"] = encoded(sent["vector"])
    if sent.get("include_vectors"):
        sent["include_vectors"] = "base64"
    if isinstance(text := sent.get("text"), str):
        sent["text"] = {"query": text}
    if isinstance(field := sent.get("group_by"), str):
        sent["group_by"] = {"field": field}
    if "sparse" in sent:
        sent["sparse"] = {name: _list(one) for name, one in sent["sparse"].items()}
    return sent


def order(order_by: str | Mapping[str, Any] | None, descending: bool) -> dict[str, Any] | None:
    """By what records are listed: a field, or the API's own words. None: by id."""
    named: Mapping[str, Any] = {"field": order_by} if isinstance(order_by, str) else order_by or {}
    return {**named, **({"direction": "desc"} if descending else {})} or None


def feed_place(
    cursor: str | None, from_beginning: bool, since: Moment | None, wait: float | None
) -> dict[str, str]:
    """Where a feed goes on, or begins. Where it begins it does not wait: a second attempt would begin later."""
    if cursor is not None:
        return query_of(cursor=cursor, wait=wait)
    begin = {"from": "beginning"} if from_beginning else {}
    return {**begin, **query_of(since=None if since is None else written(since))}


def _list(numbers: Any) -> Any:
    return numbers.tolist() if hasattr(numbers, "tolist") else numbers
