"""How a deployment waits for the gate to open; meanwhile it takes no slot of a worker and does not keep its key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from fairway.accounts.rules import Blocker
from fairway.deployments.models import Deployment
from fairway.engine import clock
from fairway.engine.workflow import Wait

# After this it asks again if nobody knows when the gate opens. Whatever opens the gate wakes the run earlier.
LOOK_AGAIN = timedelta(hours=1)


def wait_for_gate(closed_by: Sequence[Blocker], deployment: Deployment) -> None:
    """Raises `Wait` until the gate opens, or until the deployment's `starts_by`, whichever is first. After `starts_by` it
    returns, and the caller refuses the deployment."""
    now = clock.now()
    opens_at = max(blocker.clears_at or now + LOOK_AGAIN for blocker in closed_by)
    if now < deployment.starts_by:
        sentences = " ".join(blocker.sentence for blocker in closed_by)
        raise Wait(until=min(opens_at, deployment.starts_by), keeps_key=False, reason=sentences)
