"""Tables of this room."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from fairway.accounts.rules import Actor
from fairway.applications.models import Application
from fairway.deployments.models import Deployment
from fairway.drivers.forges.contract import PUSHED, RefKind
from fairway.drivers.forges.statuses import REPORTING, Progress
from fairway.drivers.identity.kinds import Ci
from fairway.environments.models import Environment
from fairway.pipelines.preview_rules import End, PreviewState, sign_of
from fairway.pipelines.report_rules import State
from fairway.pipelines.rules import Outcome
from fairway.pipelines.stage_rules import Promoted

__all__ = [
    "CiTokenUse",
    "CiTrust",
    "ForgeConnection",
    "ForgeDeployment",
    "Preview",
    "Stage",
    "StagePromotion",
    "StatusReport",
    "Trigger",
    "WebhookDelivery",
]


class Saved(models.Model):
    """What deploys one application to one environment by itself, with the present rights of whoever saved it last
    (`saved_by`), by whichever API token and in whichever acting role they did."""

    application: models.ForeignKey[Application, Application]
    environment: models.ForeignKey[Environment, Environment]
    saved_by_id = models.BigIntegerField(null=True)
    saved_by = models.CharField(max_length=200)
    saved_with_id = models.BigIntegerField(null=True)  # the API token, when it was one
    acting_role = models.CharField(max_length=40, blank=True)

    class Meta:
        abstract = True

    def saved_now_by(self, actor: Actor) -> None:
        """Let it act with the rights of this actor from now on; the caller saves the row."""
        self.saved_by_id, self.saved_by = actor.id, actor.name
        self.saved_with_id, self.acting_role = actor.authentication.token, actor.acting_as or ""


class Trigger(Saved):
    """Deploy on push: a push to a branch or tag that matches `pattern` deploys an application to an environment. One of the
    kind `REQUEST` has a preview there for each request into such a branch.

    The webhook of the repository posts to `url` and signs with the secret. It deploys with the present rights of whoever
    saved it last (`saved_by`). `paths`, if any, are those below which something must have changed.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="triggers")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="triggers")
    ref_kind = models.CharField(max_length=10)
    pattern = models.CharField(max_length=200)
    paths = models.JSONField(default=list)
    is_paused = models.BooleanField(default=False)
    public_id = models.CharField(max_length=40, unique=True)
    sealed_secret = models.TextField()
    secret_made_at = models.DateTimeField(default=timezone.now)
    hook = models.CharField(max_length=40, blank=True)  # the forge's number of the webhook, if Fairway installed it
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True)  # the row stays, because history refers to it

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["application", "environment"],
                condition=Q(deleted_at=None) & ~Q(ref_kind=RefKind.REQUEST.value),
                name="one_trigger_each",
            ),
            models.UniqueConstraint(
                fields=["application", "environment"],
                condition=Q(deleted_at=None, ref_kind=RefKind.REQUEST.value),
                name="one_trigger_of_previews_each",
            ),
            models.CheckConstraint(condition=Q(ref_kind__in=[kind.value for kind in RefKind]), name="trigger_ref_known"),
        ]

    def __str__(self) -> str:
        return f"{self.application.slug} on push to {self.pattern} → {self.environment.slug}"

    @property
    def url(self) -> str:
        """Where the repository's webhook posts to."""
        return f"{settings.PUBLIC_URL}/hooks/{self.public_id}"


