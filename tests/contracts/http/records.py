"""Records of the default namespace, as tests write them."""

from __future__ import annotations

from typing import Any

from tests.contracts.http.deployments import Asking

DIMENSION = 384


def vector(*first: float) -> list[float]:
    """Some numbers, and zeros up to the namespace's dimension."""
    return [*first, *([0.0] * (DIMENSION - len(first)))]


def insert(http: Asking, record_id: str, *first: float, **more: Any) -> None:
    body = {"id": record_id, "vector": vector(*first), **more}
    assert http.post("/api/vector/insert", body).status_code == 200
