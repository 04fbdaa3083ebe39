"""What people may do, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.http import HttpRequest
from ninja import Query, Schema
from pydantic import Field

from fairway.accounts.models import User
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.queries import get_person
from fairway.accounts.rights import ABOUT, parse_act
from fairway.accounts.rules import ROLES_FOR, Act, Actor, Grant, Role
from fairway.api.me import GrantShown
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Slug
from fairway.insights.right_words import ACT_WORDS, answer_in_words
from fairway.insights.rights import Cell, Rights, ask, narrowed_to, own_rights, parse_application, rights_for

router = PermissionRouter(tags=["people"])
ExtentName = Literal["all", "some", "none"]


class GrantHeld(GrantShown):
    """A role, with the event that gave it: `granted_by` is a user name, `provider` a sign-in provider by whose rules it was
    given. What is not known is null or empty; of yourself you are not told by whom."""

    granted_at: datetime | None
    granted_by: str
    provider: str
    event: int | None


class RightShown(Schema):
    """Whether an act is allowed in an environment; without `environment`, the act names none.

    `about` is what the act names: nothing, an application, an environment, or a placement (one application in one
    environment). `extent`: for all applications, for some (`applications`), or not. `grants` allow it; `reason` says why it
    is not allowed. `rule` is what the environment's own rules ask, where they let it pass.
    """

    act: str
    words: str
    about: Literal["nothing", "application", "environment", "placement"]
    environment: str
    extent: ExtentName
    applications: list[str]
    grants: list[GrantShown]
    reason: str
    rule: str


class RightsShown(Schema):
    """What somebody may do. With `must_set_up_two_step`, they see no page before they do so; their tokens work."""

    username: str
    is_active: bool
    must_set_up_two_step: bool
    acting_as: str
    environments: list[str]
    grants: list[GrantHeld]
    rights: list[RightShown]


class AnswerShown(Schema):
    """Whether somebody may do one act. `grants` allow it; `roles` are those of which one is needed. `sentence` says why."""

    allowed: bool
    act: str
    words: str
    environment: str
    application: str
    sentence: str
    grants: list[GrantHeld]
    roles: list[str]


class RightsAsked(Asked):
    """Only in this environment, only for this application (slugs)."""

    environment: str = Field("", max_length=80)
    application: str = Field("", max_length=80)


class MayAsked(RightsAsked):
    """`act`: a name such as `deploy`, `roll-back`, `lock-environment`, or one of `/me` (`deployment.deploy`). Without an
    environment or application, the answer is yes only if it is allowed in every one."""

    act: str = Field(max_length=80)


@router.get("/people/{username}/rights", response=RightsShown)
@needs(Act.MANAGE_PEOPLE)
def show_person_rights(request: HttpRequest, username: Slug, asked: Query[RightsAsked]) -> RightsShown:
    """What somebody may do in each environment, and by which of their roles."""
    actor, user = actor_of(request), get_person(username)
    return _shown(actor, user, rights_for(actor, user), asked)


@router.get("/people/{username}/may", response=AnswerShown)
@needs(Act.MANAGE_PEOPLE)
def show_whether_person_may(request: HttpRequest, username: Slug, asked: Query[MayAsked]) -> AnswerShown:
    """Whether somebody may do one act, and why or why not."""
    actor, user = actor_of(request), get_person(username)
    rights = rights_for(actor, user)
    found = ask(
        rights, actor, parse_act(asked.act), environment=asked.environment.strip(), application=asked.application.strip()
    )
    return AnswerShown(
        allowed=found.is_allowed,
        act=found.act,
        words=str(ACT_WORDS[found.act]),
        environment=found.environment.slug if found.environment else "",
        application=found.application.slug if found.application else "",
        sentence=answer_in_words(found, rights),
        grants=[_held(grant, rights) for grant in found.by],
        roles=[role.value for role in Role if role in ROLES_FOR[found.act]],
    )


@router.get("/me/rights", response=RightsShown)
@needs(Act.OWN_ACCOUNT)
def show_my_rights(request: HttpRequest, asked: Query[RightsAsked]) -> RightsShown:
    """What you may do with this token or session in each environment that you can see, and by which of your roles."""
    actor = actor_of(request)
    user = User.objects.get(pk=actor.id or 0)
    return _shown(actor, user, own_rights(actor, user), asked)


def _shown(viewer: Actor, user: User, rights: Rights, asked: RightsAsked) -> RightsShown:
    rights = narrowed_to(rights, viewer, asked.environment.strip())
    application = parse_application(viewer, asked.application.strip())
    return RightsShown(
        username=user.username,
        is_active=rights.is_active,
        must_set_up_two_step=rights.must_set_up_two_steps,
        acting_as=rights.actor.acting_as or "",
        environments=[environment.slug for environment in rights.environments],
        grants=[_held(grant, rights) for grant in rights.grants],
        rights=[_right(cell, application) for act in ACT_WORDS for cell in rights.cells(act, application)],
    )


def _right(cell: Cell, application: str) -> RightShown:
    return RightShown(
        act=cell.act,
        words=str(ACT_WORDS[cell.act]),
        about=ABOUT[cell.act].value,
        environment=cell.environment.slug if cell.environment else "",
        extent=cell.right.extent.value,
        applications=list(cell.right.applications),
        grants=[GrantShown(**_plain(grant)) for grant in cell.right.by],
        reason=cell.refusal,
        rule=cell.rule,
    )


def _plain(grant: Grant) -> dict[str, str]:
    return {"role": grant.role.value, "environment": grant.environment, "application": grant.application}


def _held(grant: Grant, rights: Rights) -> GrantHeld:
    origin = rights.origins.get(grant)
    return GrantHeld(
        **_plain(grant),
        granted_at=origin.at if origin else None,
        granted_by=origin.by if origin else "",
        provider=origin.provider if origin else "",
        event=origin.event if origin else None,
    )
