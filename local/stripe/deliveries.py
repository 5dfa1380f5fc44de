"""Sends events to the webhook endpoints: at once and again until they are taken, or, when held, only as it is told.

Stripe promises neither an order nor that an event comes once, so a test may have them late, twice, reversed, or again.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from local.stripe import signature
from local.stripe.store import Object, Store

Order = Literal["made", "reversed", "shuffled"]
_RETRY_SECONDS = (1, 5, 30, 300, 1800, 7200, 21600)
_TIMEOUT_SECONDS = 20.0
_TAKEN = range(200, 300)


class Deliveries:
    """`clock` gives the seconds that signatures carry: real ones, because the receiver compares them with its own."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.held = False

    def nudge(self) -> None:
        """There may be something to send. On the server's event loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        self._wake.set()

    async def _run(self) -> None:
        while True:
            soonest = await self._send_due()
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), soonest)
            except TimeoutError:
                continue

    async def _send_due(self) -> float | None:
        """Sends what is due, and gives the seconds until something else is."""
        while not self.held:
            now = self._clock()
            waiting = [each for each in self._store.all("_delivery").values() if each["state"] == "waiting"]
            due = [each for each in waiting if each.get("not_before", 0) <= now]
            if not due:
                return min((each["not_before"] - now for each in waiting), default=None)
            await self._send(due[0])
        return None

    async def deliver(
        self,
        *,
        order: Order = "made",
        times: int = 1,
        types: Sequence[str] | None = None,
        events: Sequence[str] | None = None,
        again: bool = False,
        seed: int = 0,
    ) -> list[Object]:
        """Send those that wait, or with `again` those too that were taken before; and say what each was answered."""
        chosen = [
            each for each in self._store.all("_delivery").values() if again or each["state"] == "waiting"
        ]
        if types is not None:
            chosen = [each for each in chosen if self._event(each)["type"] in types]
        if events is not None:
            chosen = [each for each in chosen if each["event"] in events]
        if order == "reversed":
            chosen.reverse()
        elif order == "shuffled":
            random.Random(seed).shuffle(chosen)
        answers = []
        for each in chosen:
            for _ in range(times):
                answer = await self._send(each)
                answers.append({"event": each["event"], "type": self._event(each)["type"], "answer": answer})
        return answers

    def _event(self, delivery: Object) -> Object:
        return self._store.get("event", delivery["event"])

    async def _send(self, delivery: Object) -> int | str:
        endpoint = self._store.find("webhook_endpoint", delivery["endpoint"])
        if endpoint is None or endpoint["status"] != "enabled":
            answer: int | str = "the endpoint is gone"
        else:
            body = json.dumps(self._event(delivery), indent=2).encode()
            sent = signature.header(body, endpoint["_secret"], int(self._clock()))
            answer = await asyncio.to_thread(_post, endpoint["url"], body, sent)
        with self._store.transaction():
            self._note(delivery["id"], answer)
        return answer

    def _note(self, identity: str, answer: int | str) -> None:
        delivery = self._store.change("_delivery", identity)
        tried = len(delivery["tries"])
        delivery["tries"].append(answer)
        if isinstance(answer, int) and answer in _TAKEN:
            if delivery["state"] == "waiting":
                event = self._store.change("event", delivery["event"])
                event["pending_webhooks"] = max(event["pending_webhooks"] - 1, 0)
            delivery["state"] = "taken"
        elif tried >= len(_RETRY_SECONDS):
            delivery["state"] = "given up"
        else:
            delivery["not_before"] = self._clock() + _RETRY_SECONDS[tried]


def _post(url: str, body: bytes, sent: str) -> int | str:
    """The status, or why there is none. Redirects are not followed, as Stripe follows none."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": sent,
        "User-Agent": "Stripe/1.0 (local)",
    }
    target = parts.path or "/"
    try:
        connection.request("POST", f"{target}?{parts.query}" if parts.query else target, body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()


def summary(store: Store) -> list[dict[str, Any]]:
    """Every delivery, the oldest first."""
    return [
        {
            "event": each["event"],
            "type": store.get("event", each["event"])["type"],
            "state": each["state"],
            "tries": each["tries"],
        }
        for each in store.all("_delivery").values()
    ]
