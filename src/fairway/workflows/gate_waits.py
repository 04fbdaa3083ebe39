"""A deployment that waits for the gate to open, without slot and key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from fairway.accounts.rules import Blocker
from fairway.deployments.models import Deployment
from fairway.engine import clock
from fairway.engine.workflow import Wait
from fairway.shared.sentences import joined

LOOK_AGAIN = timedelta(hours=1)  # at the latest, where nobody knows when the gate opens; what opens it wakes us before


def wait_for_gate(found: Sequence[Blocker], deployment: Deployment) -> None:
    """Come back when it opens, or at the limit to be refused; raises `Wait` unless the limit is reached."""
    now = clock.now()
    opens_at = max(one.clears_at or now + LOOK_AGAIN for one in found)
    if now < deployment.starts_by:
        sentences = joined(one.sentence for one in found)
        raise Wait(until=min(opens_at, deployment.starts_by), keeps_key=False, reason=sentences)
