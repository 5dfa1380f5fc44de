"""Generated changes, versions and metadata, small enough that they collide."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from quartzdb.domain.change import Change, Delete, Patch, Upsert
from quartzdb.domain.hlc import Version
from quartzdb.domain.metadata import Scalar

IDS = ("a", "b", "c")

scalars: st.SearchStrategy[Scalar] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)
metadata = st.dictionaries(st.sampled_from(["x", "y", "z", "é"]), scalars, max_size=3)
vectors = st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3).map(
    lambda v: np.array(v, dtype=np.float32)
)
versions = st.builds(Version, st.integers(1, 40), st.sampled_from(["here.1", "here.2", "there.1"]))


@st.composite
def changes(draw: st.DrawFn, ids: tuple[str, ...] = IDS) -> Change:
    """One change, consistent: the same version always means the same change."""
    version = draw(versions)
    record_id = draw(st.sampled_from(ids))
    kind = (version.stamp + len(version.writer)) % 4
    if kind <= 1:
        return Upsert(
            record_id, version, np.full(3, version.stamp, dtype=np.float32), {"x": str(version), "y": 1}
        )
    if kind == 2:
        return Patch(record_id, version, set={"x": str(version)}, unset=("y",) if version.stamp % 3 else ())
    return Delete(record_id, version)
