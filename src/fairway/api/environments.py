"""Environments: create, edit, lock, delete."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import LARGEST, Given, LockShown, Moment, ShownFacts, Slug
from fairway.drivers.hosts.keys import fingerprint
from fairway.environments.commands import (
    EDITABLE,
    MOST_APPROVAL_DAYS,
    MOST_APPROVALS,
    MOST_PROVEN_HOURS,
    create_environment,
    delete_environment,
    edit_environment,
    lock_environment,
    unlock_environment,
)
from fairway.environments.hosts import confirm_host_key, request_check
from fairway.environments.models import Environment, Host
from fairway.environments.protection import protection_sentences
from fairway.environments.queries import environment_names, get_environment, host_of, proof_name, visible_to
from fairway.environments.rules import Strategy, WhenWorse
from fairway.environments.runtimes import availability_of
from fairway.environments.secrets import masked_options

router = PermissionRouter(tags=["environments"])


class EnvironmentShown(Schema):
    """`status` is ``available`` or ``locked``; `position` is the position in the promotion order, lower first.

    The other fields are its protection. `approvals_needed` people must approve a release or a deployment before it comes
    here, within `approval_days`: those with one of `approval_roles` or named in `approval_people`, or, if both are empty,
    Release Managers and Admins. With `needs_ready`, packages must be Ready. `deploy_roles` and `deploy_people` narrow who
    may deploy here. With `only_releases`, single deployments are refused. What comes here must have been healthy in the
    environment `proven_in` for `proven_hours` without interruption. `protection` describes all of this in sentences.

    `strategy` says how a new version gets the requests: ``all`` at once, or as a ``canary``, in growing shares, as long as
    it answers no worse than the one before. `when_worse` says what happens if it answers worse in its first minutes:
    ``tell`` (an event that channels can hear of), ``roll_back`` as well, or ``ignore``.
    """

    slug: str
    name: str
    host: str
    url: str
    description: str
    position: int
    runtime: str
    options: ShownFacts
    lane: str
    approvals_needed: int
    approval_roles: list[str]
    approval_people: list[str]
    approval_days: int
    needs_ready: bool
    deploy_roles: list[str]
    deploy_people: list[str]
    only_releases: bool
    proven_in: str
    proven_hours: int
    strategy: str
    when_worse: str
    protection: list[str]
    status: str
    lock: LockShown | None
    created_at: datetime


class WallShown(Schema):
    """One wall around applications: ``user``, ``files``, ``view`` or ``ports``."""

    name: str
    stands: bool
    sentence: str


class RuntimeShown(Schema):
    is_available: bool
    sentence: str
    version: str
    walls: list[WallShown]


class HostShown(Schema):
    """A Docker host reached over SSH. `state` is ``asking``, ``unconfirmed``, ``changed``, ``away`` or ``connected``;
    `public_key` is Fairway's, for the host's authorized keys; `fingerprint` is that of the host's confirmed key,
    `shown_fingerprint` that of the key it offers now, which a person must confirm."""

    address: str
    state: str
    sentence: str
    detail: str
    public_key: str
    fingerprint: str
    shown_fingerprint: str
    confirmed_by: str
    confirmed_at: datetime | None
    seen_at: datetime | None


class EnvironmentDetail(EnvironmentShown):
    """With whether its runtime can be used right now, and the host over SSH it runs on, if it does."""

    runtime_now: RuntimeShown
    ssh_host: HostShown | None


class KeyConfirmation(Given):
    """The fingerprint that a person compared with the host's own."""

    fingerprint: str = Field(max_length=100)


class EnvironmentWanted(Given):
    name: str = Field(max_length=80)
    host: str = Field(max_length=253)
    slug: str = Field("", max_length=40)
    url: str = Field("", max_length=300)
    description: str = Field("", max_length=2000)
    position: int | None = Field(None, ge=0, le=1_000_000)
    runtime: str = Field("process", max_length=40)
    options: dict[str, Any] = {}
    lane: str = Field("default", max_length=40)


class EnvironmentChanges(Given):
    """What is left out stays. An empty `proven_in` asks for no proof any more."""

    name: str | None = Field(None, max_length=80)
    host: str | None = Field(None, max_length=253)
    url: str | None = Field(None, max_length=300)
    description: str | None = Field(None, max_length=2000)
    position: int | None = Field(None, ge=0, le=LARGEST)
    runtime: str | None = Field(None, max_length=40)
    options: dict[str, Any] | None = None
    lane: str | None = Field(None, max_length=40)
    approvals_needed: int | None = Field(None, ge=0, le=MOST_APPROVALS)
    approval_roles: list[str] | None = Field(None, max_length=10)
    approval_people: list[str] | None = Field(None, max_length=100)
    approval_days: int | None = Field(None, ge=1, le=MOST_APPROVAL_DAYS)
    needs_ready: bool | None = None
    deploy_roles: list[str] | None = Field(None, max_length=10)
    deploy_people: list[str] | None = Field(None, max_length=100)
    only_releases: bool | None = None
    proven_in: str | None = Field(None, max_length=40)
    proven_hours: int | None = Field(None, ge=0, le=MOST_PROVEN_HOURS)
    strategy: Strategy | None = None
    when_worse: WhenWorse | None = None


class LockWanted(Given):
    """`until` is when it ends by itself; left out, it holds until somebody unlocks."""

    reason: str = Field(max_length=500)
    until: Moment | None = None


