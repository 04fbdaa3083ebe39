"""An environment's protection rules: who may deploy there, who must approve, what may be deployed at all.

Roles and people are alternatives: either is enough. People are user names, which never change. If neither is named, the
usual roles decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fairway.accounts.queries import active_actors
from fairway.accounts.rules import Act, Actor, Blocker, Grant, Reach, Role, may
from fairway.environments.models import Environment
from fairway.environments.rules import WhenWorse


def may_deploy_here(actor: Actor, environment: Environment, application: str = "") -> bool:
    """Whether the environment's own rules let this actor deploy here; the usual role is required as well."""
    roles, people = environment.deploy_roles, environment.deploy_people
    if actor.is_system or not (roles or people):
        return True
    return actor.is_named(frozenset(people)) or _holds_one_of(actor, roles, environment, application)


def may_approve(actor: Actor, environment: Environment, application: str = "") -> bool:
    """Whether this actor's approval counts here. A person whom the rules name only needs the right to view."""
    roles, people = environment.approval_roles, environment.approval_people
    where = {"environment": environment.slug, "application": application}
    if not (roles or people):
        return may(actor, Act.APPROVE_RELEASE, **where)
    if people and actor.is_named(frozenset(people)) and actor.acting_as != Role.VIEWER and may(actor, Act.VIEW, **where):
        return True  # acting as a Viewer (chosen in the menu or by a token) excludes approving
    return _holds_one_of(actor, roles, environment, application)


def approvers_among(people: Iterable[int], environment: Environment, application: str = "") -> frozenset[int]:
    """The ids of those people who are active and may approve here now; in two queries."""
    return frozenset(
        actor.id for actor in active_actors(people) if actor.id is not None and may_approve(actor, environment, application)
    )


def has_own_approvers(environment: Environment) -> bool:
    return bool(environment.approval_roles or environment.approval_people)


def _holds_one_of(actor: Actor, roles: Sequence[str], environment: Environment, application: str) -> bool:
    grants: Iterable[Grant] = (grant for grant in actor.active_grants if grant.role in roles)
    return Reach(frozenset((grant.application, grant.environment) for grant in grants)).covers(application, environment.slug)


def is_protected(environment: Environment) -> bool:
    """Whether the environment has any protection rule."""
    return bool(
        environment.approvals_needed
        or environment.needs_ready
        or environment.only_releases
        or environment.proven_in
        or environment.deploy_roles
        or environment.deploy_people
    )


def approvers_words(environment: Environment) -> str:
    """Who may approve here, as the end of a sentence: “a Release Manager or an Admin”."""
    if not has_own_approvers(environment):
        return _("a Release Manager or an Admin")
    return _one_of(environment.approval_roles, environment.approval_people)


def deployers_words(environment: Environment) -> str:
    """Who may deploy here according to the environment's own rules, as the end of a sentence."""
    return _one_of(environment.deploy_roles, environment.deploy_people)


def _one_of(roles: Sequence[str], people: Sequence[str]) -> str:
    words = {Role.ADMIN: _("an Admin"), Role.RELEASE_MANAGER: _("a Release Manager"), Role.DEPLOYER: _("a Deployer")}
    named = [*people, *(words.get(Role(role), _("a Viewer")) for role in roles)]
    return named[0] if len(named) == 1 else _("%(some)s or %(last)s") % {"some": ", ".join(named[:-1]), "last": named[-1]}


def hours_words(hours: int) -> str:
    return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}


def approvals_words(count: int) -> str:
    return ngettext("%(count)d approval", "%(count)d approvals", count) % {"count": count}


def protection_sentences(environment: Environment, names: Mapping[str, str] | None = None) -> list[str]:
    """The environment's rules, one sentence each. `names` are the names of environments by slug."""
    found = []
    if environment.deploy_roles or environment.deploy_people:
        found.append(_("Only %(who)s may deploy here.") % {"who": deployers_words(environment)})
    if environment.only_releases:
        found.append(_("Deployments come here only as packages of a release."))
    if environment.proven_in:
        where = (names or {}).get(environment.proven_in, environment.proven_in)
        words = {"environment": where, "hours": hours_words(environment.proven_hours)}
        found.append(
            _("Only a version that was healthy in %(environment)s for %(hours)s without a break comes here.") % words
        )
    if environment.approvals_needed:
        found += _approval_sentences(environment)
    if environment.needs_ready:
        found.append(_("Packages of a release must be Ready."))
    if environment.when_worse == WhenWorse.ROLL_BACK:
        found.append(_("A new version that answers worse than the one before is rolled back."))
    return found


def _approval_sentences(environment: Environment) -> list[str]:
    words = {
        "approvals": approvals_words(environment.approvals_needed),
        "who": approvers_words(environment),
        "days": ngettext("%(count)d day", "%(count)d days", environment.approval_days)
        % {"count": environment.approval_days},
    }
    return [
        _("Every release and every deployment needs %(approvals)s from %(who)s. Whoever requested it does not count.")
        % words,
        _("A deployment that is not approved within %(days)s is cancelled.") % words,
    ]


def approver_blocker(environment: Environment) -> Blocker:
    """The blocker for somebody who may not approve here."""
    words = {"environment": environment.name, "who": approvers_words(environment)}
    return Blocker(
        code="not_an_approver",
        sentence=_("Only %(who)s can approve for %(environment)s.") % words,
        who=_("an Admin, by changing the protection of %(environment)s") % words,
    )
