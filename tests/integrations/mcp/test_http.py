"""Who may ask a server on HTTP."""

from __future__ import annotations

import httpx2
import pytest

from quartzdb_mcp.http import Address, Door
from tests.integrations.mcp.conftest import TLS, TOKEN, serving

ASK = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "0"},
    },
}
HEADERS = {"Accept": "application/json, text/event-stream"}


def _status(url: str, **headers: str) -> int:
    return httpx2.post(url, json=ASK, headers={**HEADERS, **headers}, verify=TLS).status_code


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "localhost:1"}, 421),
        ({"Origin": "http://localhost:{port}"}, 200),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Content-Type": "text/plain"}, 400),
    ],
)
def test_pages_of_other_sites_do_not_get_in(endpoint: str, headers: dict[str, str], status: int) -> None:
    """A name that was made to point here is not one of this machine's names."""
    port = str(httpx2.URL(endpoint).port)
    sent = {name: value.replace("{port}", port) for name, value in headers.items()}
    assert _status(endpoint, **sent) == status


def test_clients_before_the_present_protocol_are_answered(endpoint: str) -> None:
    """By initialize, without sessions."""
    answered = httpx2.post(endpoint, json=ASK, headers=HEADERS, verify=TLS)
    assert answered.json()["result"]["serverInfo"]["name"] == "quartzdb"
    assert "mcp-session-id" not in answered.headers


def test_a_token_is_asked_for_where_there_is_one() -> None:
    """On every path, and before anything is looked at."""
    with serving(token=TOKEN) as url:
        assert _status(url, Authorization=f"Bearer {TOKEN}") == 200
        for wrong in (None, "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN):
            headers = {} if wrong is None else {"Authorization": wrong}
            refused = httpx2.post(url, json=ASK, headers={**HEADERS, **headers}, verify=TLS)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            assert "Authorization: Bearer" in refused.json()["hint"]
        assert httpx2.get(url.replace("/mcp", "/other"), verify=TLS).status_code == 401


def test_a_body_that_is_too_large_is_refused(endpoint: str) -> None:
    """Before it is parsed."""
    assert (
        httpx2.post(
            endpoint, content=b" " * 5_000_000, headers={**HEADERS, "Content-Type": "application/json"}
        ).status_code
        == 413
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_beyond_loopback_there_has_to_be_a_token(host: str) -> None:
    """Whatever the address looks like."""
    with pytest.raises(ValueError, match="QUARTZDB_MCP_TOKEN"):
        Door(Address(host, 80), ["example.com"])
    with pytest.raises(ValueError, match="16 characters"):
        Door(Address(host, 80), ["example.com"], "short")
    Door(Address(host, 80), ["example.com"], TOKEN)


def test_names_are_said_where_every_address_is_listened_at() -> None:
    """Nothing else tells them."""
    with pytest.raises(ValueError, match="--allowed-host"):
        Door(Address.of("0.0.0.0:80"), [], TOKEN)
    security = Door(Address.of("0.0.0.0:80"), ["mcp.example.com", "b:8443"], TOKEN).security(80)
    assert security.enable_dns_rebinding_protection
    assert security.allowed_hosts == ["mcp.example.com", "mcp.example.com:80", "b:8443"]
    assert "https://mcp.example.com" in security.allowed_origins
    with pytest.raises(ValueError, match="no name of a host"):
        Door(Address.of("0.0.0.0:80"), ["https://mcp.example.com"], TOKEN)


@pytest.mark.parametrize(
    ("text", "meant", "loopback"),
    [
        ("127.0.0.1:1", Address("127.0.0.1", 1), True),
        ("127.9.9.9:1", Address("127.9.9.9", 1), True),
        ("[::1]:8931", Address("::1", 8931), True),
        ("localhost:0", Address("localhost", 0), True),
        ("localhost.example.com:1", Address("localhost.example.com", 1), False),
        ("10.0.0.1:1", Address("10.0.0.1", 1), False),
    ],
)
def test_addresses(text: str, meant: Address, loopback: bool) -> None:
    """A host and a port."""
    assert Address.of(text) == meant
    assert meant.loopback is loopback


@pytest.mark.parametrize("text", ["", "8931", ":8931", "host", "host:", "host:x", "host:70000", "host:-1"])
def test_what_is_no_address(text: str) -> None:
    """Is told with an example."""
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:8931"):
        Address.of(text)


def test_a_door_does_not_show_its_token() -> None:
    """In no traceback."""
    assert TOKEN not in repr(Door(Address("127.0.0.1", 1), (), TOKEN))
