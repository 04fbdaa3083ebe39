"""Rolling out a release: everything distributed, then level by level, at most so many at a time; or all of it back.

begin    ask the gate again, keep what ran before, lay out the levels; a planned one waits until its start-by limit
advance  see how far each package is, start what may start, wait for the children; when one fails, wait for a person

The run waits without a slot; each child wakes it when it ends, and so does a decision. A round is one transaction under the
run's fence, so a worker that dies leaves either all of a round or nothing of it.
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
    """The gate is asked again when it starts, for whoever asked for it."""
    with transaction.atomic():
        context.checkpoint()  # locks the run first, as everywhere, and proves that it is ours
        again = rolling.begin(
            _rollout(context), asker(context.payload["asked"]), breaks_glass=bool(context.payload["glass"])
        )
    if again is not None:
        raise Wait(until=again, reason="It is blocked, and starts as soon as it no longer is.")


def advance(context: Context) -> None:
    """One round after another, until it is done."""
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
    """A run that is cancelled or breaks ends its rollout; one that gets through did so itself."""

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
