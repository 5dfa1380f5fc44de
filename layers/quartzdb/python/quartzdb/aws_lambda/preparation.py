"""What the first request would prepare, done before a snapshot is taken: a restored function has it behind it.

Asks AWS nothing, and changes no answer: whatever is left out here is made when it is needed.
"""

from __future__ import annotations

from importlib import import_module

from quartzdb.api.schemas.model import build_validators
from quartzdb.domain.values import compile_all


def prepare() -> None:
    """Validators of all bodies and queries, methods of all values, and what is imported when numpy is first asked for
    distinct numbers and a socket for the address of a name.
    """
    import_module("numpy.ma")
    import_module("encodings.idna")
    build_validators()
    compile_all()
