"""Compare-and-set by HTTP's own headers: the ETag of a record or an item is its version in quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from quartzdb.api.request_headers import RequestHeaders
from quartzdb.domain.condition import ABSENT, Condition
from quartzdb.domain.errors import InvalidArgument, InvalidVersion, PreconditionFailed
from quartzdb.domain.hlc import Version

VERSION_HEADER = "X-QuartzDB-Version"
_TAG = re.compile(r'(W/)?"([!#-~]*)"')
_LIST = re.compile(r'\s*(?:(?:W/)?"[!#-~]*"\s*)?(?:,\s*(?:(?:W/)?"[!#-~]*"\s*)?)*')
CONDITIONS = ("If-Match", "If-None-Match")
_HINT = 'Send If-Match: "VERSION" with the ETag of an earlier answer, or If-None-Match: * for what must not exist yet.'


class RecordCondition(Protocol):
    """A record of a batch, with what must be there for it to be written."""

    @property
    def id(self) -> str: ...

    @property
    def if_version(self) -> str | None: ...

    @property
    def if_absent(self) -> bool: ...


def etag_of(version: Version) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def after_of(headers: RequestHeaders) -> Version | None:
    """The version token that a raw request carries. Raises InvalidVersion."""
    token = headers.get(VERSION_HEADER)
    return None if token is None else Version.parse(token)


def condition_of(headers: RequestHeaders) -> Condition | None:
    """The condition of a request on one record or key. Raises InvalidArgument for what is none.

    `*`, and lists of ETags, also over several lines of a header. If-Match compares strongly (RFC 9110, 13.1.1): a tag
    that is marked as weak names no version, and neither does one that no answer ever had.
    """
    given = [name for name in CONDITIONS if name in headers]
    if len(given) > 1:
        raise InvalidArgument("Both If-Match and If-None-Match are given.", field="If-Match", hint=_HINT)
    return _condition(given[0], headers) if given else None


def no_condition(headers: RequestHeaders, why: str) -> None:
    """Raises InvalidArgument where a request has a condition that nothing would look at."""
    for name in CONDITIONS:
        if name in headers:
            raise InvalidArgument(
                f"{name} is not taken here: {why}", field=name, hint="Leave the header out."
            )


def condition_of_one(headers: RequestHeaders, ids: Sequence[str]) -> dict[str, Condition]:
    """The condition of the one record of a batch. Raises InvalidArgument where there are others."""
    condition = condition_of(headers)
    if condition is None:
        return {}
    if len(ids) != 1:
        no_condition(headers, f"it is about one record, and this request names {len(ids)}.")
    return {ids[0]: condition}


def conditions_of(headers: RequestHeaders, records: Sequence[RecordCondition]) -> dict[str, Condition]:
    """The conditions of a batch: each record has its own, or one alone that of the headers. Raises InvalidArgument."""
    conditions: dict[str, Condition] = {}
    for position, record in enumerate(records):
        if record.if_version is not None and record.if_absent:
            raise InvalidArgument(
                "A record cannot be at a version and be absent.",
                field=f"vectors[{position}].if_absent",
                hint="Give `if_version` or `if_absent`.",
            )
        if record.if_absent:
            conditions[record.id] = ABSENT
        elif record.if_version is not None:
            try:
                conditions[record.id] = Condition.at(Version.parse(record.if_version))
            except InvalidVersion as error:
                error.field = f"vectors[{position}].if_version"
                raise
    if conditions:
        no_condition(headers, "the records have conditions of their own.")
        return conditions
    return condition_of_one(headers, [record.id for record in records])


def unchanged(headers: RequestHeaders, version: Version) -> bool:
    """Whether what is read need not be sent, since If-None-Match names its version. Raises PreconditionFailed where
    If-Match names others.
    """
    condition = condition_of(headers)
    if condition is None or condition.holds(version):
        return False
    if condition.negated:
        return True
    raise PreconditionFailed(
        condition.failure("What is read", version), field="If-Match", hint="Read it without."
    )


def _condition(name: str, headers: RequestHeaders) -> Condition:
    text = ",".join(headers.getlist(name))
    weak = name == "If-None-Match"
    if text.strip() == "*":
        return Condition(None, negated=weak)
    tags = list(_TAG.finditer(text))
    if not tags or not _LIST.fullmatch(text):
        raise InvalidArgument(f"{name} is neither * nor a list of ETags.", field=name, hint=_HINT)
    versions: set[Version] = set()
    for tag in tags:
        # A cache on the way may have marked a tag as weak, which matters to If-Match alone.
        if weak or tag[1] is None:
            try:
                versions.add(Version.parse(tag[2]))
            except InvalidVersion:
                continue  # one that nothing ever had
    return Condition(frozenset(versions), negated=weak)
