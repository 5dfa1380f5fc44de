"""What an index derives from a mask of allowed rows, remembered for the masks that come again and again.

A mask that cannot be written to is taken to stay as it is, and is known by itself, as long as somebody holds it. One
that has come several times gets lists of its own, of nothing but the codes of its rows: faiss spends half as long on
passing over a row as on scoring one.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from threading import Lock

import numpy as np
import numpy.typing as npt

from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Mask, Rows
from quartzdb.storage.index.engines.codes import Bits, Codes

USES_BEFORE_LISTS = 4
"""Making lists of its own for a mask takes as long as some twenty searches with it save."""
LISTS_SHARE_MAX = 0.5
"""Of more rows than this, passing over the others costs little; and all masks' lists together take no more bytes."""
_MASKS_MAX = 64


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """Allowed rows as an index wants them: how many, how many in each list, and the codes to search."""

    matches: int
    by_list: npt.NDArray[np.int32]
    codes: Codes
    packed: Bits | None

    def search(self, turned: Floats, depth: int, lists: Rows, nearness: Floats) -> tuple[Rows, Floats]:
        """As Codes.search does, among these rows."""
        return self.codes.search(turned, depth, lists, nearness, self.packed)


@dataclass(slots=True, eq=False)
class _Known:
    mask: weakref.ref[Mask]
    allowed: Allowed
    uses: int = 1


class AllowedRows:
    """Of one index. Thread-safe; the masks least recently used are forgotten first."""

    def __init__(self, codes: Codes) -> None:
        self._codes = codes
        self._known: OrderedDict[int, _Known] = OrderedDict()
        self._lock = Lock()

    @property
    def resident_bytes(self) -> int:
        """What the lists of masks take in memory."""
        with self._lock:
            return self._listed()

    def of(self, mask: Mask) -> Allowed:
        """What there is to know of a mask (n,)."""
        if mask.flags.writeable:
            return self._derived(mask)
        with self._lock:
            known = self._known.get(id(mask))
            if known is not None and known.mask() is mask:
                self._known.move_to_end(id(mask))
                known.uses += 1
                due = known.uses == USES_BEFORE_LISTS
            else:
                known, due = None, False
        if known is None:
            known = _Known(weakref.ref(mask), self._derived(mask))
            self._keep(id(mask), known)
        elif due:
            # One thread of all comes here, once; the others search as before meanwhile.
            known.allowed = self._with_lists(mask, known.allowed)
            self._keep(id(mask), known)
        return known.allowed

    def _derived(self, mask: Mask) -> Allowed:
        by_list = self._codes.matches_by_list(mask)
        packed = np.packbits(mask, bitorder="little")
        return Allowed(int(np.count_nonzero(mask)), by_list, self._codes, packed)

    def _with_lists(self, mask: Mask, allowed: Allowed) -> Allowed:
        if allowed.matches > LISTS_SHARE_MAX * self._codes.rows:
            return allowed
        codes = self._codes.among(mask)
        # Blocks of few rows take as many bytes as full ones.
        if codes is None or codes.listed_bytes > LISTS_SHARE_MAX * self._codes.listed_bytes:
            return allowed
        return Allowed(allowed.matches, allowed.by_list, codes, None)

    def _keep(self, name: int, known: _Known) -> None:
        with self._lock:
            for gone in [name for name, one in self._known.items() if one.mask() is None]:
                del self._known[gone]
            self._known[name] = known
            self._known.move_to_end(name)
            most = LISTS_SHARE_MAX * self._codes.listed_bytes
            while len(self._known) > _MASKS_MAX or self._listed() > most:
                self._known.popitem(last=False)

    def _listed(self) -> int:
        """Bytes of the lists of masks."""
        return sum(
            known.allowed.codes.listed_bytes
            for known in self._known.values()
            if known.allowed.codes is not self._codes
        )
