"""Whether a file of trees is one that Annoy can map: each number in it that leads to a node leads to one.

Annoy (1.17.3) checks nothing but the size. A file is nodes of one size: first the rows, in order, then each tree's
nodes, children before their parents, and at the end a copy of each root. A node is how many rows are below it; under
`euclidean` the plane's offset; its two children; coordinates. Where the rows below fit into the space of children and
coordinates, they are listed there instead.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Rows
from quartzdb.storage.index.engines.file_fields import FileFields, fields_of

_BLOCK_NUMBERS = 1 << 20
"""Nodes are looked at so many numbers at a time."""
_NODES_MAX = (1 << 31) - 1

Numbers = npt.NDArray[np.int32]


def check_trees(path: Path, *, rows: int, width: int, angular: bool, trees: int) -> None:
    """Raises Corrupted unless these are so many trees over so many rows of `width` numbers.

    Of a file that passes, a search visits each node of a tree at most once, and finds rows that are there: children
    come before their parents, and a parent has as many rows as both of its children have.
    """
    first_child = 1 if angular else 2
    columns = width + (3 if angular else 4)
    with fields_of(path) as fields:
        fields.require(
            fields.left % (4 * columns) == 0, f"{fields.left} bytes are not nodes of {4 * columns}"
        )
        count = fields.left // (4 * columns)
        fields.require(
            trees > 0 and rows + trees <= count <= _NODES_MAX,
            f"{count} nodes cannot be {trees} trees of {rows} rows",
        )
        nodes: Numbers = fields.array("<i4", count * columns).reshape(count, columns)
        _check_nodes(fields, nodes, nodes[:, 0].copy(), rows, trees, first_child)


def _check_nodes(
    fields: FileFields, nodes: Numbers, below: Numbers, rows: int, trees: int, first_child: int
) -> None:
    """`below` (nodes,): how many rows each node says to have."""
    fields.require((below[:rows] == 1).all(), "a row is no leaf")
    fields.require(((below >= 1) & (below <= rows)).all(), "a node has more rows than there are, or none")
    # Annoy takes for roots what has as many rows as the last node, from the end; that also tells it how many rows.
    fields.require((below[-trees:] == rows).all(), f"its last {trees} nodes are not the roots")
    listed_max = nodes.shape[1] - first_child
    step = _BLOCK_NUMBERS // nodes.shape[1] + 1
    for start in range(rows, len(nodes), step):
        block, sizes = nodes[start : start + step, first_child:], below[start : start + step]
        listing = sizes <= listed_max
        listed = _listed(nodes, first_child, np.flatnonzero(listing) + start, sizes[listing])
        fields.require(
            listed.min(initial=0) >= 0 and listed.max(initial=0) < rows,
            "a leaf lists a row that is not there",
        )
        children, parents = block[~listing, :2], np.flatnonzero(~listing) + start
        fields.require(
            (children >= 0).all() and (children < parents[:, None]).all(),
            "a node's child does not come before it",
        )
        fields.require(
            (below[children].sum(axis=1, dtype=np.int64) == sizes[~listing]).all(),
            "a node has other rows than its children",
        )


def _listed(nodes: Numbers, first_child: int, leaves: Rows, sizes: Numbers) -> Numbers:
    """The rows that these leaves list, one leaf after another."""
    ends = np.cumsum(sizes, dtype=np.int64)
    places = np.repeat(leaves * nodes.shape[1] + first_child - ends + sizes, sizes)
    places += np.arange(places.size)
    listed: Numbers = nodes.reshape(-1).take(places)
    return listed
