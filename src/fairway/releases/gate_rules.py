"""The gate's rules for releases. Each rule is asked about one package on one target."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fairway.accounts.rules import Act, Actor, Blocker
from fairway.deployments.gate import RELEASES, Request, blockers, register
from fairway.environments.models import Environment
from fairway.environments.protection import approvers_words
from fairway.releases.models import Package, PackageOnTarget, Rollout, RolloutClaim
from fairway.releases.rules import (
    BUSY,
    IN_USE,
    ROLLOUT_ACTIVE,
    ROLLOUT_UNDER_WAY,
    OnTarget,
    Resolution,
    RolloutStatus,
    Stage,
)
from fairway.releases.target_state import PackageSubject, TargetState, fallback_target_of, is_ready_to_run, subject_of

FORWARD = RELEASES | {Act.DISTRIBUTE}
BACKWARD = frozenset({Act.FALL_BACK, Act.FALL_BACK_RELEASE})


def _known(request: Request) -> tuple[Package, TargetState] | None:
    subject = request.subject
    if isinstance(subject, PackageSubject) and subject.package is not None and subject.target_state is not None:
        return subject.package, subject.target_state
    return None


def _is_start(request: Request) -> bool:
    return isinstance(request.subject, PackageSubject) and request.subject.is_start


@register(*FORWARD)
def release_is_open(request: Request) -> Iterator[Blocker]:
    known = _known(request)
    if known and known[1].release.cancelled_at is not None:
        release = known[1].release
        words = {"release": release, "person": release.cancelled_by, "reason": release.cancel_reason}
        yield Blocker(
            code="release_cancelled",
            sentence=_("%(release)s was cancelled by %(person)s: %(reason)s") % words,
            who=_("a Release Manager, by cloning it"),
        )


@register(*FORWARD)
def it_is_meant_for_this_target(request: Request) -> Iterator[Blocker]:
    known = _known(request)
    if known and not known[1].is_target:
        words = {"release": known[1].release, "environment": known[1].environment.name}
        yield Blocker(
            code="not_a_target",
            sentence=_("%(release)s is not meant for %(environment)s.") % words,
            who=_("a Release Manager, by adding it to the release's targets"),
        )


@register(*FORWARD)
def application_is_there(request: Request) -> Iterator[Blocker]:
    if _known(request) and request.subject.application.deleted_at is not None:
        words = {"application": request.subject.application.name}
        yield Blocker(
            code="application_gone",
            sentence=_("The application %(application)s was deleted.") % words,
            who=_("a Deployer, by taking the package out of the release"),
        )


@register(*FORWARD)
def package_is_resolved(request: Request) -> Iterator[Blocker]:
    known = _known(request)
    if known is None or is_ready_to_run(known[0]):
        return
    package, words = known[0], {"package": known[0].name, "why": known[0].sentence}
    if package.resolution == Resolution.RESOLVING:
        yield Blocker(
            code="resolving",
            sentence=_("%(package)s is still being resolved.") % words,
            who=_("nobody; it takes as long as fetching and building it"),
        )
    else:
        yield Blocker(
            code="unresolvable",
            sentence=_("%(package)s has no version that could run: %(why)s") % words,
            who=_("a Deployer, by changing its version or URL"),
        )


@register(*RELEASES)
def package_is_ready(request: Request) -> Iterator[Blocker]:
    known = _known(request)
    if known and request.subject.environment.needs_ready and known[0].stage != Stage.READY:
        words = {"package": known[0].name, "environment": request.subject.environment.name}
        yield Blocker(
            code="not_ready",
            sentence=_("%(package)s is not Ready, which %(environment)s asks for.") % words,
            who=_("a Deployer, by setting it Ready"),
        )


@register(*RELEASES)
def nobody_rejects_it(request: Request) -> Iterator[Blocker]:
    """A rejection counts even if no approval is required."""
    known = _known(request)
    for answer in known[1].answers if known else ():
        if not answer.is_approved:
            words = {"person": answer.person, "environment": request.subject.environment.name, "comment": answer.comment}
            yield Blocker(
                code="rejected",
                sentence=_("%(person)s rejected it for %(environment)s: %(comment)s") % words,
                who=_("%(person)s, by approving it; or a Release Manager, by changing the release") % words,
            )


@register(*RELEASES)
def it_is_approved(request: Request) -> Iterator[Blocker]:
    known = _known(request)
    environment = request.subject.environment
    if known is None or environment.approvals_needed == 0:
        return
    state = known[1]
    words = {"release": state.release, "environment": environment.name}
    if not state.is_sealed:
        yield Blocker(
            code="not_sealed",
            sentence=_("%(release)s is not sealed, so nobody can approve it for %(environment)s.") % words,
            who=_("a Release Manager, by sealing it"),
        )
        return
    missing = environment.approvals_needed - approvals_that_count(state, request.actor)
    if missing > 0:
        sentence = ngettext(
            "%(count)d approval for %(environment)s is missing.",
            "%(count)d approvals for %(environment)s are missing.",
            missing,
        )
        yield Blocker(
            code="approval_missing",
            sentence=sentence % {"count": missing, "environment": environment.name},
            who=_("%(who)s who did not request it") % {"who": approvers_words(environment)},
            details={"missing": missing},
        )


def approvals_that_count(state: TargetState, requester: Actor) -> int:
    """How many people approved and may still approve, not counting who sealed the release and who requests the act."""
    given = (answer for answer in state.answers if answer.is_approved and answer.pk not in state.lapsed)
    approvers = {one.person_id for one in given} - {state.release.sealed_by_id}
    return len(approvers) - requester.is_among(frozenset(approvers))


@register(*FORWARD, *BACKWARD)
def nothing_works_on_it(request: Request) -> Iterator[Blocker]:
    known = _known(request)
    if known is None or _is_start(request):
        return
    package, state = known
    on_target = state.on_targets.get(package.pk)
    if on_target is not None and on_target.status in BUSY:
        words = {"package": package.name, "environment": state.environment.name}
        yield Blocker(
            code="in_progress",
            sentence=_("Another operation on %(package)s is running in %(environment)s.") % words,
            who=_("nobody; it ends by itself. A Deployer may cancel the deployment"),
        )


@register(*FORWARD, *BACKWARD)
def no_other_rollout(request: Request) -> Iterator[Blocker]:
    """A running rollout blocks everything else; a scheduled one only blocks another rollout."""
    known = _known(request)
    if known is None or _is_start(request):
        return
    is_planned = known[1].active_rollout is not None and known[1].active_rollout.status not in ROLLOUT_UNDER_WAY
    if not is_planned or request.act in {Act.ROLL_OUT, Act.SCHEDULE_RELEASE, Act.FALL_BACK_RELEASE}:
        yield from rollout_in_the_way(known[1])


@register(*RELEASES, *BACKWARD)
def no_other_release_changes_it(request: Request) -> Iterator[Blocker]:
    """Two releases with an application in common are rolled out, or fall back, one after the other."""
    known = _known(request)
    other = known[1].claims.get(known[0].application_id) if known else None
    if known is None or other is None:
        return
    words = {"release": other.release, "environment": known[1].environment.name, "package": known[0].name}
    yield Blocker(
        code="other_rollout",
        sentence=_("%(release)s is being rolled out to %(environment)s, with %(package)s in it.") % words,
        who=_("nobody until it ends; a Deployer may decide how it goes on, or stop it"),
        details={"release": other.release_id, "rollout": other.pk},
    )


@register(Act.DEPLOY, Act.PROMOTE)
def no_rollout_changes_it(request: Request) -> Iterator[Blocker]:
    """A single deployment in the midst of a rollout would be replaced by it, or replace a part of the release. One that
    waited for something else waits for this, too, and is asked again when the rollout ends; going back stays possible."""
    subject = request.subject
    if subject.application.pk is None:
        return  # it is only being thought of
    claims = RolloutClaim.objects.filter(environment=subject.environment, application=subject.application)
    claim = claims.select_related("rollout__release").first()
    if claim is None:
        return
    rollout = claim.rollout
    words = {
        "release": rollout.release,
        "environment": subject.environment.name,
        "application": subject.application.name,
        "person": rollout.requested_by,
    }
    sentence = _("%(release)s is being rolled out to %(environment)s, with %(application)s in it; %(person)s started it.")
    if rollout.status == RolloutStatus.NEEDS_DECISION:
        who = _("a Deployer, by deciding how the rollout continues, or by stopping it")
    else:
        who = _("nobody until the rollout ends; a Deployer may cancel it")
    yield Blocker(
        code="rollout_claims",
        sentence=sentence % words,
        who=who,
        only_starts=True,
        passes=True,
        details={"release": rollout.release_id, "rollout": rollout.pk},
    )


def rollout_in_the_way(state: TargetState) -> list[Blocker]:
    """The blocker of the release's own rollout on this target, whether under way or planned; none without one."""
    words = {"release": state.release, "environment": state.environment.name}
    if state.active_rollout is None:
        return []
    if state.active_rollout.status in ROLLOUT_UNDER_WAY:
        sentence = _("%(release)s is being rolled out to %(environment)s.") % words
        who = _("nobody until it ends; a Deployer may decide how it goes on, or stop it")
        return [Blocker(code="rollout_running", sentence=sentence, who=who)]
    sentence = _("%(release)s is scheduled for %(environment)s.") % words
    return [Blocker(code="scheduled", sentence=sentence, who=_("a Release Manager, by cancelling the schedule"))]


