"""The columns of an exported Parquet file.

All of a record's metadata is one column of JSON, because records of a namespace may have anything there: that column
alone is imported. Vectors are lists of one length, as every reader of Parquet knows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quartzdb.cli.parquet.library import pyarrow

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace

ID, VECTOR, METADATA = "id", "vector", "metadata"
KEY, VALUE, CONTENT_TYPE, EXPIRES_AT = "key", "value", "content_type", "expires_at"
RECORD_EXPIRES_AT = "quartzdb_expires_at"
"""When a record expires. Under a longer name than that of a key-value, which may be a field of metadata."""
VERSION = "quartzdb_version"
"""For those who read: what is imported is a new write, so an import passes over it."""
HEADER_KEY = b"quartzdb_export"
"""Of the file's key-value metadata: its value is what stands under this name in the first line of JSON lines."""


def record_schema(namespace: Namespace, vectors: str) -> Any:
    """A pyarrow.Schema: id, vector, metadata as JSON text (null where there is none), end (null for never), version."""
    pa = pyarrow()
    number = pa.float16() if vectors == "f16" else pa.float32()
    columns = [pa.field(ID, pa.string(), nullable=False)]
    if namespace.settings.dimension:
        element = pa.field("element", number, nullable=False)
        columns.append(pa.field(VECTOR, pa.list_(element, namespace.settings.dimension), nullable=False))
    columns.append(pa.field(METADATA, pa.string()))
    columns.append(pa.field(RECORD_EXPIRES_AT, pa.timestamp("ms", tz="UTC")))
    columns.append(pa.field(VERSION, pa.string(), nullable=False))
    return pa.schema(columns)


def key_value_schema() -> Any:
    """A pyarrow.Schema: key, value, content type, end (null for never), version."""
    pa = pyarrow()
    return pa.schema(
        [
            pa.field(KEY, pa.string(), nullable=False),
            pa.field(VALUE, pa.binary(), nullable=False),
            pa.field(CONTENT_TYPE, pa.string(), nullable=False),
            pa.field(EXPIRES_AT, pa.timestamp("ms", tz="UTC")),
            pa.field(VERSION, pa.string(), nullable=False),
        ]
    )


def moments(array: Any) -> list[int | None]:
    """A column of timestamps in unix milliseconds, null for never."""
    return list(array.cast(pyarrow().timestamp("ms", tz="UTC"), safe=False).cast("int64").to_pylist())
