"""Numbers in a file of this machine as an array: mapped, or copied where they are few. Neither keeps the file open.

Python's own mmap duplicates the descriptor and holds it for as long as the mapping lives, and descriptors are what a
server of many namespaces runs out of first. So the mapping is made by the C library.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

COPIED_BYTES_MAX = 64 * 1024
"""Of so few bytes a copy costs no more than a mapping, of which a process may not have any number either."""
_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_longlong,
)
_libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)


def array_of(path: Path, dtype: str, shape: tuple[int, ...]) -> Any:
    """A file's numbers, not to be written to; unmapped with the last array over them.

    Raises OSError, and ValueError where the file has too few bytes.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if not size:
        return np.empty(shape, dtype)  # an empty file cannot be mapped
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.fstat(descriptor).st_size
        if there < size:
            # Of a mapping, what lies beyond the end of the file ends the process when it is read.
            raise ValueError(f"{path.name} has {there} bytes, not the {size} of {shape}.")
        content = os.read(descriptor, size) if size <= COPIED_BYTES_MAX else _mapped(descriptor, size)
    finally:
        os.close(descriptor)
    array = np.frombuffer(content, dtype).reshape(shape)
    array.flags.writeable = False
    return array


def _mapped(descriptor: int, size: int) -> Any:
    address = _libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
    if address == _FAILED:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    content = (ctypes.c_ubyte * size).from_address(address)
    unmapping = weakref.finalize(content, _libc.munmap, address, size)
    unmapping.atexit = False  # a thread that outlives the interpreter's end may still read it
    return content
