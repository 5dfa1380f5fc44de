"""Which ranged requests bring the bytes that were asked for. Pure: ranges in, requests and cutting plans out."""

from __future__ import annotations

from collections.abc import Sequence

GAP_BYTES_MAX = 32 * 1024
"""Bytes read in vain rather than by a request of their own."""
REQUEST_BYTES_MAX = 1024 * 1024
"""Neighbours are joined up to this size: a stream carries some 90 MB/s, so what is large had better come in several."""


def coalesce(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The (start, length) requests, in order and apart, of which one covers each range that is not empty."""
    requests: list[tuple[int, int]] = []
    for start, length in sorted(one for one in ranges if one[1] > 0):
        if requests:
            first, size = requests[-1]
            end = max(first + size, start + length)
            covered = end == first + size
            if covered or (start - (first + size) <= GAP_BYTES_MAX and end - first <= REQUEST_BYTES_MAX):
                requests[-1] = (first, end - first)
                continue
        requests.append((start, length))
    return requests
