"""What somebody may do, and why: their grants, the environments' own rules and the state of their account, read for one who
asks. It decides nothing itself; see `accounts.rights`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

from fairway.accounts.models import User
from fairway.accounts.origins import Origin, origins_of
from fairway.accounts.queries import grants_of, may_use_password, must_set_up_two_steps
from fairway.accounts.rights import Right, alone, granting, names_application, names_environment, right_to
from fairway.accounts.rules import Act, Actor, Grant, NotVisible, role_blocker
from fairway.activity.rules import Door
from fairway.applications.models import Application
from fairway.applications.queries import get_application
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.deployments.gate import BRINGS_NEW
from fairway.environments.models import Environment
from fairway.environments.protection import approvers_words, deployers_words, has_own_approvers, may_approve, may_deploy_here
from fairway.environments.queries import get_environment
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.shared.names import Invalid

APPROVALS = frozenset({Act.APPROVE, Act.APPROVE_RELEASE})  # who may give one, each environment says


@dataclass(frozen=True)
class Cell:
    """Whether an act is allowed in an environment (None for acts that name none). `refusal` says why it is not; `rule` is
    what the environment's own rules ask, where they let it pass."""

    right: Right
    environment: Environment | None = None
    refusal: str = ""
    rule: str = ""

    @property
    def act(self) -> Act:
        return self.right.act


@dataclass(frozen=True)
class Rights:
    """What a person may do in the environments that whoever asks can see. `applications` are the names of those that grants
    name, by slug."""

    actor: Actor
    is_active: bool
    must_set_up_two_steps: bool
    environments: tuple[Environment, ...]
    applications: dict[str, str]
    grants: tuple[Grant, ...]  # also those that count for nothing while the account is deactivated
    origins: dict[Grant, Origin] = field(default_factory=dict)

    def environment_name(self, slug: str) -> str:
        return next((one.name for one in self.environments if one.slug == slug), slug)

    def cells(self, act: Act, application: str = "") -> list[Cell]:
        """One for each environment; only one for acts that name none. With an application, only what counts for it."""
        places = self.environments if names_environment(act) else (None,)
        return [self.cell(act, environment, application) for environment in places]

    def granting(self, act: Act, environment: Environment | None, application: str = "") -> tuple[Grant, ...]:
        """The grants that allow the act there; without an environment, in every one."""
        if names_environment(act) and environment is None:
            return granting(self.actor, act, application=application)
        return self._right(act, environment).of(application)

    def cell(self, act: Act, environment: Environment | None, application: str = "") -> Cell:
        right = self._right(act, environment)
        if application and names_application(act):
            by = right.of(application)
            right = replace(right, grants={"": by} if by else {})
        if not right.grants:
            return Cell(right, environment, self.refusal(act, environment, application))
        return Cell(right, environment, rule=_own_rule(act, environment) if environment else "")

    def _right(self, act: Act, environment: Environment | None) -> Right:
        if environment is None:
            return right_to(self.actor, act)
        if act in APPROVALS:
            return Right(act, environment.slug, self._approving(environment))
        right = right_to(self.actor, act, environment.slug)
        if act not in BRINGS_NEW or not (environment.deploy_roles or environment.deploy_people):
            return right
        candidates = {"": right.of(""), **{one: right.of(one) for one in self.applications}}
        return Right(
            act, environment.slug,
            {one: by for one, by in candidates.items() if by and may_deploy_here(self.actor, environment, one)},
        )  # fmt: skip

    def _approving(self, environment: Environment) -> dict[str, tuple[Grant, ...]]:
        found: dict[str, list[Grant]] = {}
        for grant in self.actor.grants:
            if may_approve(alone(self.actor, grant), environment, grant.application):
                found.setdefault(grant.application, []).append(grant)
        return {application: tuple(grants) for application, grants in found.items()}

    def refusal(self, act: Act, environment: Environment | None, application: str = "") -> str:
        """Why the act is not allowed: the account's state, the environment's own rules, or the role that would be needed."""
        if not self.is_active:
            return _("The account is deactivated.")
        if environment is not None and act in APPROVALS:
            return _approvers(environment)
        if act in BRINGS_NEW and environment is not None and self._is_kept_out(act, environment, application):
            return _own_rule(act, environment)
        return role_blocker(act).sentence

    def _is_kept_out(self, act: Act, environment: Environment, application: str) -> bool:
        """Whether a grant allows it there, but the environment's own rules do not."""
        right = right_to(self.actor, act, environment.slug)
        by = right.of(application) if application else right.grants
        return bool(by) and not may_deploy_here(self.actor, environment, application)