class Preview(models.Model):
    """What runs for one pull or merge request of a trigger's repository, until it ends.

    `copy` is the application that runs, None while there is none. `commit` is the request's newest one, `tried` the one that
    a deployment was requested for last, at `tried_at`, `deployment` that deployment, `sentence` why there is none. Of a
    fork, only the commit that a person `approved` is deployed. `changed_at` is when the forge says that the request was
    changed last.

    The comment on the request: `comment` is its number at the forge, `told` the SHA-256 of what it says; it is due when
    `tell_at` is set.
    """

    trigger = models.ForeignKey(Trigger, on_delete=models.PROTECT, related_name="previews")
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    is_merge = models.BooleanField()
    title = models.CharField(max_length=200, blank=True)
    author = models.CharField(max_length=100, blank=True)
    page = models.CharField(max_length=500, blank=True)
    branch = models.CharField(max_length=250)
    is_fork = models.BooleanField()
    commit = models.CharField(max_length=64)
    approved = models.CharField(max_length=64, blank=True)
    approved_by = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(null=True)
    is_request_open = models.BooleanField(default=True)
    state = models.CharField(max_length=10, default=PreviewState.OPEN.value)
    copy = models.ForeignKey(Application, null=True, on_delete=models.PROTECT, related_name="preview")
    deployment = models.ForeignKey(Deployment, null=True, on_delete=models.PROTECT, related_name="previews")
    tried = models.CharField(max_length=64, blank=True)
    tried_at = models.DateTimeField(null=True)
    sentence = models.TextField(blank=True)
    moved_at = models.DateTimeField(default=timezone.now)  # when it was opened, pushed to or kept last
    ends_at = models.DateTimeField()
    end = models.CharField(max_length=12, blank=True)
    ended_by = models.CharField(max_length=200, blank=True)
    ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    comment = models.CharField(max_length=40, blank=True)
    told = models.CharField(max_length=64, blank=True)
    tell_at = models.DateTimeField(null=True)
    tell_tries = models.PositiveSmallIntegerField(default=0)
    trouble = models.CharField(max_length=40, blank=True)  # why the comment was not taken, as of a `StatusReport`
    said = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["trigger", "number"], name="one_preview_of_a_request"),
            models.CheckConstraint(condition=Q(state__in=[one.value for one in PreviewState]), name="preview_state_known"),
            models.CheckConstraint(condition=Q(end__in=["", *(one.value for one in End)]), name="preview_end_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["application", "-id"], name="preview_newest"),
            models.Index(fields=["id"], condition=~Q(state=PreviewState.ENDED.value), name="preview_alive"),
            models.Index(fields=["tell_at"], condition=Q(tell_at__isnull=False), name="preview_to_tell"),
        ]

    def __str__(self) -> str:
        return f"{self.application.slug} {self.sign}: {self.state}"

    @property
    def sign(self) -> str:
        return sign_of(self.number, is_merge=self.is_merge)

    @property
    def waits_for_approval(self) -> bool:
        """Whether its newest commit comes from a fork and nobody has approved it."""
        is_alive = self.state in (PreviewState.WAITING, PreviewState.OPEN)
        return self.is_fork and is_alive and self.approved != self.commit


