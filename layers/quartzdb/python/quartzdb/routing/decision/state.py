"""The routing state: which origin is active, and how requests get there. A small document with one owner at a time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum

_FORMAT = 1
REASON_LENGTH_MAX = 200


class Origin(StrEnum):
    """A routing target."""

    AWS = "aws"
    CLOUDFLARE = "cloudflare"


class Mode(StrEnum):
    """How requests reach the active origin."""

    DIRECT = "direct"
    """It is healthy: requests go there."""
    GUARDED = "guarded"
    """It is suspect: safe requests are tried there, with a deadline, and else answered by the other."""
    FAILED_OVER = "failed_over"
    """The active origin is not the one that is meant to be."""


class InvalidState(ValueError):
    """A document is no routing state. Whoever reads one keeps to the last that was good."""


@dataclass(frozen=True, slots=True)
class RoutingState:
    """`revision` grows with every change, `epoch` with every switch of the active origin. `since_ms` is in unix ms.

    `primary` is the origin that is meant to be active; `ramp_percent` of the requests go to the one that is not.
    `pinned` and `drained` are what an operator asked for: no switch by itself, and origins to stay away from.
    Raises InvalidState for values that cannot be.
    """

    revision: int
    epoch: int
    active: Origin
    mode: Mode
    since_ms: int
    reason: str
    primary: Origin = Origin.CLOUDFLARE
    ramp_percent: int = 0
    pinned: bool = False
    drained: frozenset[Origin] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if not 1 <= self.epoch <= self.revision:
            raise InvalidState(f"epoch {self.epoch} of revision {self.revision}: 1 <= epoch <= revision")
        if self.since_ms < 0 or len(self.reason) > REASON_LENGTH_MAX:
            raise InvalidState(f"a time before 1970, or a reason beyond {REASON_LENGTH_MAX} characters")
        if not 0 <= self.ramp_percent <= 100:
            raise InvalidState(f"a ramp of {self.ramp_percent} %: it is 0 to 100")
        if (self.mode is Mode.FAILED_OVER) and self.active is self.primary:
            raise InvalidState("failed over to the primary")

    @property
    def other(self) -> Origin:
        """The origin that is not active."""
        return Origin.AWS if self.active is Origin.CLOUDFLARE else Origin.CLOUDFLARE

    def follows(self, before: RoutingState | None) -> bool:
        """Whether it was decided from that state (None: from there being none), and nobody else's in between."""
        if before is None:
            return self.revision == 1
        switched = self.active is not before.active
        return self.revision == before.revision + 1 and self.epoch == before.epoch + switched


def encode_state(state: RoutingState) -> bytes:
    """As JSON."""
    document = {"format": _FORMAT, **asdict(state), "drained": sorted(state.drained)}
    return json.dumps(document, sort_keys=True).encode()


def decode_state(data: bytes) -> RoutingState:
    """Read it back. Raises InvalidState."""
    try:
        document = json.loads(data)
        if document.pop("format") != _FORMAT:
            raise InvalidState("a routing state of another format")
        numbers = [document[name] for name in ("revision", "epoch", "since_ms", "ramp_percent")]
        if any(type(number) is not int for number in numbers) or not isinstance(document["reason"], str):
            raise InvalidState("a routing state with fields of other types")
        if type(document["pinned"]) is not bool or not isinstance(document["drained"], list):
            raise InvalidState("a routing state with fields of other types")
        return RoutingState(
            **{
                **document,
                "active": Origin(document["active"]),
                "primary": Origin(document["primary"]),
                "mode": Mode(document["mode"]),
                "drained": frozenset(Origin(name) for name in document["drained"]),
            }
        )
    except InvalidState:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidState(f"not a routing state: {error}") from error
