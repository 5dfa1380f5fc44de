"""What the probe remembers between two runs: windows and breakers, as one bounded document.

A document that is not whole, or says what cannot be, is refused: the probe then begins anew, with nothing known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from quartzdb.routing.decision.breaker import Breaker
from quartzdb.routing.decision.origin_health import OriginHistory
from quartzdb.routing.decision.rules import Rules
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.window import Probe, Reason, Window

MEMORY_BYTES_MAX = 64 * 1024
_FORMAT = 2
_TIME_MAX = 1 << 53
_LEVEL_MAX = 64
_PROBES_MAX = 200

Memory = Mapping[Origin, OriginHistory]


class InvalidMemory(ValueError):
    """A document is no memory of a probe."""


def no_memory() -> Memory:
    """Nothing is known of any origin."""
    return {origin: OriginHistory() for origin in Origin}


def encode_memory(memory: Memory, rules: Rules) -> bytes:
    """As JSON, probes as short rows; of each window what the rules keep."""
    document = {
        "format": _FORMAT,
        "origins": {
            origin.value: {
                "admitted": record.admitted,
                "breaker": asdict(record.breaker),
                "probes": [_row(probe) for probe in record.window.probes[-rules.window_probes_max :]],
            }
            for origin, record in memory.items()
        },
    }
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def decode_memory(data: bytes) -> Memory:
    """Read it back. Raises InvalidMemory."""
    if len(data) > MEMORY_BYTES_MAX:
        raise InvalidMemory(f"a memory beyond {MEMORY_BYTES_MAX} bytes")
    try:
        document = json.loads(data)
        if document["format"] != _FORMAT or set(document["origins"]) != {origin.value for origin in Origin}:
            raise InvalidMemory("a memory of another format")
        return {
            origin: OriginHistory(
                _window(known["probes"]), _breaker(known["breaker"]), _flag(known["admitted"])
            )
            for origin in Origin
            for known in [document["origins"][origin.value]]
        }
    except InvalidMemory:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidMemory(f"not a memory: {error}") from error


def _row(probe: Probe) -> list[Any]:
    reason = probe.reason.value if probe.reason is not None else None
    return [probe.at_ms, probe.latency_ms, reason]


def _window(rows: Any) -> Window:
    if not isinstance(rows, list) or len(rows) > _PROBES_MAX:
        raise InvalidMemory("a window that is no list, or too long")
    return Window(tuple(_probe(row) for row in rows))


def _probe(row: Any) -> Probe:
    at_ms, latency_ms, reason = row
    return Probe(
        ok=reason is None,
        at_ms=_whole(at_ms, _TIME_MAX),
        latency_ms=_whole(latency_ms, _TIME_MAX),
        reason=None if reason is None else Reason(reason),
    )


def _breaker(document: Any) -> Breaker:
    opened = document["opened_at_ms"]
    if set(document) != set(asdict(Breaker())):
        raise InvalidMemory("a breaker with other fields")
    return Breaker(
        opened_at_ms=None if opened is None else _whole(opened, _TIME_MAX),
        hold_until_ms=_whole(document["hold_until_ms"], _TIME_MAX),
        level=_whole(document["level"], _LEVEL_MAX),
        successes=_whole(document["successes"], _PROBES_MAX),
    )


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise InvalidMemory("true or false was expected")
    return value


def _whole(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise InvalidMemory(f"a number from 0 to {most} was expected")
    return value
