"""The gate: every reason why an act may not happen now. Each interface asks it when something is requested, and the worker
asks again when it starts.

An empty list means yes. Rooms above add their rules with `register`; a rule is a function of one `Request`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, Blocked, Blocker, may, role_blocker
from fairway.activity.rules import Door
from fairway.applications.models import Application, Artifact, Configuration
from fairway.applications.rules import missing_names
from fairway.deployments.hosts import is_fairways_own
from fairway.deployments.models import Deployment, JobRun, Placement
from fairway.deployments.rules import ACTIVE, AVAILABLE, Health, Wanted
from fairway.drivers.builders.services import required_variables_of
from fairway.environments.freeze_queries import freeze_state
from fairway.environments.freeze_rules import Kind, Window
from fairway.environments.models import Environment
from fairway.environments.runtimes import availability_of, runtime_of
from fairway.shared.hostnames import hostname_in
from fairway.shared.names import application_of

RELEASES = frozenset({Act.DEPLOY_PACKAGE, Act.ROLL_OUT, Act.SCHEDULE_RELEASE})  # what a release brings live
TAKES_BACK = frozenset({Act.ROLL_BACK, Act.FALL_BACK, Act.FALL_BACK_RELEASE})  # possible in a freeze, not under a lock
BRINGS_LIVE = frozenset({Act.DEPLOY, Act.PROMOTE, Act.RESTART}) | RELEASES | TAKES_BACK
STARTS = BRINGS_LIVE | {Act.START, Act.SCALE, Act.DISTRIBUTE, Act.RUN_COMMAND}
BRINGS_NEW = frozenset({Act.DEPLOY, Act.PROMOTE}) | RELEASES  # what a freeze closes; see docs/decisions/0016


BY_POLICY = "policy"  # how an actor is identified who scales by itself


@dataclass(frozen=True)
class Subject:
    """What an act is about. `artifact` and `configuration` are what would be live afterwards, if known; `replicas` is the
    number of instances, None if nobody gave one."""

    application: Application
    environment: Environment
    placement: Placement | None = None
    artifact: Artifact | None = None
    configuration: Configuration | None = None
    deployment: Deployment | None = None
    replicas: int | None = None


@dataclass(frozen=True)
class Request:
    act: Act
    subject: Subject
    actor: Actor
    at: datetime
    breaks_glass: bool = False


Rule = Callable[[Request], Iterable[Blocker]]
Look = Callable[[Act, Subject], Subject]
_rules: list[tuple[frozenset[Act], Rule]] = []
_looks: list[Look] = []


def register(*acts: Act) -> Callable[[Rule], Rule]:
    """Add a rule for these acts (none: for all)."""

    def add(rule: Rule) -> Rule:
        _rules.append((frozenset(acts or Act), rule))
        return rule

    return add


def recognise(look: Look) -> Look:
    """Let a room above add what only it knows about a subject: `look` returns the subject, or one with more in it."""
    _looks.append(look)
    return look


def blockers(
    act: Act, subject: Subject, actor: Actor, at: datetime | None = None, *, breaks_glass: bool = False
) -> list[Blocker]:
    """Why `actor` may not do `act` to `subject` at that time; empty means they may.

    An actor who may not view the subject gets only that reason, because every other one would tell them something about it.
    """
    where = {"application": subject.application.slug, "environment": subject.environment.slug}
    if not may(actor, Act.VIEW, **where):
        return [role_blocker(act)]
    for look in _looks:
        subject = look(act, subject)
    request = Request(act, subject, actor, at or timezone.now(), breaks_glass)
    return [blocker for acts, rule in _rules if act in acts for blocker in rule(request)]


def ask(act: Act, subject: Subject, actor: Actor, *, breaks_glass: bool = False, may_wait: bool = False) -> None:
    """Raise `Blocked` unless the gate is open. With `may_wait`, also accept a gate that will open by itself."""
    reasons = blockers(act, subject, actor, breaks_glass=breaks_glass)
    if reasons and not (may_wait and opens_by_itself(reasons)):
        raise Blocked(reasons)


def opens_by_itself(reasons: Iterable[Blocker]) -> bool:
    """Whether waiting is enough: every blocker only stops new work from starting, and clears by itself."""
    return all(blocker.only_starts and (blocker.passes or blocker.clears_at is not None) for blocker in reasons)


@register()
def role_allows(request: Request) -> Iterator[Blocker]:
    subject = request.subject
    where = {"application": subject.application.slug, "environment": subject.environment.slug}
    if not may(request.actor, request.act, **where):
        yield role_blocker(request.act)
    if request.breaks_glass and not may(request.actor, Act.BREAK_GLASS, **where):
        yield role_blocker(Act.BREAK_GLASS)


@register(*STARTS)
def environment_is_unlocked(request: Request) -> Iterator[Blocker]:
    lock = request.subject.environment.lock_at(request.at)
    if lock is None or request.breaks_glass:
        return
    words = {"environment": request.subject.environment.name, "owner": lock.owner, "reason": lock.reason}
    yield Blocker(
        code="locked",
        sentence=_("%(environment)s is locked by %(owner)s: %(reason)s") % words,
        who=_("%(owner)s, a Release Manager or an Admin, by unlocking it") % words,
        clears_at=lock.until,
        only_starts=True,
    )


@register(*BRINGS_NEW, Act.SCALE)
def environment_is_not_frozen(request: Request) -> Iterator[Blocker]:
    """A freeze closes what is new, and what scales by itself; people may scale in it."""
    subject = request.subject
    if request.act == Act.SCALE and request.actor.identified_by != BY_POLICY:
        return
    answer = freeze_state(subject.environment.slug, application_of(subject.application.slug), request.at)
    if not answer.is_closed or request.breaks_glass:
        return
    denies = [window for window in answer.closed_by if window.kind == Kind.DENY]
    sentences = [_frozen(subject, window) for window in denies] or [_outside(subject, answer.closed_by)]
    for sentence in sentences:
        yield Blocker(
            code="frozen",
            sentence=sentence,
            who=_("a Release Manager or an Admin, by changing the freeze window"),
            clears_at=answer.opens_at,
            only_starts=True,
            details={"windows": [window.number for window in answer.closed_by]},
        )


def _frozen(subject: Subject, window: Window) -> str:
    words = {"environment": subject.environment.name, "name": window.name, "reason": window.reason}
    return _("%(environment)s is frozen by “%(name)s”: %(reason)s") % words


def _outside(subject: Subject, windows: Iterable[Window]) -> str:
    words = {"environment": subject.environment.name, "names": ", ".join(f"“{window.name}”" for window in windows)}
    return _("%(environment)s takes deployments only during %(names)s.") % words


@register(*STARTS)
def runtime_is_available(request: Request) -> Iterator[Blocker]:
    answer = availability_of(request.subject.environment)
    if not answer.is_available:
        yield Blocker(code="runtime", sentence=answer.sentence, who=answer.who or _("whoever operates this machine"))


@register(*STARTS)
def host_is_not_fairways_own(request: Request) -> Iterator[Blocker]:
    """An application's name in front of an environment's domain may spell Fairway's own address."""
    host = f"{request.subject.application.slug}.{hostname_in(request.subject.environment.host)}"
    if is_fairways_own(host):
        yield Blocker(
            code="host_taken",
            sentence=_("It would be reached at %(host)s, which is Fairway's own address.") % {"host": host},
            who=_("an Admin, by giving the environment another domain; or deploy under another name"),
        )


