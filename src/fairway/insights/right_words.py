"""What people may do, in words: the acts, by subject, and why somebody may do them or not."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fairway.accounts.rights import ABOUT, names_environment
from fairway.accounts.rules import ROLE_WORDS, ROLES_FOR, Act, Grant
from fairway.deployments.gate import BRINGS_NEW
from fairway.deployments.protection import moment_words
from fairway.insights.rights import APPROVALS, Answer, Rights
from fairway.shared.translation import translate

Text = str | Promise

GROUPS: tuple[tuple[Text, dict[Act, Text]], ...] = (
    (
        gettext_lazy("Deployments"),
        {
            Act.VIEW: gettext_lazy("see what is there"),
            Act.DEPLOY: gettext_lazy("deploy"),
            Act.PROMOTE: gettext_lazy("promote"),
            Act.APPROVE: gettext_lazy("approve deployments"),
            Act.ROLL_BACK: gettext_lazy("roll back"),
            Act.CANCEL: gettext_lazy("cancel a deployment"),
            Act.CONFIGURE: gettext_lazy("change settings and secrets"),
        },
    ),
    (
        gettext_lazy("What runs"),
        {
            Act.RESTART: gettext_lazy("restart"),
            Act.STOP: gettext_lazy("stop"),
            Act.START: gettext_lazy("start"),
            Act.SCALE: gettext_lazy("scale"),
            Act.RUN_COMMAND: gettext_lazy("run commands and jobs"),
            Act.RELEASE_HOLD: gettext_lazy("lift a hold"),
            Act.HANDLE_ALERTS: gettext_lazy("acknowledge and silence alerts"),
            Act.ROUTE: gettext_lazy("change domains and who may open it"),
            Act.REMOVE: gettext_lazy("remove it from the environment"),
            Act.MANAGE_CREDENTIALS: gettext_lazy("manage credentials"),
        },
    ),
    (
        gettext_lazy("Environments"),
        {
            Act.LOCK_ENVIRONMENT: gettext_lazy("lock the environment"),
            Act.FREEZE_ENVIRONMENT: gettext_lazy("freeze"),
            Act.EDIT_ENVIRONMENT: gettext_lazy("edit the environment"),
            Act.DELETE_ENVIRONMENT: gettext_lazy("delete the environment"),
            Act.BREAK_GLASS: gettext_lazy("break the glass"),
            Act.CREATE_ENVIRONMENT: gettext_lazy("create environments"),
        },
    ),
    (
        gettext_lazy("Resources"),
        {
            Act.CREATE_RESOURCE: gettext_lazy("create, start and stop resources"),
            Act.DELETE_RESOURCE: gettext_lazy("delete resources"),
            Act.BACK_UP_RESOURCE: gettext_lazy("back up resources"),
            Act.BIND_RESOURCE: gettext_lazy("bind resources"),
            Act.RESTORE_RESOURCE: gettext_lazy("restore backups"),
            Act.TRY_RESOURCE: gettext_lazy("try the connection to a resource"),
            Act.DOWNLOAD_BACKUP: gettext_lazy("download backups"),
        },
    ),
    (
        gettext_lazy("Releases"),
        {
            Act.ROLL_OUT: gettext_lazy("roll releases out"),
            Act.FALL_BACK_RELEASE: gettext_lazy("let releases fall back"),
            Act.SCHEDULE_RELEASE: gettext_lazy("schedule releases"),
            Act.APPROVE_RELEASE: gettext_lazy("approve releases"),
            Act.DISTRIBUTE: gettext_lazy("distribute packages"),
            Act.DEPLOY_PACKAGE: gettext_lazy("deploy packages"),
            Act.FALL_BACK: gettext_lazy("let packages fall back"),
            Act.CREATE_RELEASE: gettext_lazy("create releases"),
            Act.EDIT_RELEASE: gettext_lazy("edit releases"),
            Act.DELETE_RELEASE: gettext_lazy("delete releases"),
            Act.SEAL_RELEASE: gettext_lazy("seal releases"),
            Act.CANCEL_RELEASE: gettext_lazy("cancel releases"),
            Act.ADD_PACKAGE: gettext_lazy("add packages to releases"),
            Act.EDIT_PACKAGE: gettext_lazy("edit packages"),
            Act.DELETE_PACKAGE: gettext_lazy("delete packages"),
            Act.DEPEND: gettext_lazy("say what packages need"),
        },
    ),
    (
        gettext_lazy("Applications"),
        {
            Act.CREATE_APPLICATION: gettext_lazy("create applications"),
            Act.EDIT_APPLICATION: gettext_lazy("edit applications"),
            Act.DELETE_APPLICATION: gettext_lazy("delete applications"),
            Act.MARK_BAD: gettext_lazy("mark versions as bad"),
        },
    ),
    (
        gettext_lazy("People and access"),
        {
            Act.MANAGE_PEOPLE: gettext_lazy("manage people and their roles"),
            Act.MANAGE_SYSTEM: gettext_lazy("manage this installation"),
            Act.OWN_ACCOUNT: gettext_lazy("see one’s own account, sessions and tokens"),
            Act.CHANGE_ACCOUNT: gettext_lazy("change one’s own account"),
        },
    ),
)
ACT_WORDS: dict[Act, Text] = dict(chain.from_iterable(acts.items() for _title, acts in GROUPS))
assert set(ACT_WORDS) == set(Act), "every act has words"


def rows_of_acts(*, in_environments: bool) -> list[tuple[Text, list[tuple[Act, ...]]]]:
    """The acts that name an environment, or the others, by group. Those of which the same is always true are together."""
    found = []
    for title, acts in GROUPS:
        alike: dict[object, list[Act]] = {}
        for act in acts:
            if names_environment(act) == in_environments:
                key = ABOUT[act], ROLES_FOR[act], act in BRINGS_NEW, act in APPROVALS
                alike.setdefault(key, []).append(act)
        if alike:
            found.append((title, [tuple(one) for one in alike.values()]))
    return found


def acts_in_words(acts: Iterable[Act]) -> str:
    """“Deploy, promote”."""
    return capfirst(", ".join(str(ACT_WORDS[act]) for act in acts))


def grant_in_words(grant: Grant, rights: Rights) -> str:
    """“Deployer in Staging, from ada, since 30 November 2026”."""
    words = {
        "role": translate(ROLE_WORDS[grant.role]),
        "environment": rights.environment_name(grant.environment),
        "application": rights.applications.get(grant.application, grant.application),
    }
    if grant.application and grant.environment:
        where = _("%(role)s for %(application)s in %(environment)s") % words
    elif grant.application:
        where = _("%(role)s for %(application)s everywhere") % words
    elif grant.environment:
        where = _("%(role)s in %(environment)s") % words
    else:
        where = _("%(role)s everywhere") % words
    origin = rights.origins.get(grant)
    if origin is None:
        return where
    given = {"grant": where, "at": moment_words(origin.at), "who": origin.by or origin.provider}
    if origin.by:
        return _("%(grant)s, given by %(who)s on %(at)s") % given
    if origin.provider:
        return _("%(grant)s, given by the provider %(who)s on %(at)s") % given
    return _("%(grant)s, since %(at)s") % given


def answer_in_words(answer: Answer, rights: Rights) -> str:
    """“Yes: …” or “No. …”, with what else stands in the way."""
    if answer.in_part:
        return _("No, only in part: %(grants)s.") % {"grants": _grants_in_words(answer.in_part, rights)}
    if not answer.is_allowed:
        return _("No. %(why)s") % {"why": answer.refusal}
    said = _("Yes: %(grants)s.") % {"grants": _grants_in_words(answer.by, rights)}
    return f"{said} {two_step_in_words()}" if rights.must_set_up_two_steps else said


def _grants_in_words(grants: Iterable[Grant], rights: Rights) -> str:
    return "; ".join(grant_in_words(grant, rights) for grant in grants)


def two_step_in_words() -> str:
    """What is said of somebody who has yet to set up two-step sign-in."""
    return _("With their password they see no page until they have set up two-step sign-in; their API tokens work.")
