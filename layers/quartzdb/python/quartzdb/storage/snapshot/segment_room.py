"""What opened segments take of this process: files that stay open, and bytes of files that were copied instead.

Knows no segment: whoever opens one takes a place for it, and the place is given back when the segment is no more.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable

from quartzdb.domain.errors import Unavailable
from quartzdb.domain.values import dataclass

FILES_MAX = 384
"""Files of segments that a process may have open where nobody said more: a good third of the usual limit of 1,024."""
HELD_BYTES_MAX = 64 * 1024 * 1024
HELD_FILE_BYTES_MAX = 128 * 1024
"""Records of this machine up to this size are copied into memory, up to so many bytes together: a server of many small
namespaces has no file open for them."""
MORE_FILES = (
    "Send fewer requests at a time, or start the server with a higher limit of open files (`ulimit -n`)."
)


@dataclass(frozen=True, slots=True)
class Place:
    """What one segment takes."""

    files: int
    bytes: int = 0

    @property
    def held(self) -> bool:
        """Whether its records are copied into memory."""
        return self.bytes > 0


class SegmentRoom:
    """Thread-safe."""

    def __init__(self, files_max: int) -> None:
        self._files_max = files_max
        self._files = 0
        self._bytes = 0
        self._lock = threading.Lock()
        # Segments end in any thread at any moment, also while that thread is in here: so they are only noted.
        self._left: deque[Place] = deque()

    @property
    def files(self) -> int:
        """Files that are open, or about to be."""
        with self._lock:
            self._settle()
            return self._files

    def take(self, records_bytes: int, index_files: int, give_way: Callable[[], bool]) -> Place:
        """A place for a segment. While there is none, `give_way` lets go of something; False says that it cannot.

        Raises Unavailable.
        """
        while True:
            with self._lock:
                self._settle()
                small = records_bytes <= HELD_FILE_BYTES_MAX and self._bytes + records_bytes <= HELD_BYTES_MAX
                place = Place(index_files, records_bytes) if small else Place(index_files + 1)
                if self._files + place.files <= self._files_max:
                    self._files += place.files
                    self._bytes += place.bytes
                    return place
            if not give_way():
                raise Unavailable(
                    f"Of the {self._files_max} files that segments may have open at one time, all are in use.",
                    hint=MORE_FILES,
                )

    def leave(self, place: Place) -> None:
        """Give a place back."""
        self._left.append(place)

    def leave_with(self, owner: object, place: Place) -> None:
        """Give it back when `owner` is no more."""
        leaving = weakref.finalize(owner, self._left.append, place)
        leaving.atexit = False

    def _settle(self) -> None:
        while self._left:
            place = self._left.popleft()
            self._files -= place.files
            self._bytes -= place.bytes