@register(*STARTS)
def artifact_fits(request: Request) -> Iterator[Blocker]:
    artifact, environment = request.subject.artifact, request.subject.environment
    if artifact is None:
        return
    if artifact.kind not in runtime_of(environment).artifact_kinds:
        words = {
            "version": artifact.version,
            "kind": artifact.kind,
            "environment": environment.name,
            "runtime": environment.runtime,
        }
        yield Blocker(
            code="artifact_kind",
            sentence=_(
                "%(version)s is an artifact of kind %(kind)s, which the runtime %(runtime)s of %(environment)s cannot run."
            )
            % words,
            who=_("an Admin, by changing the environment's runtime; or deploy there from source"),
        )
    elif (folder := artifact.folder) is not None and not folder.is_dir():
        yield Blocker(
            code="artifact_gone",
            sentence=_("The bytes of %(version)s are no longer stored here.") % {"version": artifact.version},
            who=_("a Deployer, by deploying that version from its source again"),
        )


@register(Act.DEPLOY, Act.PROMOTE, Act.DISTRIBUTE, *RELEASES, *TAKES_BACK)
def version_is_not_bad(request: Request) -> Iterator[Blocker]:
    artifact = request.subject.artifact
    if artifact is not None and artifact.bad_at is not None:
        words = {"version": artifact.version, "person": artifact.bad_by, "reason": artifact.bad_reason}
        yield Blocker(
            code="bad_version",
            sentence=_("%(version)s was marked bad by %(person)s: %(reason)s") % words,
            who=_("a Deployer or Release Manager, by unmarking it"),
        )


@register(*STARTS)
def required_settings_are_set(request: Request) -> Iterator[Blocker]:
    artifact, configuration = request.subject.artifact, request.subject.configuration
    if artifact is None:
        return
    given = (configuration.variables, configuration.marks) if configuration else ({}, {})
    missing = missing_names(required_variables_of(artifact.parsed_spec), *given)
    if missing:
        yield Blocker(
            code="missing_configuration",
            sentence=_("Required settings are missing: %(names)s.") % {"names": ", ".join(missing)},
            who=_("a Deployer, under Configuration"),
            details={"names": missing},
        )


