"""Where snapshots are kept: manifests and segment files as blobs, and the pointer that publishes one of them."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from pyroaring import BitMap

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.namespace import Partition
from quartzdb.domain.vector import Mask
from quartzdb.ports import BlobMissing, BlobStore
from quartzdb.snapshot.manifest import FileRef, Manifest, checksum, decode_manifest, encode_manifest


@dataclass(frozen=True, slots=True)
class Published:
    """A manifest with its own blob key, and the pointer's tag for the next publication."""

    manifest: Manifest
    key: str
    tag: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """What the published pointer names: the current manifest and the one before it."""

    current: str
    previous: str | None
    tag: str


class SnapshotStore:
    """Reads and publishes manifests; stores and verifies segment files. Thread-safe."""

    def __init__(self, blobs: BlobStore) -> None:
        self.blobs = blobs

    def pointer(self, partition: Partition) -> Pointer | None:
        """What is published; None before the first publication. Raises Corrupted."""
        read = self.blobs.read_pointer(_pointer_key(partition))
        if read is None:
            return None
        content, tag = read
        try:
            named = orjson.loads(content)
            return Pointer(named["manifest"], named["previous"], tag)
        except (ValueError, KeyError, TypeError) as error:
            raise Corrupted(f"The manifest pointer of {partition} cannot be decoded.") from error

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
        pointer = orjson.dumps({"manifest": key, "previous": manifest.previous})
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
        """Flags of a segment's rows that hold a present record."""
        alive = np.ones(rows, dtype=np.bool_)
        if dead is not None:
            bitmap = BitMap.deserialize(self.verified_file(dead).read_bytes())
            alive[np.asarray(bitmap.to_array(), dtype=np.int64)] = False
        return alive


def dead_bitmap(alive: Mask) -> bytes:
    """The rows that are not alive, as a roaring bitmap."""
    bitmap = BitMap(np.flatnonzero(~alive).astype(np.uint32))
    bitmap.run_optimize()
    return bitmap.serialize()


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
