"""Reading on: one consistent read brings a reader up to every write acknowledged before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.storage.log.protocol import margin_of, overlap_of
from quartzdb.storage.ports import SEALED, ChangeLog

_KNOWN_BEFORE_FORGETTING = 64
POLL_BYTES_MAX = 32 * 1024 * 1024
"""Bodies held at once: a reader that starts behind a long log would need its memory twice otherwise."""


class GapInLog(Exception):
    """The log was trimmed past the position of this reader: it must begin again from the manifest."""


class LogSealed(Exception):
    """The namespace's generation was deleted."""


class LogTail:
    """One reader's position in one partition's log. Not thread-safe: its owner serialises calls.

    `watermark` is the manifest's: everything up to it is in the segments. `folded` are entries near it that are known
    to be in the segments, so that they are not read again; leaving some out only costs time.
    """

    def __init__(
        self,
        log: ChangeLog,
        partition: Partition,
        watermark: int = 0,
        folded: Iterable[Version] = (),
        *,
        poll_bytes_max: int = POLL_BYTES_MAX,
    ) -> None:
        self._log = log
        self._poll_bytes_max = poll_bytes_max
        self._partition = partition
        self._start = max(0, watermark - margin_of(log))
        self._polled = False
        self._known = {key for key in folded if key.stamp > self._start}
        self.highest = max((key.stamp for key in self._known), default=self._start)
        self.more = False
        """Whether entries are left that were there when the first of these polls began: each returns so many bytes."""
        self._upto: int | None = None
        self._quiet_at: bytes | None = None

    def poll(self) -> Sequence[tuple[Version, bytes]]:
        """Entries not returned before, in append order; `more` says whether to poll again. Raises GapInLog, LogSealed.

        Writers may be faster than a reader, so that there is always more: it ends with what there was at its beginning.
        """
        # Taken before the read, which may know of later commits.
        data_version = self._log.data_version()
        if data_version is not None and data_version == self._quiet_at:
            return ()
        after = self._after()
        page = self._log.read(self._partition, after, self._known, bytes_max=self._poll_bytes_max)
        if page.floor == SEALED:
            raise LogSealed
        if page.floor > after:
            raise GapInLog
        self._polled = True
        if not page.entries:
            self.more, self._upto, self._quiet_at = False, None, data_version
            return ()
        self._known.update(key for key, _ in page.entries)
        self.highest = max(self.highest, page.entries[-1][0].stamp)
        self._forget()
        if page.more and self._upto is None:
            self._upto = self._log.head(self._partition)
        self.more = page.more and self._upto is not None and page.entries[-1][0].stamp < self._upto
        if not self.more:
            self._upto = None
        return page.entries

    def has(self, key: Version) -> bool:
        """Whether an acknowledged entry of that key, if there is one, was returned or is in the segments."""
        return key in self._known or key.stamp <= self.highest - overlap_of(self._log)

    def _after(self) -> int:
        # The first read takes the whole margin; from then on the overlap is enough.
        return max(self._start, self.highest - overlap_of(self._log)) if self._polled else self._start

    def _forget(self) -> None:
        after = self._after()
        if len(self._known) > _KNOWN_BEFORE_FORGETTING:
            self._known = {key for key in self._known if key.stamp > after}