@register(Act.DISTRIBUTE)
def not_distributed_already(request: Request) -> Iterator[Blocker]:
    known = _known(request)
    if known and not _is_start(request) and known[1].shown(known[0]) != OnTarget.ABSENT:
        on_target = known[1].on_targets[known[0].pk]
        if on_target.status not in BUSY:
            words = {"package": known[0].name, "environment": known[1].environment.name}
            yield Blocker(code="already_distributed", sentence=_("%(package)s is in %(environment)s already.") % words)


@register(*RELEASES)
def distributed_here(request: Request) -> Iterator[Blocker]:
    """The package must be distributed. A rollout does that itself, so it is checked when each of its deployments starts."""
    known = _known(request)
    if known is None or not (request.act == Act.DEPLOY_PACKAGE or _is_start(request)):
        return
    package, state = known
    on_target = state.on_targets.get(package.pk)
    if on_target is None or on_target.distributed_at is None or on_target.artifact_id != package.artifact_id:
        words = {"package": package.name, "environment": state.environment.name}
        yield Blocker(
            code="not_distributed",
            sentence=_("%(package)s is not distributed to %(environment)s.") % words,
            who=_("a Deployer, by distributing it"),
        )


@register(*RELEASES)
def dependencies_are_deployed(request: Request) -> Iterator[Blocker]:
    known = _known(request)
    if known is None or not (request.act == Act.DEPLOY_PACKAGE or _is_start(request)):
        return
    package, state = known
    missing = [one.name for one in state.needed(package) if not state.is_deployed(one)]
    if missing:
        words = {"package": package.name, "names": ", ".join(missing), "environment": state.environment.name}
        yield Blocker(
            code="dependencies",
            sentence=_("%(package)s needs %(names)s, which is not Deployed in %(environment)s.") % words,
            who=_("a Deployer, by deploying what it needs first"),
            details={"names": missing},
        )


