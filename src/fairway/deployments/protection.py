"""What an environment's protection means for a deployment: three rules of the gate, and the approvals of a single
deployment.

A missing approval does not block a single deployment: it is accepted and waits. For a release it does; see `releases`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, Blocker
from fairway.applications.models import Artifact, Configuration
from fairway.applications.queries import changes_between, latest_configuration
from fairway.applications.rules import Change
from fairway.deployments.gate import BRINGS_NEW, Request, register
from fairway.deployments.models import Deployment, DeploymentApproval, HealthyStretch
from fairway.deployments.rules import BRINGS_SOMETHING_NEW, approved_content, longest_stretch
from fairway.deployments.subjects import placement_of
from fairway.environments.models import Environment
from fairway.environments.protection import (
    approvals_words,
    approver_blocker,
    approvers_among,
    approvers_words,
    deployers_words,
    hours_words,
    may_approve,
    may_deploy_here,
)

SINGLE = frozenset({Act.DEPLOY, Act.PROMOTE})  # what is asked for without a release
PROTECTS = frozenset({"not_a_deployer_here", "only_releases", "not_proven"})  # the blockers below; breaking the glass passes


@register(*BRINGS_NEW)
def they_may_deploy_here(request: Request) -> Iterator[Blocker]:
    environment = request.subject.environment
    if request.breaks_glass or may_deploy_here(request.actor, environment, request.subject.application.slug):
        return
    words = {"environment": environment.name, "who": deployers_words(environment)}
    yield Blocker(
        code="not_a_deployer_here",
        sentence=_("Only %(who)s may deploy to %(environment)s.") % words,
        who=_("an Admin, by changing the protection of %(environment)s") % words,
    )


@register(*SINGLE)
def it_comes_by_a_release(request: Request) -> Iterator[Blocker]:
    environment = request.subject.environment
    if environment.only_releases and not request.breaks_glass:
        words = {"environment": environment.name, "application": request.subject.application.name}
        sentence = _("%(environment)s takes deployments only through a release. Add %(application)s to a release for it.")
        yield Blocker(
            code="only_releases",
            sentence=sentence % words,
            who=_("a Deployer, by adding it to a release whose targets include %(environment)s") % words,
        )


@register(*BRINGS_NEW)
def it_has_proved_itself(request: Request) -> Iterator[Blocker]:
    """If the version is still collecting its healthy hours, the blocker says when it will have them, so that the
    deployment can wait."""
    environment = request.subject.environment
    if not environment.proven_in or request.breaks_glass:
        return
    proof = Environment.objects.filter(slug=environment.proven_in, deleted_at=None).first()
    artifact, needed = request.subject.artifact, timedelta(hours=environment.proven_hours)
    words = {
        "environment": environment.name,
        "proof": proof.name if proof else environment.proven_in,
        "hours": hours_words(environment.proven_hours),
        "version": artifact.version if artifact else "",
    }
    asks = _("%(environment)s takes only versions that were healthy in %(proof)s for %(hours)s without a break.") % words
    who = _("a Deployer, by deploying it to %(proof)s first and promoting it from there") % words
    if proof is None or artifact is None:
        built = _("What is deployed from source has not run there.") if artifact is None else ""
        yield Blocker(code="not_proven", sentence=f"{asks} {built}".strip(), who=who)
        return
    history = HealthyStretch.objects.filter(
        application=request.subject.application, environment=proof, digest=artifact.digest
    )
    stretches = list(history.order_by("since").values_list("since", "until"))
    longest = longest_stretch(stretches, request.at)
    if longest >= needed:
        return
    since = next((since for since, until in stretches if until is None), None)
    if since is not None:
        words["since"] = moment_words(since)
        runs = _("%(version)s has been healthy there since %(since)s.") % words
        who = _("nobody; it clears by itself. An Admin may change the protection of %(environment)s") % words
        yield Blocker("not_proven", f"{asks} {runs}", who, clears_at=since + needed, only_starts=True)
        return
    words["longest"] = hours_words(int(longest.total_seconds() // 3600))
    ran = _("%(version)s was healthy there for %(longest)s at most.") if stretches else _("%(version)s has not run there.")
    yield Blocker(code="not_proven", sentence=f"{asks} {ran % words}", who=who)


def moment_words(at: datetime) -> str:
    """A time inside a sentence, in the reader's time zone and with its name."""
    local = timezone.localtime(at)
    return f"{formats.date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M} {local.tzname() or ''}".strip()


def needs_approval(act: Act, environment: Environment, *, breaks_glass: bool = False) -> bool:
    """Whether people must approve a single deployment there. Rollbacks need no approval, and neither does a restart of
    what already runs."""
    return act in SINGLE and environment.approvals_needed > 0 and not breaks_glass