def shown(environment: Environment, names: Mapping[str, str] | None = None) -> EnvironmentShown:
    return EnvironmentShown(**_facts(environment, names))


def _facts(environment: Environment, names_of: Mapping[str, str] | None = None) -> dict[str, Any]:
    names = ("slug", "created_at", *EDITABLE)
    lock = environment.lock
    return {
        **{name: getattr(environment, name) for name in names},
        "options": masked_options(environment.options),
        "protection": protection_sentences(environment, names_of if names_of is not None else proof_name(environment)),
        "status": environment.status,
        "lock": LockShown(owner=lock.owner, reason=lock.reason, at=lock.at, until=lock.until) if lock else None,
    }


def _detail(environment: Environment) -> EnvironmentDetail:
    answer = availability_of(environment)
    walls = [WallShown(name=layer.name, stands=layer.stands, sentence=layer.sentence) for layer in answer.layers]
    now = RuntimeShown(is_available=answer.is_available, sentence=answer.sentence, version=answer.version, walls=walls)
    host = host_of(environment)
    return EnvironmentDetail(**_facts(environment), runtime_now=now, ssh_host=_host(host) if host else None)


def _host(host: Host) -> HostShown:
    names = ("address", "detail", "public_key", "confirmed_by", "confirmed_at", "seen_at")
    return HostShown(
        **{name: getattr(host, name) for name in names},
        state=host.state,
        sentence=host.sentence,
        fingerprint=fingerprint(host.host_key),
        shown_fingerprint=fingerprint(host.offered_key),
    )


@router.get("/environments", response=list[EnvironmentShown])
@needs(Act.VIEW)
def list_environments(request: HttpRequest) -> list[EnvironmentShown]:
    """Every environment you may see, in promotion order."""
    names = environment_names()
    return [shown(one, names) for one in visible_to(actor_of(request))]


@router.post("/environments", response={201: EnvironmentDetail})
@needs(Act.CREATE_ENVIRONMENT)
def make_environment(request: HttpRequest, given: EnvironmentWanted) -> Status[EnvironmentDetail]:
    """Create an environment."""
    return Status(201, _detail(create_environment(actor=actor_of(request), **given.dict())))


@router.get("/environments/{slug}", response=EnvironmentDetail)
@needs(Act.VIEW)
def show_environment(request: HttpRequest, slug: Slug) -> EnvironmentDetail:
    """One environment, and whether its runtime can be used right now."""
    return _detail(get_environment(actor_of(request), slug))


@router.patch("/environments/{slug}", response=EnvironmentDetail)
@needs(Act.EDIT_ENVIRONMENT)
def change_environment(request: HttpRequest, slug: Slug, given: EnvironmentChanges, as_of: AsOf) -> EnvironmentDetail:
    """Change an environment; what is left out stays."""
    actor = actor_of(request)
    changes = {name: value for name, value in given.dict(exclude_unset=True).items() if value is not None}
    return _detail(edit_environment(actor=actor, environment=get_environment(actor, slug), as_of=as_of, **changes))


@router.delete("/environments/{slug}", response={204: None})
@needs(Act.DELETE_ENVIRONMENT)
def remove_environment(request: HttpRequest, slug: Slug) -> Status[None]:
    """Delete an environment nothing is placed in."""
    actor = actor_of(request)
    delete_environment(actor=actor, environment=get_environment(actor, slug))
    return Status(204, None)


@router.post("/environments/{slug}/lock", response={201: EnvironmentDetail})
@needs(Act.LOCK_ENVIRONMENT)
def lock(request: HttpRequest, slug: Slug, given: LockWanted) -> Status[EnvironmentDetail]:
    """Lock an environment: nothing new starts there; what runs finishes."""
    actor = actor_of(request)
    row = lock_environment(actor=actor, environment=get_environment(actor, slug), reason=given.reason, until=given.until)
    return Status(201, _detail(row))


@router.delete("/environments/{slug}/lock", response=EnvironmentDetail)
@needs(Act.LOCK_ENVIRONMENT)
def unlock(request: HttpRequest, slug: Slug) -> EnvironmentDetail:
    """Unlock an environment. No error when it is not locked."""
    actor = actor_of(request)
    return _detail(unlock_environment(actor=actor, environment=get_environment(actor, slug)))


@router.post("/environments/{slug}/host/look", response={202: EnvironmentDetail})
@needs(Act.EDIT_ENVIRONMENT)
def look_at_host(request: HttpRequest, slug: Slug) -> Status[EnvironmentDetail]:
    """Have the environment's host over SSH looked at now; what comes of it is in the environment's `ssh_host`."""
    actor = actor_of(request)
    one = get_environment(actor, slug)
    request_check(actor=actor, environment=one)
    return Status(202, _detail(one))


@router.put("/environments/{slug}/host/key", response=EnvironmentDetail)
@needs(Act.EDIT_ENVIRONMENT)
def confirm_key(request: HttpRequest, slug: Slug, given: KeyConfirmation) -> EnvironmentDetail:
    """Confirm the key that the environment's host over SSH shows; from now on it must show this one."""
    actor = actor_of(request)
    one = get_environment(actor, slug)
    confirm_host_key(actor=actor, environment=one, fingerprint_seen=given.fingerprint)
    return _detail(one)