@register(*STARTS)
def a_volume_has_one_writer(request: Request) -> Iterator[Blocker]:
    names, replicas = _stored_in(request.subject), _replicas(request)
    if names and replicas > 1:
        words = {"names": ", ".join(names), "count": replicas}
        yield Blocker(
            code="volume_replicas",
            sentence=_(
                "It stores data in a volume (%(names)s), which only one instance may write: it cannot run %(count)s times."
            )
            % words,
            who=_("a Deployer, by scaling it to one instance"),
            details={"volumes": names},
        )


@register(*BRINGS_LIVE)
def no_command_uses_its_data(request: Request) -> Iterator[Blocker]:
    """While a command uses the volumes, a new version that needs them would stop the old one and then fail to start."""
    subject = request.subject
    current = subject.placement.current if subject.placement else None
    if current is None or current.artifact is None or not current.artifact.parsed_spec.volumes:
        return
    active = JobRun.objects.filter(application=subject.application, environment=subject.environment, status__in=ACTIVE)
    for job in active.order_by("pk")[:1]:
        words = {"number": job.pk, "person": job.requested_by, "command": shlex.join(job.command)[:80]}
        yield Blocker(
            code="command_runs",
            sentence=_("The command %(number)s of %(person)s is using its data: %(command)s") % words,
            who=_("a Deployer, by cancelling it"),
            only_starts=True,
            passes=True,
            details={"job": job.pk},
        )


def _stored_in(subject: Subject) -> list[str]:
    """The names of the volumes of what would be live; before it is built, those that a person has configured."""
    if subject.artifact is not None:
        return [name for name, _target in subject.artifact.parsed_spec.volumes]
    return [str(pair[0]) for pair in (subject.application.spec or {}).get("volumes") or ()]


def _replicas(request: Request) -> int:
    """The number of instances after the act. Rollbacks take what the earlier version allows, and scaling names a number;
    otherwise it stays as it is."""
    subject = request.subject
    if subject.replicas is not None:
        return subject.replicas
    settles_itself = TAKES_BACK | {Act.SCALE, Act.DISTRIBUTE, Act.RUN_COMMAND}
    return 1 if subject.placement is None or request.act in settles_itself else subject.placement.replicas


@register(Act.PROMOTE, Act.ROLL_BACK)
def it_is_not_there_already(request: Request) -> Iterator[Blocker]:
    placement = request.subject.placement
    current = placement.current if placement else None
    if placement is None or current is None or request.subject.artifact is None or placement.wanted != Wanted.RUNNING:
        return
    same = (current.artifact_id, current.configuration_id) == (
        request.subject.artifact.pk,
        request.subject.configuration.pk if request.subject.configuration else None,
    )
    if same and placement.health in AVAILABLE:
        words = {"version": current.version, "environment": request.subject.environment.name}
        yield Blocker(
            code="already_live", sentence=_("%(version)s already runs in %(environment)s with this configuration.") % words
        )


@register(Act.DEPLOY, Act.PROMOTE, Act.SCHEDULE_RELEASE)
def automation_is_not_held(request: Request) -> Iterator[Blocker]:
    placement = request.subject.placement
    if placement and placement.held_at and request.actor.door in {Door.WEBHOOK, Door.SCHEDULE}:
        yield Blocker(
            code="held",
            sentence=_("Automatic deployments are on hold here: %(reason)s") % {"reason": placement.hold_reason},
            who=_("a Deployer, by releasing the hold"),
        )


@register(Act.CANCEL)
def it_can_be_cancelled(request: Request) -> Iterator[Blocker]:
    deployment = request.subject.deployment
    if deployment is not None and deployment.status not in ACTIVE:
        yield Blocker(code="ended", sentence=_("This deployment has already ended."))


@register(Act.RESTART, Act.STOP, Act.START, Act.SCALE, Act.REMOVE, Act.ROUTE, Act.RUN_COMMAND)
def something_is_there(request: Request) -> Iterator[Blocker]:
    placement = request.subject.placement
    if placement is None or placement.current is None:
        yield Blocker(code="nothing_there", sentence=_("Nothing is deployed here yet."), who=_("a Deployer, by deploying"))
    elif request.act in {Act.RESTART, Act.SCALE, Act.STOP} and placement.wanted == Wanted.STOPPED:
        yield Blocker(code="stopped", sentence=_("It is stopped; start it first."), who=_("a Deployer"))
    elif (
        request.act == Act.START
        and placement.wanted == Wanted.RUNNING
        and placement.health == Health.HEALTHY
        and not placement.is_asleep
    ):
        yield Blocker(code="running", sentence=_("It is already running."))
