"""How far property tests go: the same few examples in every run, or many new ones in ``make explore``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("FAIRWAY_EXPLORE", "1"))  # as many examples as usual; above 1 they are drawn anew each time
USUAL = 100  # examples of a property that names no number itself

settings.register_profile(
    "fairway",
    derandomize=TIMES == 1,
    max_examples=USUAL * TIMES,
    deadline=None,  # it would assert timings
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fairway")


def examples(usual: int) -> int:
    """The number of examples for a property that needs another number than `USUAL`."""
    return usual * TIMES
