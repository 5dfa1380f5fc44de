"""Where one thread's time goes, by looking at its stack now and then: no cost to the thread, unlike a profiler's."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from types import FrameType, TracebackType
from typing import Self

_EVERY_SECONDS = 0.004

# (file, function or "" for any, part). The first of these that is anywhere on the stack has the time.
PARTS: tuple[tuple[str, str, str], ...] = (
    ("index/engines/ivf_calibration.py", "calibrate", "engine: calibration"),
    ("index/engines/centroids.py", "train", "engine: training"),
    ("index/engines/product_quantizer.py", "train", "engine: training"),
    ("index/engines/encoded_rows.py", "", "engine: encoding"),
    ("index/engines/", "", "engine: the rest"),
    ("index/fields/sqlite_field_writer.py", "", "field index"),
    ("index/segments/records.py", "", "records.sqlite"),
    ("index/segments/records_map.py", "", "records.sqlite"),
    ("storage/snapshot/store.py", "_measure", "checksums"),
    ("index/segments/segment_writer.py", "_sums", "checksums"),
    ("index/segments/segment_writer.py", "", "vectors"),
    ("adapters/embedded/durable_file.py", "", "copying and syncing files"),
    ("log/codec.py", "decode_entry", "decoding log entries"),
    ("index/tail.py", "", "the indexer's own tail"),
    ("adapters/embedded/sqlite_log.py", "", "reading and trimming the log"),
    ("storage/snapshot/snapshot.py", "", "opening segments, looking ids up"),
    ("domain/merge.py", "", "merging versions"),
    ("maintenance/indexer.py", "_changed_states", "merging versions"),
)
OTHER = "the rest"


class StackSampler:
    """A context manager over the work of the thread that enters it."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._stopping = threading.Event()
        self._counts: Counter[str] = Counter()
        self._sampler = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread = threading.get_ident()
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._sampler.join()

    def shares(self) -> dict[str, float]:
        """Part → its share of the samples, largest first."""
        total = sum(self._counts.values()) or 1
        return {part: round(count / total, 3) for part, count in self._counts.most_common()}

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_SECONDS):
            self._counts[part_of(sys._current_frames().get(self._thread))] += 1


def part_of(frame: FrameType | None) -> str:
    """The part that a stack belongs to."""
    places = []
    while frame is not None:
        places.append((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
    for suffix, function, part in PARTS:
        if any(suffix in place and function in ("", name) for place, name in places):
            return part
    return OTHER
