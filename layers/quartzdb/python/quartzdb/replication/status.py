"""What this site tells of replication: the document of GET /v1/replication/status, and the lag that failback asks for.

Made of checkpoints alone, so whoever can read those can tell it, whether or not replication runs there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from quartzdb.domain.clock import Clock
from quartzdb.domain.values import dataclass
from quartzdb.replication.lag import ALLOWANCE_MS, lag_ms
from quartzdb.replication.ports import Checkpoint, Checkpoints, Direction, RepairState


class PeerKind(StrEnum):
    """What a peer can do."""

    FULL = "full"
    """It speaks the protocol of docs/replication.md."""
    CONTRACT = "contract"
    """It has no feed: only `/api/*`."""


@dataclass(frozen=True, slots=True)
class PeerName:
    """A peer, for the status."""

    site: str
    kind: PeerKind


class ReplicationStatus:
    """Thread-safe. `peers` may be none: the site is alone."""

    def __init__(self, site: str, peers: Sequence[PeerName], checkpoints: Checkpoints, clock: Clock) -> None:
        self._site = site
        self._peers = peers
        self._checkpoints = checkpoints
        self._clock = clock

    def document(self, tenant: str | None = None) -> dict[str, Any]:
        """What is known; of one tenant's namespaces only, where one is named. Raises Unavailable."""
        now_ms = self._clock.unix_ms()
        everything = self._checkpoints.all_checkpoints() if self._peers else {}
        repairs = self._checkpoints.repairs() if self._peers else {}
        return {
            "site": self._site,
            "now_ms": now_ms,
            "peers": [self._peer(peer, everything, repairs, now_ms, tenant) for peer in self._peers],
        }

    def lag_ms(self, *, allowance_ms: int = ALLOWANCE_MS) -> int | None:
        """The greatest lag of any peer in either direction, as `lag.lag_ms` defines it; None where it is not known.

        Raises Unavailable.
        """
        everything = self._checkpoints.all_checkpoints()
        now_ms = self._clock.unix_ms()
        lags = [
            lag_ms(
                {**_from(everything, self._site, peer.site), **_from(everything, peer.site, self._site)},
                self._checkpoints.listed_ms(peer.site),
                now_ms,
                allowance_ms=allowance_ms,
            )
            for peer in self._peers
        ]
        known = [lag for lag in lags if lag is not None]
        return max(known) if known and len(known) == len(lags) else None

    def _peer(
        self,
        peer: PeerName,
        everything: Mapping[Direction, Checkpoint],
        repairs: Mapping[Direction, RepairState],
        now_ms: int,
        tenant: str | None,
    ) -> dict[str, Any]:
        outbound = _of_tenant(_from(everything, self._site, peer.site), tenant)
        inbound = _of_tenant(_from(everything, peer.site, self._site), tenant)
        listed_ms = self._checkpoints.listed_ms(peer.site)
        under_way = [
            state
            for direction, state in repairs.items()
            if (direction.source, direction.destination) == (self._site, peer.site)
            and tenant in {None, direction.tenant}
        ]
        lags = [lag_ms(part, listed_ms, now_ms) for part in (outbound, inbound)]
        return {
            "site": peer.site,
            "kind": str(peer.kind),
            "state": _state([*outbound.values(), *inbound.values()], under_way, lags),
            "outbound": _direction(outbound, lags[0]),
            "inbound": _direction(inbound, lags[1]),
            "repair": _repair(under_way),
        }


def _state(
    checkpoints: Sequence[Checkpoint], repairs: Sequence[RepairState], lags: Sequence[int | None]
) -> str:
    if any(checkpoint.error and not checkpoint.stopped for checkpoint in checkpoints):
        return "unreachable"
    if any(state.begun_ms for state in repairs):
        return "repairing"
    level = all(lag == 0 for lag in lags) and not any(state.different for state in repairs)
    return "level" if level else "behind"


def _direction(checkpoints: Mapping[Direction, Checkpoint], lag: int | None) -> dict[str, Any]:
    states = list(checkpoints.values())
    errors = [
        f"{direction.tenant}/{direction.namespace} {direction.feed}: {checkpoint.error}"
        for direction, checkpoint in sorted(checkpoints.items())
        if checkpoint.error
    ]
    return {
        "lag_ms": lag,
        "recovery_point_ms": _least(state.through_ms for state in states),
        "pending": sum(state.pending for state in states),
        "last_success_ms": _least(state.last_success_ms for state in states),
        "unreplayable": sum(state.unreplayable for state in states),
        "stopped": sum(state.stopped for state in states),
        "error": errors[0] if errors else None,
    }


def _repair(states: Sequence[RepairState]) -> dict[str, Any]:
    errors = [state.error for state in states if state.error]
    return {
        "under_way": sum(state.begun_ms > 0 for state in states),
        "last_finished_ms": _least(state.finished_ms for state in states),
        "repaired": sum(state.repaired for state in states),
        "different": sum(state.different for state in states),
        "error": errors[0] if errors else None,
    }


def _least(times_ms: Iterable[int]) -> int | None:
    """The earliest; None where there is none, or one that never was."""
    return min(times_ms, default=0) or None


def _from(
    everything: Mapping[Direction, Checkpoint], source: str, destination: str
) -> dict[Direction, Checkpoint]:
    return {
        direction: checkpoint
        for direction, checkpoint in everything.items()
        if (direction.source, direction.destination) == (source, destination)
    }


def _of_tenant(
    checkpoints: Mapping[Direction, Checkpoint], tenant: str | None
) -> dict[Direction, Checkpoint]:
    return {
        direction: checkpoint
        for direction, checkpoint in checkpoints.items()
        if tenant in {None, direction.tenant}
    }
