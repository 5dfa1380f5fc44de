"""Settings of every test run: how hard Hypothesis tries. HYPOTHESIS_PROFILE=nightly searches further and at random."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A failure must repeat as it was reported, on any machine and under any load.
settings.register_profile("ci", derandomize=True, deadline=None, max_examples=50, print_blob=True)
settings.register_profile(
    "nightly",
    deadline=None,
    max_examples=1_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
