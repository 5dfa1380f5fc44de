"""A synchronous client of an ASGI application in this process: requests arrive as a server would hand them over."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

import httpx
from starlette.types import ASGIApp

BASE = "http://quartzdb.test"


class Client:
    """Sends a key with every request unless told otherwise. `close` it."""

    def __init__(self, app: ASGIApp, key: str | None = None) -> None:
        self.app = app
        self.key = key
        self._loop = asyncio.new_event_loop()
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; `key=None` sends none."""
        headers = dict(options.pop("headers", {}))
        key = options.pop("key", self.key)
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return self._loop.run_until_complete(self._client.request(method, path, headers=headers, **options))

    def together(self, *requests: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
        """Several requests at the same time."""

        async def all_of_them() -> list[httpx.Response]:
            key = {"Authorization": f"Bearer {self.key}"}
            return await asyncio.gather(
                *(
                    self._client.request(
                        method, path, **{**options, "headers": {**key, **options.get("headers", {})}}
                    )
                    for method, path, options in requests
                )
            )

        return self._loop.run_until_complete(all_of_them())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Any) -> httpx.Response:
        return self.request("HEAD", path, **options)

    def post(self, path: str, json: object = None, **options: Any) -> httpx.Response:
        if "content" not in options:
            options["json"] = json
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PUT", path, **options)

    def patch(self, path: str, json: object, **options: Any) -> httpx.Response:
        return self.request("PATCH", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def close(self) -> None:
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def refused(response: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """Hold an answer to be a problem document of /v1, and give it back."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["code"] == code, problem
    assert problem["status"] == status
    assert problem["type"] == f"/docs/problems#{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
    if field is not None:
        assert problem["field"] == field, problem
    return problem


def refused_as_cloudflare(response: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """Hold an answer to be an error of the Cloudflare-compatible surface, and give it back."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["access-control-allow-origin"] == "*"
    document: dict[str, Any] = response.json()
    assert set(document) == {"success", "error", "code"}
    assert document["success"] is False
    if code is not None:
        assert document["code"] == code, document
    return document
