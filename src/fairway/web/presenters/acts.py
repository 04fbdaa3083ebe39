"""Buttons for acts: label, URL, and the blockers if it is not possible now; see ``parts/act_button.html``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor
from fairway.applications.models import Configuration
from fairway.deployments.gate import Subject, blockers, opens_by_itself
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.protection import approval_words, needs_approval
from fairway.web.errors import shown

Text = str | Promise


@dataclass(frozen=True)
class Button:
    """One button. With `blockers` it cannot be pressed and shows them. `confirm` must be typed first. `note` is shown, and a
    reason asked for, before the act. `tick` is the name and label of a box where it is confirmed, ticked at first."""

    label: Text
    url: str
    icon: str
    kind: str = ""
    method: str = "post"
    blockers: Sequence[dict[str, object]] = ()
    confirm: str = ""
    consequence: Text = ""
    fields: Sequence[tuple[str, str]] = ()
    note: Text = ""
    tick: tuple[str, Text] | None = None


@dataclass(frozen=True)
class ActContext:
    """What the buttons for acts on one placement need: who acts, and on what. It is loaded once for a page."""

    actor: Actor
    subject: Subject
    origin: Placement | None = None  # where a promotion would come from
    latest: Configuration | None = None

    def url(self, name: str) -> str:
        return reverse(f"placement-{name}", args=[self.subject.application.slug, self.subject.environment.slug])

    def why_not(self, act: Act, subject: Subject | None = None) -> list[dict[str, object]]:
        """The gate's blockers, for templates."""
        return shown(blockers(act, subject or self.subject, self.actor))

    def note(self, act: Act) -> str:
        """A sentence that says whose approval the act would wait for; "" if none is required."""
        environment = self.subject.environment
        return approval_words(environment) if needs_approval(act, environment) else ""

    def current(self) -> Subject:
        """The subject of acts on what runs."""
        deployment = self.subject.placement.current if self.subject.placement else None
        return self._with(deployment)

    def _with(self, deployment: Deployment | None) -> Subject:
        return Subject(
            self.subject.application,
            self.subject.environment,
            placement=self.subject.placement,
            artifact=deployment.artifact if deployment else None,
            configuration=deployment.configuration if deployment else None,
        )

    def to(self, deployment: Deployment) -> Subject:
        """The subject of going (back) to a deployment: its artifact and its configuration."""
        return self._with(deployment)


def main_acts(context: ActContext) -> list[Button]:
    """The buttons on the card: deploy, then promote. An uploaded application is deployed by uploading again."""
    application, placement = context.subject.application, context.subject.placement
    found = blockers(Act.DEPLOY, context.subject, context.actor)
    why_not = shown(found)
    deploy = Button(_("Deploy"), context.url("deploy"), "deploy", "primary", blockers=why_not, note=context.note(Act.DEPLOY))
    if placement is not None and placement.current is not None and "upload" in application.source:
        deploy = Button(_("New version"), context.url("deploy"), "upload", "primary", "get", why_not)
    waits = bool(found) and opens_by_itself(found)  # the next page offers to wait, or to break the glass
    later = [Button(_("Deploy when it opens…"), context.url("deploy"), "clock", method="get")] if waits else []
    onward = [promote_here(context, context.origin)] if context.origin is not None else []
    return [deploy, *later, *onward]


def promote_here(context: ActContext, origin: Placement, label: Text = "", kind: str = "") -> Button:
    """The button that promotes what runs in `origin` to this environment."""
    subject = Subject(
        context.subject.application,
        context.subject.environment,
        placement=context.subject.placement,
        artifact=origin.current.artifact if origin.current else None,
        configuration=context.latest,
    )
    return Button(
        label or _("Promote from %(environment)s") % {"environment": origin.environment.name},
        context.url("promote"),
        "promote",
        kind,
        blockers=context.why_not(Act.PROMOTE, subject),
        fields=[("from", origin.environment.slug)],
        note=context.note(Act.PROMOTE),
    )