def _own_rule(act: Act, environment: Environment) -> str:
    """What an environment's own rules say about who may do this there; "" if they say nothing."""
    if act in APPROVALS:
        return _approvers(environment) if has_own_approvers(environment) else ""
    if act in BRINGS_NEW and (environment.deploy_roles or environment.deploy_people):
        words = {"who": deployers_words(environment), "environment": environment.name}
        return _("Only %(who)s may deploy to %(environment)s.") % words
    return ""


def _approvers(environment: Environment) -> str:
    return _("An approval counts here from %(who)s.") % {"who": approvers_words(environment)}


@dataclass(frozen=True)
class Answer:
    """Whether somebody may do one act to what was asked about, by which grants, and otherwise why not. `in_part` are grants
    that allow it to some of what was asked about, but not to all."""

    act: Act
    environment: Environment | None
    application: Application | None
    by: tuple[Grant, ...]
    in_part: tuple[Grant, ...]
    refusal: str

    @property
    def is_allowed(self) -> bool:
        return bool(self.by)


def rights_for(viewer: Actor, user: User) -> Rights:
    """What this person may do, as `viewer` may know it."""
    grants = grants_of(user)
    held = grants if user.is_active else ()
    found = Actor(id=user.pk, name=user.username, grants=held, door=Door.WEB, is_service=user.is_service)
    return _read(viewer, found, user, origins_of(user.pk, grants), grants)


def own_rights(actor: Actor, user: User) -> Rights:
    """What the actor may do here and now, with the role they act as and the limits of their token. It names nobody else."""
    known = origins_of(user.pk, actor.grants)
    unnamed = {grant: replace(origin, by="") for grant, origin in known.items()}
    return _read(actor, actor, user, unnamed, actor.grants)


def _read(viewer: Actor, actor: Actor, user: User, origins: dict[Grant, Origin], grants: tuple[Grant, ...]) -> Rights:
    named = {grant.application for grant in grants if grant.application}
    applications = applications_visible_to(viewer).filter(slug__in=named).values_list("slug", "name") if named else ()
    return Rights(
        actor=actor,
        is_active=user.is_active,
        must_set_up_two_steps=user.is_active
        and not user.is_service
        and must_set_up_two_steps(user.pk)
        and may_use_password(user),
        environments=tuple(environments_visible_to(viewer)),
        applications=dict(applications),
        grants=grants,
        origins=origins,
    )


def narrowed_to(rights: Rights, viewer: Actor, environment: str) -> Rights:
    """The same in one environment only; "" leaves all. Raises `Invalid`."""
    return replace(rights, environments=(_environment(viewer, environment),)) if environment else rights


def ask(rights: Rights, viewer: Actor, act: Act, *, environment: str = "", application: str = "") -> Answer:
    """Whether the person of these rights may do one act. Without an environment or application, it must be allowed in every
    one. Raises `Invalid` for one that does not exist, or that the act does not name."""
    if environment and not names_environment(act):
        raise Invalid("environment", "is not asked for this act; leave it out.")
    if application and not names_application(act):
        raise Invalid("application", "is not asked for this act; leave it out.")
    place = _environment(viewer, environment) if environment else None
    one = _application(viewer, application) if application else None
    by = rights.granting(act, place, application)
    places = (place,) if place or not names_environment(act) else rights.environments
    parts = [] if by else [grant for each in places for grant in rights.cell(act, each, application).right.by]
    return Answer(act, place, one, by, tuple(dict.fromkeys(parts)), "" if by else rights.refusal(act, place, application))


def parse_application(viewer: Actor, slug: str) -> str:
    """The slug of an application that the viewer can see; "" for none. Raises `Invalid`."""
    return _application(viewer, slug).slug if slug else ""


def _environment(viewer: Actor, slug: str) -> Environment:
    try:
        return get_environment(viewer, slug)
    except NotVisible as error:
        raise Invalid("environment", str(error)) from None


def _application(viewer: Actor, slug: str) -> Application:
    try:
        return get_application(viewer, slug)
    except NotVisible as error:
        raise Invalid("application", str(error)) from None
