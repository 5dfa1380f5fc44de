"""Orders: by what records are listed, and where in such a listing one stands.

Records with a value come first, in its order or against it, equals by id; then those without one, by id. Values of one
type stand together: booleans, numbers, strings. Null, an object and an array are no values here.
"""

from __future__ import annotations

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.metadata import PATH_CHARACTERS_MAX, is_path
from quartzdb.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Order:
    """`field`: the path of a metadata field; None: by id."""

    field: str | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class OrderPlace:
    """Where a record stands. `key`: the field key of its value (`domain.fieldkey`); None where it has none."""

    key: bytes | None
    id: str


BY_ID = Order()


def check_order(order: Order, field: str = "order_by") -> Order:
    """The order, if records can have it. Raises InvalidArgument."""
    path = order.field
    if path is not None and not is_path(path):
        raise InvalidArgument(
            f"A field to order by has 1 to {PATH_CHARACTERS_MAX} characters.",
            field=f"{field}.field",
            hint="Name a metadata field, such as `year` or `author.name`; leave it out to order by id.",
        )
    return order
