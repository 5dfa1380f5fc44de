"""Where snapshots are kept: manifests and segment files as blobs, and the pointer that publishes one of them."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import orjson
from pyroaring import BitMap

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.namespace import Partition
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask
from quartzdb.storage.ports import BlobMissing, BlobStore
from quartzdb.storage.snapshot.manifest import FileRef, Manifest, checksum, decode_manifest, encode_manifest

INLINE_BYTES_MAX = 64 * 1024
"""A manifest up to this size is in the pointer, too, where each blob is a round trip away: a millisecond's worth."""


_TOGETHER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PublishedManifest:
    """A manifest with its own blob key, and the pointer's tag for the next publication."""

    manifest: Manifest
    key: str
    tag: str | None


@dataclass(frozen=True, slots=True)
class Pointer:
    """What the published pointer names: the current manifest and the one before it. `encoded`: the current one itself,
    where it is small.
    """

    current: str
    previous: str | None
    tag: str | None
    encoded: bytes | None = None


class SnapshotStore:
    """Reads and publishes manifests; stores and verifies segment files. Thread-safe."""

    def __init__(self, blobs: BlobStore) -> None:
        self.blobs = blobs

    def pointer(self, partition: Partition) -> Pointer | None:
        """What is published; None before the first publication. Raises Corrupted."""
        read = self.blobs.read_pointer(_pointer_key(partition))
        return None if read is None else decode_pointer(partition, *read)

    def recent_pointer(self, partition: Partition) -> Pointer | None:
        """What is published or was, known sooner: what it names may be gone, and the log since. Raises Corrupted."""
        content = self.blobs.recent_pointer(_pointer_key(partition))
        return None if content is None else decode_pointer(partition, content, None)

    def current(self, pointer: Pointer) -> Manifest:
        """The manifest that the pointer names. Raises Corrupted, BlobMissing.

        One in the pointer itself is as good as the blob, since its name has its checksum; and one round sooner.
        """
        encoded = pointer.encoded
        if encoded is not None and pointer.current.endswith(_manifest_suffix(encoded)):
            return decode_manifest(encoded)
        return self.manifest(pointer.current)

    def manifest(self, key: str) -> Manifest:
        """A manifest by its blob key. Raises Corrupted, BlobMissing."""
        encoded = self.blobs.get(key)
        if not key.endswith(_manifest_suffix(encoded)):
            raise Corrupted(f"The manifest {key} does not match its checksum.", hint="Run `quartzdb verify`.")
        return decode_manifest(encoded)

    def publish(self, manifest: Manifest, tag: str | None) -> str | None:
        """Make it the current one if nobody else published since `tag` was read; durable. Returns its key, or None."""
        encoded = encode_manifest(manifest)
        # The digest is in the name, so that two indexers racing for one sequence number never write one key twice.
        key = f"{manifest.partition}/manifests/{manifest.sequence:012d}{_manifest_suffix(encoded)}"
        self.blobs.put(key, encoded)
        named: dict[str, str | None] = {"manifest": key, "previous": manifest.previous}
        if self.blobs.remote and len(encoded) <= INLINE_BYTES_MAX:
            named["inline"] = encoded.decode()
        pointer = orjson.dumps(named)
        return key if self.blobs.swap_pointer(_pointer_key(manifest.partition), pointer, tag) else None

    def store_file(self, key: str, data: bytes | Path) -> FileRef:
        """Store a segment file and say what it must be from now on."""
        size, digest = (len(data), checksum(data)) if isinstance(data, bytes) else _measure(data)
        self.blobs.put(key, data)
        return FileRef(key, size, digest)

    def verified_file(self, file: FileRef) -> Path:
        """The file on this machine, after checking every byte. Raises Corrupted, BlobMissing."""
        path = self.blobs.local_file(file.key)
        try:
            self.verify(path, file)
        except Corrupted:
            self.blobs.forget_copy(file.key)
            raise
        return path

    def verified_bytes(self, file: FileRef) -> bytes:
        """A small file, after checking every byte. Raises Corrupted, BlobMissing."""
        starts = range(0, file.size, _TOGETHER_BYTES)
        ranges = [(start, min(_TOGETHER_BYTES, file.size - start)) for start in starts]
        content = b"".join(self.blobs.read_ranges(file.key, ranges))
        if checksum(content) != file.checksum:
            raise Corrupted(
                f"{file.key} does not have the checksum {file.checksum}.",
                hint="The file is damaged and is not served. Restore it from a backup, or import the data again.",
            )
        return content

    @staticmethod
    def verify(path: Path, file: FileRef) -> None:
        """Check every byte of a copy. Raises Corrupted, BlobMissing."""
        size, digest = _measure(path)
        if (size, digest) != (file.size, file.checksum):
            raise Corrupted(
                f"{file.key} has {size} bytes and checksum {digest}, not {file.size} and {file.checksum}.",
                hint="The file is damaged and is not served. Restore it from a backup, or import the data again.",
            )

    def alive(self, rows: int, dead: FileRef | None) -> Mask:
        """Flags of a segment's rows that hold a present record. Dead ones are kept as a Roaring bitmap.

        Lemire et al., "Roaring Bitmaps: Implementation of an Optimized Software Library", 2018.
        """
        alive = np.ones(rows, dtype=np.bool_)
        if dead is not None:
            stored = self.verified_bytes(dead) if self.blobs.remote else self.verified_file(dead).read_bytes()
            bitmap = BitMap.deserialize(stored)
            alive[np.asarray(bitmap.to_array(), dtype=np.int64)] = False
        return alive


def dead_bitmap(alive: Mask) -> bytes:
    """The rows that are not alive, as a roaring bitmap."""
    bitmap = BitMap(np.flatnonzero(~alive).astype(np.uint32))
    bitmap.run_optimize()
    return bitmap.serialize()


def decode_pointer(partition: Partition, content: bytes, tag: str | None = None) -> Pointer:
    """What the content of a pointer names. Raises Corrupted."""
    try:
        named = orjson.loads(content)
        inline = named.get("inline")
        return Pointer(named["manifest"], named["previous"], tag, inline.encode() if inline else None)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Corrupted(f"The manifest pointer of {partition} cannot be decoded.") from error


def _manifest_suffix(encoded: bytes) -> str:
    return f"-{checksum(encoded)[:16]}.json"


def _pointer_key(partition: Partition) -> str:
    return f"{partition}/CURRENT"


def _measure(path: Path) -> tuple[int, str]:
    try:
        size = path.stat().st_size
        if size == 0:
            return 0, checksum(b"")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            view = memoryview(mapped)
            try:
                return size, checksum(view)
            finally:
                view.release()
    except FileNotFoundError as error:
        raise BlobMissing(str(path)) from error
