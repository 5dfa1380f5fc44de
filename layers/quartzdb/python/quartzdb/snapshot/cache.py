"""The reader cache: opened segments, shared by every snapshot and namespace reader of this process."""

from __future__ import annotations

import threading
import weakref

from quartzdb.index.segment import Segment
from quartzdb.snapshot.manifest import SegmentRef
from quartzdb.snapshot.store import SnapshotStore


class SegmentCache:
    """Opens each segment once and verifies it then. A segment is closed when no snapshot uses it any more."""

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store
        self._opened: weakref.WeakValueDictionary[str, Segment] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()
        self._opening: dict[str, threading.Lock] = {}

    def open(self, ref: SegmentRef) -> Segment:
        """The segment, every byte verified. Raises Corrupted, BlobMissing."""
        with self._lock:
            opened = self._opened.get(ref.name)
            if opened is not None:
                return opened
            opening = self._opening.setdefault(ref.name, threading.Lock())
        with opening:
            with self._lock:
                opened = self._opened.get(ref.name)
            if opened is None:
                files = {name: self._store.verified_file(file) for name, file in ref.files.items()}
                opened = Segment(ref.name, ref.shape, files)
                with self._lock:
                    self._opened[ref.name] = opened
                    self._opening.pop(ref.name, None)
            return opened
