"""What a test may do with this server and nobody with Stripe: hold webhooks back, move time, take the API down, look at
what was asked. JSON, under /_local, with the secret key."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from local.stripe import deliveries, life
from local.stripe.deliveries import Deliveries
from local.stripe.errors import Refused
from local.stripe.world import World

_REQUESTS_KEPT = 2000
_OFFSET = ("_server", "time")


@dataclass(slots=True)
class Control:
    """`down` is how many requests to the API are still answered 503; below zero all are."""

    world: World
    deliveries: Deliveries
    down: int = 0
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_REQUESTS_KEPT))

    async def answer(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        """Raises Refused."""
        said = _json(body)
        match method, path:
            case "GET", "/_local":
                return {"held": self.deliveries.held, "down": self.down, "now": self.world.wall()}
            case "GET", "/_local/deliveries":
                return {"deliveries": deliveries.summary(self.world.store)}
            case "GET", "/_local/requests":
                return {"requests": list(self.requests)}
            case "POST", "/_local/webhooks":
                self.deliveries.held = _one(said, "held", bool)
                self.deliveries.nudge()
                return {"held": self.deliveries.held}
            case "POST", "/_local/webhooks/deliver":
                return {"answers": await self.deliveries.deliver(**_chosen(said))}
            case "POST", "/_local/time":
                self._advance(_one(said, "advance_seconds", int))
                self.deliveries.nudge()
                return {"now": self.world.wall()}
            case "POST", "/_local/down":
                self.down = _one(said, "requests", int)
                return {"down": self.down}
        raise Refused(f"Nothing is at {method} {path}.", status=404)

    def is_down(self) -> bool:
        """Whether this request is not answered; counts it."""
        if self.down > 0:
            self.down -= 1
            return True
        return self.down < 0

    def _advance(self, seconds: int) -> None:
        if seconds < 0:
            raise Refused("Time goes on only: advance_seconds is at least 0.", param="advance_seconds")
        with self.world.store.transaction():
            offset = self.world.store.find(*_OFFSET)
            if offset is None:
                self.world.store.add(_OFFSET[0], {"id": _OFFSET[1], "seconds": seconds})
            else:
                self.world.store.change(*_OFFSET)["seconds"] += seconds
            life.advance(self.world, self.world.wall())


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body or b"{}")
    except ValueError as error:
        raise Refused(f"The body is not JSON: {error}") from error
    if not isinstance(said, dict):
        raise Refused("The body has to be a JSON object.")
    return said


def _one(said: dict[str, Any], name: str, kind: type) -> Any:
    if (
        said.keys() != {name}
        or not isinstance(said[name], kind)
        or (kind is int and said[name] in {True, False} and isinstance(said[name], bool))
    ):
        raise Refused(f'The body has to be {{"{name}": …}}, a {kind.__name__}.', param=name)
    return said[name]


def _chosen(said: dict[str, Any]) -> dict[str, Any]:
    known = {"order", "times", "types", "events", "again", "seed"}
    if said.keys() - known:
        raise Refused(f"Only these can be said: {', '.join(sorted(known))}.")
    if said.get("order", "made") not in {"made", "reversed", "shuffled"}:
        raise Refused("order is made, reversed or shuffled.", param="order")
    return said
