"""Questions of the usual shape, seen to be right without pydantic, which takes longer for that than for most errors.

Whatever is not plainly right is left to `validate`, so there is one text for each error.
"""

from __future__ import annotations

from collections.abc import Mapping

from quartzdb.api.schemas.vectors import Query

_TYPES: Mapping[str, tuple[type, ...]] = {
    "vector": (list, str),
    "id": (str,),
    "top_k": (int,),
    "recall": (float,),
    "min_recall": (float,),
    "min_score": (float,),
    "filter": (dict,),
    "include_vectors": (bool,),
    "include_metadata": (bool,),
    "consistency": (str,),
}
"""What is right in each field, whatever it is exactly; a whole number is no `float` here, and true no `int`."""
_CONSISTENCIES = ("strong", "eventual")
_DEFAULTS = {name: field.get_default() for name, field in Query.model_fields.items()}


def plain_query(document: object) -> Query | None:
    """What `validate` makes of a parsed body, or None where it has to look itself."""
    if type(document) is not dict:
        return None
    for name, value in document.items():
        if type(value) not in _TYPES.get(name, ()):
            return None
    if document.get("consistency", "strong") not in _CONSISTENCIES:
        return None
    question = Query.__new__(Query)
    # As pydantic's own `model_construct` does, without its look at every field.
    object.__setattr__(question, "__dict__", {**_DEFAULTS, **document})
    object.__setattr__(question, "__pydantic_fields_set__", set(document))
    object.__setattr__(question, "__pydantic_extra__", None)
    object.__setattr__(question, "__pydantic_private__", None)
    return question
