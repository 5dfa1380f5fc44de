"""How much a JSON body would be as objects, found by a pass over its bytes before anything is parsed.

`[{},{},…]` takes 30 times its own size in memory and compresses a thousandfold: a limit on bytes alone bounds nothing.
"""

from __future__ import annotations

import numpy as np

from quartzdb.api.refusals import BodyTooComplex, InvalidJson
from quartzdb.domain.limits import CONTAINER_MEMORY_BYTES, VALUE_MEMORY_BYTES, JsonLimit
from quartzdb.domain.values import dataclass

_STRUCTURE = b'[]{},:"'
_ALL_ELSE = bytes(byte for byte in range(256) if byte not in _STRUCTURE)
_BLOCK = 1 << 18
_QUOTE = ord('"')
_OPENS, _CLOSES, _SEPARATES = (np.zeros(256, dtype=np.bool_) for _ in range(3))
for _flags, _bytes in ((_OPENS, b"[{"), (_CLOSES, b"]}"), (_SEPARATES, b",:")):
    _flags[list(_bytes)] = True


@dataclass(frozen=True, slots=True)
class Structure:
    """What there is outside strings, or at most as much: separators and opening brackets, these alone, and levels."""

    values: int
    containers: int
    depth: int

    @property
    def memory_bytes(self) -> int:
        """What the objects are taken to occupy."""
        return self.values * VALUE_MEMORY_BYTES + self.containers * CONTAINER_MEMORY_BYTES


def check_structure(body: bytes, limit: JsonLimit) -> Structure:
    """The structure of a body within the limit. Raises BodyTooComplex, InvalidJson."""
    opens = _opens_up_to(limit.depth_max, body) if len(body) <= limit.values_max else limit.depth_max + 1
    if opens <= limit.depth_max:
        # What a usual request takes: more values than bytes there cannot be, nor more levels than brackets.
        return Structure(len(body) // 2, opens, opens)
    found = structure_of(body, limit)
    if found.values > limit.values_max or found.containers > limit.containers_max:
        raise BodyTooComplex(
            f"The body has more than {limit.values_max} values, or more than {limit.containers_max} objects and "
            "arrays.",
            hint="Split the request into smaller ones, or send vectors in base64.",
        )
    if found.depth > limit.depth_max:
        # Of the same kind as what the parser itself would not follow.
        raise InvalidJson(
            f"The body is nested more than {limit.depth_max} levels deep.", hint="Send a flatter document."
        )
    return found


def _opens_up_to(most: int, body: bytes) -> int:
    """How many brackets open, or one more than so many. To look for a few is several times as fast as to count."""
    opens = 0
    for bracket in (b"{", b"["):
        at = body.find(bracket)
        while at >= 0 and opens <= most:
            opens += 1
            at = body.find(bracket, at + 1)
    return opens


def structure_of(body: bytes, limit: JsonLimit) -> Structure:
    """Counted to the end, or until it is beyond the limit."""
    if b"\\" in body:
        # Without its escapes every quote that is left begins or ends a string.
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    structure = body.translate(None, _ALL_ELSE)
    values = containers = level = depth = 0
    within = False
    for first in range(0, len(structure), _BLOCK):
        block = np.frombuffer(
            structure, dtype=np.uint8, count=min(_BLOCK, len(structure) - first), offset=first
        )
        inside = np.logical_xor.accumulate(block == _QUOTE) ^ within
        within = bool(inside[-1])
        block = block[~inside]
        opens, closes = _OPENS[block], _CLOSES[block]
        levels = np.cumsum(opens.astype(np.int8) - closes.astype(np.int8), dtype=np.int64)
        if levels.size:
            depth = max(depth, level + int(levels.max()))
            level += int(levels[-1])
        opened = int(np.count_nonzero(opens))
        containers += opened
        values += opened + int(np.count_nonzero(_SEPARATES[block]))
        if values > limit.values_max or containers > limit.containers_max or depth > limit.depth_max:
            break
    return Structure(values, containers, depth)
