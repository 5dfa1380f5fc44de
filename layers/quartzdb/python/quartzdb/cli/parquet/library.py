"""pyarrow, which is no part of an ordinary installation: 170 MB that only Parquet files need."""

from __future__ import annotations

from types import ModuleType

from quartzdb.cli.failure import Failure


def pyarrow() -> ModuleType:
    """The library. Raises Failure where it is not installed."""
    try:
        import pyarrow as library
        import pyarrow.parquet  # an attribute of it from here on
    except ImportError as error:
        raise Failure(
            f"Parquet files need the package pyarrow, which is not installed here ({error}).",
            hint="In a checkout: make parquet; elsewhere: pip install pyarrow. JSON lines need nothing.",
        ) from error
    checked: ModuleType = library
    return checked