def approval_words(environment: Environment) -> str:
    """What a person reads before they request a deployment that needs approval."""
    words = {
        "environment": environment.name,
        "approvals": approvals_words(environment.approvals_needed),
        "who": approvers_words(environment),
    }
    return _("%(environment)s requires %(approvals)s from %(who)s. The deployment waits until it is approved.") % words


def may_wait_until(environment: Environment, now: datetime, start_by: datetime | None = None) -> datetime:
    """How long a deployment that is requested now may wait for its approvals."""
    until = now + timedelta(days=environment.approval_days)
    return min(until, start_by) if start_by else until


def fingerprint_of(deployment: Deployment) -> str:
    """The fingerprint of what would be deployed, which people approve; "" while it is being built."""
    if deployment.artifact is None:
        return ""
    return approved_content(
        application=deployment.application_id,
        environment=deployment.environment_id,
        artifact=f"{deployment.artifact.number}@{deployment.artifact.digest}",
        spec=deployment.artifact.spec,
        configuration=deployment.configuration.version if deployment.configuration else None,
        replicas=deployment.run.payload.get("replicas") if deployment.run else None,
    )


@dataclass(frozen=True)
class Approvals:
    """How many approvals a deployment has and needs. `counting` are the ids of the answers that count."""

    needed: int
    fingerprint: str
    answers: tuple[DeploymentApproval, ...]
    counting: frozenset[int]

    @property
    def given(self) -> int:
        return len(self.counting)

    @property
    def missing(self) -> int:
        return max(0, self.needed - self.given)


def approvals_of(deployment: Deployment, environment: Environment | None = None) -> Approvals:
    """The approvals of a deployment. One counts while the person who gave it could still give it (decision 36), for what
    would be deployed now, and never from the person who requested it.

    `environment` is the newest state of the deployment's environment, if the caller has read it.
    """
    environment = environment or deployment.environment
    fingerprint = fingerprint_of(deployment)
    answers = tuple(DeploymentApproval.objects.filter(deployment=deployment).order_by("pk"))
    yes = [
        each
        for each in answers
        if each.is_approved and each.fingerprint == fingerprint and each.person_id != deployment.requested_by_id
    ]
    able = (
        approvers_among({each.person_id for each in yes}, environment, deployment.application.slug) if yes else frozenset()
    )
    counting = frozenset(each.pk for each in yes if each.person_id in able)
    return Approvals(environment.approvals_needed, fingerprint, answers, counting)


@dataclass(frozen=True)
class Replacement:
    """What a deployment would change: the version that is live now, the names of settings that differ (never their
    values), and the configuration that was saved since it was requested, which it would not use."""

    now: Artifact | None
    settings: tuple[Change, ...]
    newer: Configuration | None


def replacement(deployment: Deployment) -> Replacement:
    placement = placement_of(deployment.application, deployment.environment)
    current = placement.current if placement else None
    changed = changes_between(current.configuration if current else None, deployment.configuration)
    latest = latest_configuration(deployment.application, deployment.environment)
    is_newer = latest is not None and latest.pk != deployment.configuration_id
    return Replacement(
        current.artifact if current else None,
        tuple(replace(change, before="", after="") for change in changed),
        latest if is_newer else None,
    )


def why_not_approve(actor: Actor, deployment: Deployment) -> list[Blocker]:
    """What keeps this person from approving it now; `commands.approvals` asks again."""
    if not may_approve(actor, deployment.environment, deployment.application.slug):
        return [approver_blocker(deployment.environment)]
    if deployment.artifact is None:
        sentence = _("It is still being built, so what would be approved is not known yet.")
        return [Blocker(code="being_built", sentence=sentence, who=_("nobody; it takes as long as building it"))]
    if is_asked_by(actor, deployment):
        words = {"who": approvers_words(deployment.environment)}
        sentence = _("You requested this deployment; somebody else has to approve it.")
        return [Blocker(code="own_request", sentence=sentence, who=_("%(who)s who did not request it") % words)]
    placement = placement_of(deployment.application, deployment.environment)
    if placement is not None and overtaken_by(deployment, placement.current):
        newer = {"number": placement.current_id}
        sentence = _("#%(number)s is newer and has gone live meanwhile; this would go back in time.") % newer
        return [Blocker(code="overtaken", sentence=sentence, who=_("a Deployer, by requesting it again"))]
    return []


def overtaken_by(deployment: Deployment, current: Deployment | None) -> bool:
    """Whether a newer deployment has gone live since this one was requested. A rollback is not newer."""
    return current is not None and current.pk > deployment.pk and current.kind in BRINGS_SOMETHING_NEW


def is_asked_by(actor: Actor, deployment: Deployment) -> bool:
    return deployment.requested_by_id is not None and actor.is_among(frozenset({deployment.requested_by_id}))