@register(Act.DEPLOY_PACKAGE)
def not_deployed_already(request: Request) -> Iterator[Blocker]:
    known = _known(request)
    if known and not _is_start(request) and known[1].is_deployed(known[0]):
        words = {"package": known[0].name, "environment": known[1].environment.name}
        yield Blocker(code="already_deployed", sentence=_("%(package)s is Deployed in %(environment)s already.") % words)


@register(Act.FALL_BACK)
def there_is_a_fallback_target(request: Request) -> Iterator[Blocker]:
    known = _known(request)
    if known is None:
        return
    package, state = known
    words = {"package": package.name, "environment": state.environment.name}
    if state.is_replaced(package):
        yield Blocker(
            code="replaced",
            sentence=_("%(package)s has since been replaced by something else in %(environment)s.") % words,
            who=_("a Deployer, by rolling the application back itself"),
        )
    elif not state.is_deployed(package):
        yield Blocker(code="not_deployed", sentence=_("%(package)s is not Deployed in %(environment)s.") % words)
    elif state.was_there(package):
        sentence = _("%(package)s was in %(environment)s before this release: there is nothing to take back.") % words
        yield Blocker(code="was_there", sentence=sentence)


@register(Act.FALL_BACK)
def nothing_deployed_needs_it(request: Request) -> Iterator[Blocker]:
    known = _known(request)
    if known is None or request.breaks_glass:
        return
    package, state = known
    above = [one.name for one in state.needed_by(package) if state.is_deployed(one)]
    if above:
        words = {"package": package.name, "names": ", ".join(above)}
        yield Blocker(
            code="dependents",
            sentence=_("%(names)s needs %(package)s and is still Deployed.") % words,
            who=_("a Deployer, by falling back what needs it first, or the whole release"),
            details={"names": above},
        )


