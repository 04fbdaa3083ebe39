"""Tables of the engine: runs, the attempts of their steps, workers, and recurring ticks."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef, Q

from fairway.engine import rules

__all__ = ["Run", "RunStep", "ScheduledTick", "Worker"]


def _choices(words: type[rules.Status] | type[rules.StepStatus] | type[rules.CleanUp]) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class RunQuerySet(models.QuerySet["Run"]):
    """The questions the engine asks."""

    def live(self) -> RunQuerySet:
        """Not finished."""
        return self.filter(status__in=sorted(rules.LIVE))

    def at_work(self) -> RunQuerySet:
        """Not finished, and not waiting without its key: such a run may wait for days and touches nothing."""
        return self.live().exclude(status=rules.Status.WAITING, holds_key=False)

    def finished(self) -> RunQuerySet:
        return self.filter(status__in=sorted(rules.FINISHED))

    def claimable(self, now: datetime) -> RunQuerySet:
        """Due and without an owner, or with an owner whose lease expired; and their key is free or theirs."""
        unowned = Q(
            owner="", run_at__lte=now, status__in=[rules.Status.QUEUED, rules.Status.WAITING, rules.Status.CANCELLING]
        )
        orphaned = Q(lease_until__lt=now, status__in=sorted(rules.CLAIMED)) & ~Q(owner="")
        taken = Exists(Run.objects.filter(key=OuterRef("key"), holds_key=True))
        return self.filter(unowned | orphaned).filter(Q(holds_key=True) | ~taken)

    def in_order(self) -> RunQuerySet:
        """In the order of execution: runs that have begun (they free their key soonest), then by priority, then by due
        time."""
        return self.order_by("-holds_key", "-priority", "run_at", "id")


class Run(models.Model):
    """One execution of a workflow. Its row is the request, the queue entry, the lease and the result.

    `status` is written by `fairway.engine.claim`, `fairway.engine.transitions` and `fairway.engine.commands` only.
    """

    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=200)
    lane = models.CharField(max_length=60, default="default")
    priority = models.IntegerField(default=0)  # larger goes first
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.RESTRICT, related_name="children")
    status = models.CharField(max_length=12, choices=_choices(rules.Status), default=rules.Status.QUEUED)
    payload = models.JSONField(default=dict)
    state = models.JSONField(default=dict)

    step = models.CharField(max_length=60, blank=True)
    step_index = models.PositiveSmallIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)  # starts of this step, from 1; 0 before the first
    retries = models.PositiveIntegerField(default=0)  # failures of this step, or of the clean-up, that may be tried again
    step_started_at = models.DateTimeField(null=True, blank=True)
    step_deadline_at = models.DateTimeField(null=True, blank=True)

    holds_key = models.BooleanField(default=False)
    owner = models.CharField(max_length=120, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)

    run_at = models.DateTimeField(null=True, blank=True)  # not before; None: only when signalled
    wait_reason = models.TextField(blank=True)
    awaits_signal = models.BooleanField(default=False)  # waiting because a step asked to, not because it pauses
    is_signalled = models.BooleanField(
        default=False
    )  # signalled since the step last started: it must not wait again before it has read the signal

    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_reason = models.TextField(blank=True)

    outcome = models.CharField(
        max_length=12, blank=True
    )  # known before the clean-up; becomes the status when the clean-up has ended
    outcome_step = models.CharField(max_length=60, blank=True)
    sentence = models.TextField(blank=True)
    detail = models.TextField(blank=True)
    clean_up_status = models.CharField(max_length=10, blank=True, choices=_choices(rules.CleanUp), default="")
    clean_up_attempt = models.PositiveIntegerField(default=0)
    clean_up_error = models.TextField(blank=True)

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=Q(holds_key=True), name="run_one_holder_per_key"),
            models.CheckConstraint(condition=Q(status__in=sorted(rules.Status)), name="run_status_known"),
            models.CheckConstraint(condition=Q(clean_up_status__in=sorted(rules.CleanUp)), name="run_clean_up_status_known"),
            models.CheckConstraint(
                condition=~Q(status=rules.Status.RUNNING)
                | (Q(holds_key=True) & ~Q(owner="") & Q(lease_until__isnull=False)),
                name="run_running_is_held",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=sorted(rules.FINISHED)) | Q(holds_key=False, owner="", finished_at__isnull=False),
                name="run_finished_is_free",
            ),
            models.CheckConstraint(
                condition=Q(owner="") | Q(status__in=sorted(rules.CLAIMED)),
                name="run_owner_only_while_held",
            ),
        ]
        indexes = [
            # Partial, because the queue is small and the history is long.
            models.Index(
                fields=["-holds_key", "-priority", "run_at", "id"],
                condition=Q(status__in=sorted(rules.LIVE)),
                name="run_queue",
            ),
            models.Index(fields=["key", "-id"], name="run_by_key"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} #{self.pk} {self.status}"

    @property
    def is_finished(self) -> bool:
        return self.status in rules.FINISHED


class RunStep(models.Model):
    """One attempt of one step (or of the clean-up, step ``clean-up``). Retries add rows, so no failed attempt is hidden."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    step = models.CharField(max_length=60)
    attempt = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=_choices(rules.StepStatus), default=rules.StepStatus.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    sentence = models.TextField(blank=True)
    owner = models.CharField(max_length=120)
    fence = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "step", "attempt"], name="run_step_attempt_once"),
            models.CheckConstraint(condition=Q(status__in=sorted(rules.StepStatus)), name="run_step_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.step} attempt {self.attempt} {self.status}"


class Worker(models.Model):
    """A process that runs workflows; `seen_at` is its last heartbeat on the database's clock."""

    name = models.CharField(max_length=120, unique=True)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    slots = models.PositiveSmallIntegerField(default=1)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class ScheduledTick(models.Model):
    """When a recurring tick is due next. The worker that moves `next_at` forward runs it."""

    name = models.CharField(max_length=60, unique=True)
    next_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True, blank=True)
    last_by = models.CharField(max_length=120, blank=True)
    last_error = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name
