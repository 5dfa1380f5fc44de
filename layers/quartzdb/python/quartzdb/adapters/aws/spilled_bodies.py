"""Bodies too large for a DynamoDB item: kept as blobs, named by the item. Owns where they lie and how they are read.

They lie under "tenant/_kind/…": no namespace begins with "_", so no sweep of a namespace's segments ever meets them.
HAZARD: the blob is written before its item. A crash in between leaves a blob that nothing names; it goes when the
namespace's generation is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import BlobStore

_THREADS_MAX = 8


class SpilledBodies:
    """Spilled bodies of one `kind` ("log", "kv"). Thread-safe."""

    def __init__(self, blobs: BlobStore, kind: str) -> None:
        self._blobs = blobs
        self._kind = kind
        self._threads = ThreadPoolExecutor(_THREADS_MAX, thread_name_prefix=f"spilled-{kind}")

    def store(self, partition: Partition, name: str, body: bytes) -> str:
        """Keep a body; returns the reference for its item. One name always has one content."""
        reference = f"{self._prefix(partition)}{name}"
        self._blobs.put(reference, body)
        return reference

    def load(self, references: Sequence[str]) -> Iterator[bytes]:
        """The bodies, in order, fetched side by side. Raises BlobMissing where the item was removed meanwhile."""
        if len(references) == 1:
            return iter([self._blobs.get(references[0])])
        return self._threads.map(self._blobs.get, references)

    def delete(self, references: Sequence[str]) -> None:
        """Forget bodies whose items are gone."""
        if references:
            self._blobs.delete(references)

    def all_of(self, partition: Partition) -> Sequence[str]:
        """Every body of a partition, also those that no item names."""
        return [key for key, _, _ in self._blobs.list(self._prefix(partition))]

    def drop(self, partition: Partition) -> None:
        """Forget every body of a partition, also those that no item names."""
        self.delete(self.all_of(partition))

    def _prefix(self, partition: Partition) -> str:
        return f"{partition.tenant}/_{self._kind}/{partition.namespace}/{partition.generation}/{partition.shard}/"