def release_blockers(
    act: Act, state: TargetState, actor: Actor, at: datetime | None = None, *, breaks_glass: bool = False
) -> list[Blocker]:
    """Everything that keeps `actor` from doing `act` with all of a release on a target; see `reasons_together`."""
    if not state.packages:
        sentence = _("%(release)s has no packages.") % {"release": state.release}
        return [Blocker(code="empty", sentence=sentence, who=_("a Deployer, by adding some"))]
    if act == Act.FALL_BACK_RELEASE:
        mine = [package for package in state.packages if state.can_fall_back(package)]
        subjects = [fallback_target_of(one, state) for one in mine]
    else:
        subjects = [subject_of(one, state) for one in state.packages]
    if not subjects:
        words = {"release": state.release, "environment": state.environment.name}
        sentence = _("Nothing of %(release)s is Deployed in %(environment)s.")
        if any(map(state.is_deployed, state.packages)):
            sentence = _("Everything of %(release)s was in %(environment)s before: there is nothing to take back.")
        return [Blocker(code="nothing_deployed", sentence=sentence % words)]
    return reasons_together((name_of(one), blockers(act, one, actor, at, breaks_glass=breaks_glass)) for one in subjects)


def name_of(subject: PackageSubject) -> str:
    return subject.package.name if subject.package else subject.application.name


def reasons_together(found: Iterable[tuple[str, Iterable[Blocker]]]) -> list[Blocker]:
    """Each reason once, of packages given by name. Where only the name differs, the first says it, and to which others it
    applies."""
    first: dict[tuple[object, ...], Blocker] = {}
    names: dict[tuple[object, ...], list[str]] = {}
    for name, reasons in found:
        for one in reasons:
            words = (_without(name, one.sentence), _without(name, one.who))
            key = (one.code, *words, one.clears_at, one.only_starts, one.passes)
            first.setdefault(key, one)
            names.setdefault(key, []).append(name)
    return [_of_all(one, names[key]) for key, one in first.items()]


def _without(name: str, text: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "\0", text)


def _of_all(one: Blocker, names: list[str]) -> Blocker:
    """Whose sentence names a package names the others, too; one about the target or the release applies to all anyhow."""
    others = list(dict.fromkeys(names[1:]))
    if not others or _without(names[0], one.sentence) == one.sentence:
        return one
    sentence = _("The same applies to %(names)s.") % {"names": ", ".join(others)}
    details = {**one.details, "packages": [names[0], *others]}
    return replace(one, sentence=f"{one.sentence} {sentence}", details=details)


def packages_there(environment: Environment) -> Iterable[Blocker]:
    """The blockers for deleting an environment: distributed or deployed packages. See `environments.commands.IN_USE`."""
    there = PackageOnTarget.objects.filter(
        environment=environment, status__in=sorted(IN_USE), package__deleted_at=None, package__release__deleted_at=None
    ).select_related("package__release")
    names = sorted(f"{one.package.release} · {one.package.name}" for one in there)
    planned = Rollout.objects.filter(environment=environment, status__in=sorted(ROLLOUT_ACTIVE)).select_related("release")
    for rollout in planned:
        words = {"release": rollout.release, "environment": environment.name}
        yield Blocker(
            code="scheduled",
            sentence=_("%(release)s is scheduled for %(environment)s.") % words,
            who=_("a Release Manager, by cancelling the schedule"),
        )
    if names:
        yield Blocker(
            code="packages",
            sentence=_("These packages are distributed or deployed there: %(names)s.") % {"names": ", ".join(names[:10])},
            who=_("a Deployer, by falling them back and taking them out of their releases"),
            details={"names": names},
        )