class WebhookDelivery(models.Model):
    """One request that came to a trigger's webhook, and what became of it.

    `received_at` is when it came, or came last: refused ones of the same reason, and other events than pushes, are counted
    in one row (`times`). A push that was not refused is recognised by its id and by the SHA-256 of its body (`body_digest`,
    "" for other events), and is not accepted again.
    """

    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="deliveries")
    received_at = models.DateTimeField(default=timezone.now)
    times = models.PositiveIntegerField(default=1)
    forge = models.CharField(max_length=10)
    event = models.CharField(max_length=60, blank=True)
    delivery = models.CharField(max_length=200, blank=True)
    body_digest = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=60, blank=True)
    ref_kind = models.CharField(max_length=10, blank=True)
    ref = models.CharField(max_length=250, blank=True)
    commit = models.CharField(max_length=64, blank=True)
    pusher = models.CharField(max_length=100, blank=True)
    message = models.TextField(blank=True)
    outcome = models.CharField(max_length=12)
    code = models.CharField(max_length=40, blank=True)  # why it was refused, in a word
    sentence = models.TextField(blank=True)
    deployment = models.ForeignKey(Deployment, null=True, on_delete=models.PROTECT, related_name="pushes")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(outcome__in=[one.value for one in Outcome]), name="push_outcome_known"),
            models.UniqueConstraint(
                fields=["trigger", "body_digest"],
                condition=~Q(outcome=Outcome.REFUSED.value) & ~Q(body_digest=""),
                name="one_push_of_a_body",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["trigger", "-id"], name="push_newest"),
            models.Index(fields=["trigger", "delivery"], name="push_by_delivery"),
            models.Index(fields=["trigger"], condition=Q(outcome=Outcome.ACCEPTED.value), name="push_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.delivery} to {self.trigger_id}"


class CiTrust(Saved):
    """CI jobs that get a short-lived API token without a stored secret: those of one repository, on matching branches or
    tags, in the CI's environment `ci_environment` if one is named. The token deploys this application to this environment
    with the present rights of whoever made it (`saved_by`).

    `owner_id` is the number of the repository's owner, as the first job said it: a repository that was given to somebody
    else is not trusted any more.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="ci_trusts")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="ci_trusts")
    ci = models.CharField(max_length=10)
    issuer = models.CharField(max_length=300)
    repository_id = models.CharField(max_length=30)
    owner_id = models.CharField(max_length=30, blank=True)
    ref_kind = models.CharField(max_length=10)
    pattern = models.CharField(max_length=200)
    ci_environment = models.CharField(max_length=200, blank=True)
    repository = models.CharField(max_length=300, blank=True)  # its name, as the last job said it
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)  # the row stays, because history refers to it

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ci__in=[one.value for one in Ci]), name="ci_known"),
            models.CheckConstraint(condition=Q(ref_kind__in=[one.value for one in PUSHED]), name="ci_ref_known"),
        ]
        indexes: ClassVar = [models.Index(fields=["issuer", "repository_id"], name="ci_trust_by_repository")]

    def __str__(self) -> str:
        return f"{self.repository or self.repository_id} {self.pattern} → {self.application.slug} · {self.environment.slug}"


class CiTokenUse(models.Model):
    """A CI job's token that was exchanged, by the SHA-256 of its issuer and number, so that it is exchanged once."""

    digest = models.CharField(max_length=64, unique=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest[:12]


class Stage(Saved):
    """One step of an application's pipeline: a version that was healthy in `origin` for `after_minutes` minutes without a
    break is promoted to `environment`, with the present rights of whoever saved it last (`saved_by`)."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="stages")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="stages")
    origin = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    after_minutes = models.PositiveIntegerField()
    is_paused = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True)  # the row stays, because history refers to it

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["application", "environment"], condition=Q(deleted_at=None), name="one_stage_into_each"
            ),
            models.CheckConstraint(condition=~Q(origin=models.F("environment")), name="stage_goes_elsewhere"),
        ]

    def __str__(self) -> str:
        return f"{self.application.slug}: {self.origin.slug} → {self.environment.slug}"


class StagePromotion(models.Model):
    """What a stage did with one version: `source` is the deployment that brought it to the origin, `deployment` the one that
    was requested, `sentence` why none could be. It is tried again while it is blocked; `tried_at` is when it was last."""

    stage = models.ForeignKey(Stage, on_delete=models.CASCADE, related_name="promotions")
    source = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=12)
    sentence = models.TextField(blank=True)
    deployment = models.ForeignKey(Deployment, null=True, on_delete=models.PROTECT, related_name="stage_promotions")
    created_at = models.DateTimeField(default=timezone.now)
    tried_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["stage", "source"], name="one_promotion_of_a_version"),
            models.CheckConstraint(condition=Q(outcome__in=[one.value for one in Promoted]), name="promotion_outcome_known"),
        ]
        indexes: ClassVar = [models.Index(fields=["stage", "-id"], name="promotion_newest")]

    def __str__(self) -> str:
        return f"#{self.source_id} by stage {self.stage_id}: {self.outcome}"


class ForgeConnection(models.Model):
    """Where the forge of an application's repository is told of its deployments: the address of its API, the repository's
    path there, and a token, which is sealed and never shown, or the name of the stored `credential` that has it.

    It tells of what happens after event number `read_event`. While a person has to look (`stopped_at`), nothing is sent;
    `trouble` and `said` say why, see `report_words.py`. Nothing is sent before `rests_until` either.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="forge_connections")
    kind = models.CharField(max_length=10)
    api_url = models.CharField(max_length=300)
    project = models.CharField(max_length=300)
    repository = models.CharField(max_length=500)  # the address of the source that it was made for
    sealed_token = models.TextField(blank=True)
    credential = models.CharField(max_length=80, blank=True)
    is_paused = models.BooleanField(default=False)
    read_event = models.BigIntegerField(default=0)
    stopped_at = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=40, blank=True)
    said = models.JSONField(default=dict)
    rests_until = models.DateTimeField(null=True)
    saved_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True)  # the row stays, because history refers to it

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application"], condition=Q(deleted_at=None), name="one_forge_each"),
            models.CheckConstraint(condition=Q(kind__in=[one.value for one in REPORTING]), name="forge_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.project} at {self.api_url}"


class StatusReport(models.Model):
    """One thing that a forge is told about one deployment, in the outbox until it was taken or given up."""

    connection = models.ForeignKey(ForgeConnection, on_delete=models.CASCADE, related_name="reports")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="status_reports")
    progress = models.CharField(max_length=12)
    state = models.CharField(max_length=10, default=State.WAITING.value)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    tried_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=40, blank=True)
    said = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "deployment", "progress"], name="one_report_of_a_progress"),
            models.CheckConstraint(condition=Q(state__in=[one.value for one in State]), name="report_state_known"),
            models.CheckConstraint(condition=Q(progress__in=[one.value for one in Progress]), name="report_progress_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["connection", "-id"], name="report_newest"),
            models.Index(fields=["connection", "id"], condition=Q(state=State.WAITING.value), name="report_waiting"),
        ]

    def __str__(self) -> str:
        return f"#{self.deployment_id} {self.progress}: {self.state}"


class ForgeDeployment(models.Model):
    """The number that a forge gave a deployment, so that it is not made there twice."""

    connection = models.ForeignKey(ForgeConnection, on_delete=models.CASCADE, related_name="forge_deployments")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="forge_deployments")
    number = models.CharField(max_length=40)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "deployment"], name="one_forge_deployment_each")
        ]

    def __str__(self) -> str:
        return f"#{self.deployment_id} is {self.number}"
