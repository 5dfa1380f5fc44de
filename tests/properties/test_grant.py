"""Grants as documents."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.adapters.stored_grant import stored_grant
from quartzdb.domain.errors import Corrupted, InvalidArgument
from quartzdb.domain.grant import (
    NUMBER_MAX,
    Block,
    GrantLimits,
    Prices,
    TenantGrant,
    TenantStatus,
    grant_of,
    grant_text,
)
from quartzdb.domain.limits import TIME_MS_MAX

NUMBERS = st.integers(0, NUMBER_MAX)
RATES = st.integers(1, 1_000_000)
TEXTS = st.text(min_size=1, max_size=20).filter(str.isprintable)


@st.composite
def limits(draw: st.DrawFn) -> GrantLimits:
    rates = [draw(st.none() | RATES), draw(st.none() | RATES)]
    bursts = [None if rate is None else draw(st.none() | RATES) for rate in rates]
    others = [draw(st.none() | NUMBERS) for _ in range(5)]
    return GrantLimits(rates[0], bursts[0], rates[1], bursts[1], *others)


BLOCKS = st.builds(Block, TEXTS, NUMBERS, NUMBERS, TEXTS, st.none() | NUMBERS, TEXTS)
GRANTS = st.builds(
    TenantGrant,
    st.just("t"),
    st.integers(1, NUMBER_MAX),
    st.sampled_from(TenantStatus),
    st.none() | TEXTS,
    limits(),
    st.none() | BLOCKS,
    st.none() | BLOCKS,
    st.none() | TEXTS,
    st.none() | st.builds(Prices, TEXTS, NUMBERS, NUMBERS, NUMBERS),
    st.none() | TEXTS,
    st.none() | st.integers(0, TIME_MS_MAX),
)


@given(GRANTS)
def test_a_grant_survives_its_document(grant: TenantGrant) -> None:
    """Whatever it says; and what a later release may say beside it does not matter."""
    text = grant_text(grant)
    assert grant_of(grant.tenant, grant.revision, text) == grant
    later = json.loads(text) | {"of_later": {"x": 1}, "limits": json.loads(text).get("limits", {}) | {"y": 1}}
    assert grant_of(grant.tenant, grant.revision, json.dumps(later)) == grant


def test_a_grant_that_says_nothing_limits_nothing() -> None:
    """So does one of which only the status was ever said."""
    assert grant_of("t", 1, "{}") == TenantGrant("t", 1)
    assert grant_text(TenantGrant("t", 1, TenantStatus.SUSPENDED)) == '{"status":"suspended"}'
    assert all(getattr(TenantGrant("t", 1).limits, field.name) is None for field in fields(GrantLimits))


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ("nonsense", "grant"),
        ("[]", "grant"),
        ('{"status": "happy"}', "grant.status"),
        ('{"status": 3}', "grant.status"),
        ('{"plan": 3}', "grant.plan"),
        ('{"limits": 3}', "grant.limits"),
        ('{"limits": {"namespaces": -1}}', "grant.limits.namespaces"),
        ('{"limits": {"namespaces": true}}', "grant.limits.namespaces"),
        ('{"limits": {"vectors": 1.5}}', "grant.limits.vectors"),
        ('{"limits": {"requests_per_second": 0}}', "grant.limits.requests_per_second"),
        ('{"limits": {"requests_per_second": 1000001}}', "grant.limits.requests_per_second"),
        ('{"limits": {"key_burst": 3}}', "grant.limits.key_burst"),
        ('{"reads_blocked": {"limit": "x"}}', "grant.reads_blocked"),
        (
            '{"reads_blocked": {"limit": "x", "used": null, "allowed": 1, "unit": "u", "raise_at": "r"}}',
            "grant.reads_blocked.used",
        ),
        ('{"prices": {"version": "1"}}', "grant.prices"),
        (
            '{"prices": {"version": "", "million_read_units": 1, "million_write_units": 1, "gigabyte_month": 1}}',
            "grant.prices.version",
        ),
    ],
)
def test_what_is_no_grant_is_refused(document: str, field: str) -> None:
    """With the field that is wrong; and where it was stored, as damage, never as the caller's mistake."""
    with pytest.raises(InvalidArgument) as refused:
        grant_of("t", 1, document)
    assert refused.value.field == field
    with pytest.raises(Corrupted):
        stored_grant("t", 1, document)
