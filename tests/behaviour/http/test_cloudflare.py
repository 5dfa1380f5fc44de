"""The Cloudflare-compatible surface of this server, beyond the contract: tests/contracts/http has that."""

from __future__ import annotations

from tests.behaviour.http.client import Client


def test_its_data_is_the_default_namespace(http: Client) -> None:
    """So /v1 sees it, and what /v1 writes is seen here."""
    vector = [1.0, *[0.0] * 383]
    http.post("/api/vector/insert", {"id": "a", "vector": vector, "metadata": {"x": 1}})
    http.post("/api/put", {"key": "k", "value": "v"})
    assert http.get("/v1/namespaces/default/vectors/a").json()["metadata"] == {"x": 1}
    assert http.get("/v1/namespaces/default/kv/k").content == b"v"
    http.put("/v1/namespaces/default/kv/bytes", content=b"\xffx")
    assert http.get("/api/get/bytes").json()["value"] == "\ufffdx"


def test_only_it_may_be_read_by_any_page(http: Client) -> None:
    """Also what is refused before it is read; /v1 is not open like that."""
    refused = http.post("/api/put", content=b"x", headers={"Content-Length": "99999999999"})
    assert refused.status_code == 413
    assert refused.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in http.get("/v1/namespaces").headers
