"""Rolling out a release: all packages are distributed, then deployed level by level, a limited number at a time; or all of
them are rolled back.

begin    ask the gate again, record what ran before, plan the levels; a scheduled rollout waits until its start-by limit
advance  see how far each package is, start what may start, wait for the children; when one fails, wait for a person

While the run waits it takes no slot of a worker. Each child wakes it when it ends, and so does a person's decision. A round
is one transaction under the run's fence, so a worker that dies leaves either all of a round or nothing of it.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from fairway.accounts.rules import Act
from fairway.engine.models import Run
from fairway.engine.workflow import Context, Ending, Outcome, Step, Wait, Workflow
from fairway.releases.commands import rolling
from fairway.releases.commands.rollouts import DECISION, STORY
from fairway.releases.commands.targets import asker
from fairway.releases.models import Rollout
from fairway.releases.plan import Verdict


def begin(context: Context) -> None:
    """Ask the gate again, for the person who asked for the rollout. Raises `Wait` while the gate is closed."""
    with transaction.atomic():
        context.checkpoint()  # locks the run first, as everywhere, and proves that it is ours
        again = rolling.begin(
            _rollout(context), asker(context.payload["asked"]), breaks_glass=bool(context.payload["glass"])
        )
    if again is not None:
        raise Wait(until=again, reason="It is blocked, and starts as soon as it no longer is.")


def advance(context: Context) -> None:
    """Do one round. Raises `Wait` until the rollout is over; each time the run wakes, it does the next round."""
    with transaction.atomic():
        context.checkpoint()
        asked = context.state.get("signals", {}).get(DECISION, {}).get("asked") or context.payload["asked"]
        run = Run.objects.get(pk=context.run_id)
        verdict = rolling.advance(_rollout(context), run, asker(asked), Act(asked["act"]), override=context.payload["glass"])
    if verdict is Verdict.WORK:
        raise Wait(reason="Packages are being worked on.")
    if verdict is Verdict.DECIDE:
        raise Wait(reason="A package failed; waiting for a decision.")


def _rollout(context: Context) -> Rollout:
    return Rollout.objects.select_related("release", "environment").get(pk=context.payload["rollout"])


class RolloutWatcher:
    """Ends the rollout when its run is cancelled or fails. A run that succeeds has ended the rollout itself."""

    def started(self, run: Run) -> None: ...

    def step_started(self, run: Run, step: str, attempt: int) -> None: ...

    def step_finished(self, run: Run, step: str, status: str, sentence: str) -> None: ...

    def waiting(self, run: Run, reason: str) -> None: ...

    def ended(self, run: Run, ending: Ending) -> None:
        if ending.outcome is Outcome.SUCCEEDED:
            return
        is_cancelled = ending.outcome is Outcome.CANCELLED
        sentence = (run.cancel_reason if is_cancelled else ending.sentence) or "It was cancelled."
        rolling.run_ended(run, is_cancelled=is_cancelled, sentence=sentence)


ROLLOUT = Workflow(
    kind=STORY,
    steps=(
        Step("begin", begin, deadline=timedelta(minutes=10)),
        Step("advance", advance, deadline=timedelta(minutes=10)),
    ),
    watcher=RolloutWatcher(),
)