def more_acts(context: ActContext) -> list[Button]:
    """The buttons in the card's menu."""
    placement = context.subject.placement
    if placement is None or placement.current is None:
        return []
    found = [*_back(context, placement), *_running(context, placement)]
    found.append(Button(_("Deploy another version…"), context.url("deploy"), "clock", method="get"))
    found.append(_remove(context, placement))
    return found


def _back(context: ActContext, placement: Placement) -> Iterable[Button]:
    good = placement.previous_good
    if good is None:
        return []
    label = _("Roll back to %(version)s") % {"version": good.version}
    why_not = context.why_not(Act.ROLL_BACK, context.to(good))
    return [Button(label, context.url("roll-back"), "rollback", blockers=why_not, fields=[("to", str(good.pk))])]


def _running(context: ActContext, placement: Placement) -> list[Button]:
    current = context.current()
    return [
        Button(_("Restart"), context.url("restart"), "restart", blockers=context.why_not(Act.RESTART, current)),
        Button(_("Start"), context.url("start"), "play", blockers=context.why_not(Act.START, current))
        if placement.wanted == "stopped"
        else Button(_("Stop"), context.url("stop"), "stop", blockers=context.why_not(Act.STOP, current)),
        *([] if placement.wanted == "stopped" else [sleep_act(context, placement)]),
        Button(_("Scaling…"), context.url("scaling"), "scale", method="get"),
    ]


def subject_of(placement: Placement) -> Subject:
    """The subject of acts on what runs there."""
    current = placement.current
    return Subject(
        placement.application,
        placement.environment,
        placement,
        artifact=current.artifact if current else None,
        configuration=current.configuration if current else None,
    )


def sleep_act(context: ActContext, placement: Placement) -> Button:
    """The button that wakes what sleeps, or puts what is awake to sleep."""
    if placement.is_asleep:
        return Button(_("Wake"), context.url("wake"), "play", blockers=context.why_not(Act.START, context.current()))
    why_not = context.why_not(Act.STOP, context.current())
    return Button(_("Put to sleep now"), context.url("sleep"), "moon", blockers=why_not)


def release_hold(context: ActContext) -> Button:
    """The button beside the reason for which automatic deployments are held."""
    return Button(_("Release the hold"), context.url("release-hold"), "unlock", blockers=context.why_not(Act.RELEASE_HOLD))


def _remove(context: ActContext, placement: Placement) -> Button:
    return Button(
        _("Remove from here"),
        context.url("remove"),
        "trash",
        "danger",
        blockers=context.why_not(Act.REMOVE, context.current()),
        confirm=placement.name,
        consequence=_("It is stopped and its address is released. Its stored data and its history are kept."),
    )


def deployment_acts(
    actor: Actor, deployment: Deployment, placement: Placement | None, onward: ActContext | None
) -> list[Button]:
    """The buttons on the page of a deployment. `onward` is the placement that a promotion would change."""
    subject = Subject(
        deployment.application, deployment.environment, placement, deployment.artifact, deployment.configuration, deployment
    )
    context = ActContext(actor, subject)
    if deployment.is_active:
        url = reverse("deployment-cancellation", args=[deployment.pk])
        return [Button(_("Cancel"), url, "x", "danger", blockers=context.why_not(Act.CANCEL))]
    is_current = placement is not None and placement.current_id == deployment.pk
    found = []
    if is_current and placement is not None:
        found += list(_back(context, placement))
        if onward is not None:
            label = _("Promote to %(environment)s") % {"environment": onward.subject.environment.name}
            found.append(promote_here(onward, placement, label, "primary"))
    elif deployment.status == "succeeded" and deployment.artifact is not None:
        label = _("Roll back to this")
        why_not = context.why_not(Act.ROLL_BACK)
        found.append(
            Button(label, context.url("roll-back"), "rollback", blockers=why_not, fields=[("to", str(deployment.pk))])
        )
    if deployment.artifact is not None:
        url = reverse("deployment-again", args=[deployment.pk])
        why_not = context.why_not(Act.DEPLOY)
        found.append(Button(_("Deploy again"), url, "deploy", blockers=why_not, note=context.note(Act.DEPLOY)))
    return found
