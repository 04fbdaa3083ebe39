"""Releases: create, edit, clone, seal, approve, cancel, delete; and as a file."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest
from ninja import Query, Schema, Status
from pydantic import Field, field_validator

from fairway.accounts.models import User
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.queries import colleague
from fairway.accounts.rules import Act, Actor
from fairway.api.preconditions import AsOf
from fairway.api.release_shapes import (
    ApprovalShown,
    DifferenceShown,
    NewerSettingsShown,
    ReadinessShown,
    ReleaseDetail,
    ReleaseShown,
    approval_shown,
    difference_shown,
    newer_settings_shown,
    readiness_shown,
    release_detail,
    release_shown,
)
from fairway.api.routing import DoorRouter
from fairway.api.schemas import Asked, Given, Number, Reason, Text
from fairway.environments.models import Environment
from fairway.environments.queries import environment
from fairway.insights import desk
from fairway.releases import queries
from fairway.releases.commands import approvals, releases
from fairway.releases.commands.manifest import Step, apply_manifest, plan_manifest
from fairway.releases.export import release_file
from fairway.releases.manifest import LONGEST_PASTE, parse_release
from fairway.releases.rules import LONGEST_DESCRIPTION, ReleaseStatus
from fairway.releases.target_state import lapsed_among
from fairway.shared.names import Invalid

router = DoorRouter(tags=["releases"])


class ReleasesAsked(Asked):
    """Without `status`, all of them. ``frozen`` is the old name of ``sealed``."""

    status: ReleaseStatus | None = None

    @field_validator("status", mode="before")
    @classmethod
    def _old_name(cls, given: object) -> object:
        return ReleaseStatus.SEALED.value if given == "frozen" else given


class ReleaseWanted(Given):
    """`manager` and `deputy` are user names; left out, you manage it. `targets` are slugs, left out: every environment.

    With `from_environment` it holds exactly what runs healthy there, by digest; without `targets` it then goes to those that
    come after.
    """

    name: str = Field(max_length=80)
    version: str = Field(max_length=60)
    description: str = Field("", max_length=LONGEST_DESCRIPTION)
    manager: str = Field("", max_length=150)
    deputy: str = Field("", max_length=150)
    targets: list[str] | None = Field(None, max_length=100)
    from_environment: str = Field("", max_length=40)


class ReleaseChanges(Given):
    """What is left out stays; an empty `deputy` means nobody."""

    description: str | None = Field(None, max_length=LONGEST_DESCRIPTION)
    manager: str | None = Field(None, max_length=150)
    deputy: str | None = Field(None, max_length=150)
    targets: list[str] | None = Field(None, max_length=100)


class CloneWanted(Given):
    version: str = Field(max_length=60)
    name: str = Field("", max_length=80)


class DeletionAsked(Asked):
    """`confirmed` is “name version”, needed while a package of it is deployed."""

    confirmed: Text = Field("", max_length=200)


class Answer(Given):
    """`fingerprint` is the one you looked at: an approval is given to exactly that content."""

    environment: str = Field(max_length=40)
    decision: Literal["approve", "reject"]
    fingerprint: str = Field(max_length=64)
    comment: str = Field("", max_length=500)


class EnvironmentAsked(Asked):
    environment: Text = Field(max_length=40)


class FileGiven(Given):
    """A whole ``release.yaml``."""

    text: str = Field(max_length=LONGEST_PASTE)


class FileShown(Schema):
    text: str


class ReleaseStepShown(Schema):
    """`verb`: create, edit, add, change, remove, need or unneed; `what`: the release or package."""

    verb: str
    what: str
    detail: str


class Applied(Schema):
    release: ReleaseShown
    steps: list[ReleaseStepShown]


@router.get("/releases", response=list[ReleaseShown])
@needs(Act.VIEW)
def list_releases(request: HttpRequest, asked: Query[ReleasesAsked]) -> list[ReleaseShown]:
    """Every release you may see, newest first."""
    actor = actor_of(request)
    found = desk.overview(actor)
    chosen = [one for one in found if asked.status in (None, one.status)]
    return [release_shown(actor, one.release, one.status, list(one.packages)) for one in chosen]


@router.post("/releases", response={201: ReleaseShown})
@needs(Act.CREATE_RELEASE)
def make_release(request: HttpRequest, given: ReleaseWanted) -> Status[ReleaseShown]:
    """Create a release, empty or of what runs healthy in an environment."""
    actor = actor_of(request)
    manager = _person(actor, given.manager, "manager") if given.manager else _oneself(actor)
    deputy = _person(actor, given.deputy, "deputy") if given.deputy else None
    if given.from_environment:
        made = releases.release_from_environment(
            actor=actor,
            environment=environment(actor, given.from_environment),
            name=given.name,
            version=given.version,
            manager=manager,
            deputy=deputy,
            targets=_targets(request, given.targets),
        )
    else:
        made = releases.create_release(
            actor=actor,
            name=given.name,
            version=given.version,
            description=given.description,
            manager=manager,
            deputy=deputy,
            targets=_targets(request, given.targets),
        )
    return Status(201, release_shown(actor, made))


def _person(actor: Actor, username: str, field: str) -> User:
    found = colleague(actor, username)
    if found is None:
        raise Invalid(field, "there is no active user “{name}”; use a user name.", name=username[:60])
    return found


def _oneself(actor: Actor) -> User:
    found = User.objects.filter(pk__in=[actor.id] if actor.id else []).first()
    if found is None:
        raise Invalid("manager", "is missing; name who manages the release.")
    return found


def _targets(request: HttpRequest, slugs: list[str] | None) -> list[Environment] | None:
    return None if slugs is None else [environment(actor_of(request), slug) for slug in slugs]


@router.get("/releases/{number}", response=ReleaseDetail)
@needs(Act.VIEW)
def show_release(request: HttpRequest, number: Number) -> ReleaseDetail:
    """One release with its packages on its targets."""
    actor = actor_of(request)
    return release_detail(actor, queries.release(actor, number))


@router.patch("/releases/{number}", response=ReleaseShown)
@needs(Act.EDIT_RELEASE)
def change_release(request: HttpRequest, number: Number, given: ReleaseChanges, as_of: AsOf) -> ReleaseShown:
    """Change a release; name and version stay."""
    actor = actor_of(request)
    changed = releases.edit_release(
        actor=actor,
        release=queries.release(actor, number),
        description=given.description,
        manager=_person(actor, given.manager, "manager") if given.manager else None,
        deputy=_person(actor, given.deputy, "deputy") if given.deputy else None,
        no_deputy=given.deputy == "",
        targets=_targets(request, given.targets),
        as_of=as_of,
    )
    return release_shown(actor, changed)


@router.delete("/releases/{number}", response={204: None})
@needs(Act.DELETE_RELEASE)
def remove_release(request: HttpRequest, number: Number, asked: Query[DeletionAsked]) -> Status[None]:
    """Delete a release with its packages. What it deployed goes on running."""
    actor = actor_of(request)
    releases.delete_release(actor=actor, release=queries.release(actor, number), confirmed=asked.confirmed)
    return Status(204, None)


@router.post("/releases/{number}/clones", response={201: ReleaseShown})
@needs(Act.CREATE_RELEASE)
def clone_release(request: HttpRequest, number: Number, given: CloneWanted) -> Status[ReleaseShown]:
    """The same packages, people and dependencies under another version."""
    actor = actor_of(request)
    source = queries.release(actor, number)
    made = releases.clone_release(actor=actor, release=source, version=given.version, name=given.name)
    return Status(201, release_shown(actor, made))


@router.post("/releases/{number}/cancellation", response=ReleaseShown)
@needs(Act.CANCEL_RELEASE)
def cancel_release(request: HttpRequest, number: Number, given: Reason) -> ReleaseShown:
    """Give a release up. What runs keeps running, and may still fall back."""
    actor = actor_of(request)
    one = queries.release(actor, number)
    return release_shown(actor, releases.cancel_release(actor=actor, release=one, reason=given.reason))


@router.post("/releases/{number}/seal", response=ReleaseShown)
@needs(Act.SEAL_RELEASE)
def seal_release(request: HttpRequest, number: Number) -> ReleaseShown:
    """Fix its content: one fingerprint over packages, digests, configuration versions and dependencies."""
    actor = actor_of(request)
    return release_shown(actor, approvals.seal(actor=actor, release=queries.release(actor, number)))


@router.get("/releases/{number}/settings", response=list[NewerSettingsShown])
@needs(Act.VIEW)
def list_newer_settings(request: HttpRequest, number: Number) -> list[NewerSettingsShown]:
    """Settings that were saved after the release was sealed. It keeps its own until somebody says otherwise."""
    actor = actor_of(request)
    return [newer_settings_shown(one) for one in queries.newer_settings(queries.release(actor, number), actor)]


@router.post("/releases/{number}/settings", response=ReleaseShown)
@needs(Act.SEAL_RELEASE)
def use_new_settings(request: HttpRequest, number: Number) -> ReleaseShown:
    """Seal it again with the settings that were saved since. It needs its approvals again."""
    actor = actor_of(request)
    return release_shown(actor, approvals.use_new_settings(actor=actor, release=queries.release(actor, number)))


@router.post("/releases/{number}/freeze", response=ReleaseShown, deprecated=True)
@needs(Act.SEAL_RELEASE)
def freeze_release(request: HttpRequest, number: Number) -> ReleaseShown:
    """The old name of ``/seal``."""
    return seal_release(request, number)


@router.delete("/releases/{number}/freeze", response=ReleaseShown, deprecated=True)
@needs(Act.SEAL_RELEASE)
def unfreeze_release(request: HttpRequest, number: Number) -> ReleaseShown:
    """The old name of ``/seal``."""
    return unseal_release(request, number)


@router.delete("/releases/{number}/seal", response=ReleaseShown)
@needs(Act.SEAL_RELEASE)
def unseal_release(request: HttpRequest, number: Number) -> ReleaseShown:
    """Open it for changes; every approval is void."""
    actor = actor_of(request)
    return release_shown(actor, approvals.unseal(actor=actor, release=queries.release(actor, number)))


@router.get("/releases/{number}/approvals", response=list[ApprovalShown])
@needs(Act.VIEW)
def list_approvals(request: HttpRequest, number: Number) -> list[ApprovalShown]:
    """The answers that count: those given to what is sealed now."""
    actor = actor_of(request)
    one = queries.release(actor, number)
    found = []
    for where in queries.whole_targets(one, actor):
        answers = queries.approvals(one, where)
        lapsed = lapsed_among(answers, where)
        found += [approval_shown(each, counts=each.pk not in lapsed) for each in answers]
    return found


@router.post("/releases/{number}/approvals", response={201: ApprovalShown})
@needs(Act.APPROVE)
def answer_release(request: HttpRequest, number: Number, given: Answer) -> Status[ApprovalShown]:
    """Approve or reject a release for one target."""
    actor = actor_of(request)
    say = approvals.approve if given.decision == "approve" else approvals.reject
    made = say(
        actor=actor,
        release=queries.release(actor, number),
        environment=environment(actor, given.environment),
        fingerprint=given.fingerprint,
        comment=given.comment,
    )
    return Status(201, approval_shown(made))


@router.get("/releases/{number}/readiness", response=list[ReadinessShown])
@needs(Act.VIEW)
def show_readiness(request: HttpRequest, number: Number) -> list[ReadinessShown]:
    """Everything that stands in the way, per target: who can clear it, and when it clears by itself."""
    actor = actor_of(request)
    return [readiness_shown(one) for one in queries.readiness(queries.release(actor, number), actor)]


@router.get("/releases/{number}/differences", response=list[DifferenceShown])
@needs(Act.VIEW)
def show_differences(request: HttpRequest, number: Number, asked: Query[EnvironmentAsked]) -> list[DifferenceShown]:
    """What it would change on a target: versions, commits, names of settings."""
    actor = actor_of(request)
    found = queries.differences(queries.release(actor, number), environment(actor, asked.environment), actor)
    return [difference_shown(one) for one in found]


@router.get("/releases/{number}/file", response=FileShown)
@needs(Act.VIEW)
def show_release_file(request: HttpRequest, number: Number) -> FileShown:
    """The release as ``release.yaml``."""
    actor = actor_of(request)
    one = queries.release(actor, number)
    queries.require_whole(one, actor)
    return FileShown(text=release_file(one))


@router.post("/releases/file/plan", response=list[ReleaseStepShown])
@needs(Act.CREATE_RELEASE)
def plan_release_file(request: HttpRequest, given: FileGiven) -> list[ReleaseStepShown]:
    """What applying a ``release.yaml`` would do. Nothing is changed."""
    return [_step(one) for one in plan_manifest(actor=actor_of(request), manifest=parse_release(given.text))]


@router.post("/releases/file/application", response=Applied)
@needs(Act.CREATE_RELEASE)
def apply_release_file(request: HttpRequest, given: FileGiven) -> Applied:
    """Make a release what a ``release.yaml`` says, all of it or nothing."""
    actor = actor_of(request)
    done = apply_manifest(actor=actor, manifest=parse_release(given.text))
    return Applied(release=release_shown(actor, done.release), steps=[_step(one) for one in done.steps])


def _step(one: Step) -> ReleaseStepShown:
    return ReleaseStepShown(verb=one.verb, what=one.what, detail=one.detail)
