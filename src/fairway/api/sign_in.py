"""Sign-in providers. Their client secrets are write-only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from django.http import HttpRequest
from ninja import Schema
from ninja import Status as Answer
from pydantic import Field, SecretStr

from fairway.accounts.group_roles import shown
from fairway.accounts.models import SignInProvider
from fairway.accounts.password_policy import emergency_accounts, set_password_policy
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.provider_commands import SCOPES, remove_provider, save_provider, try_provider
from fairway.accounts.queries import is_two_step_required, who_may_use_passwords
from fairway.accounts.rules import Act
from fairway.accounts.sign_in_providers import get_provider, providers, redirect_uri
from fairway.accounts.sign_in_rules import GroupRole as Mapping
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Given, Slug, Text
from fairway.shared.names import LONGEST_APPLICATION

router = PermissionRouter(tags=["sign-in"])
RoleName = Literal["admin", "release_manager", "deployer", "viewer"]


class GroupRole(Given):
    """Members of `group` hold `role` from their next sign-in on: everywhere, or only in `environment` and/or for
    `application` (slugs). What is given no longer ends at once."""

    group: Text = Field(min_length=1, max_length=300)
    role: RoleName
    environment: str = Field("", max_length=40)
    application: str = Field("", max_length=LONGEST_APPLICATION)


class ProviderShown(Schema):
    """A sign-in provider without its client secret. `redirect_uri` must be registered there exactly so. One that
    `is_from_environment` is set where Fairway is started, and can only be changed there."""

    slug: str
    kind: Literal["openid", "github"]
    name: str
    issuer: str
    client_id: str
    has_secret: bool
    scopes: str
    domains: list[str]
    required_groups: list[str]
    groups_claim: str
    roles: list[GroupRole]
    admits: Literal["linked", "anybody"]
    default_role: str
    is_enabled: bool
    is_from_environment: bool
    redirect_uri: str


class ProviderWanted(Given):
    """Without `secret`, the stored one is kept; it is never sent to another issuer or for another client.

    `kind` stays what it was when the provider was added. For `github`, `issuer` is its address, `scopes` and `groups_claim`
    are ignored, and groups are organisations (`acme`) and teams (`acme/platform`).

    `admits`: `linked` lets in people who connected the provider in their profile, `anybody` creates accounts. With
    `domains`, only people with a verified mail address of one of them come in; with `required_groups`, only members of one.
    `groups_claim` may be a path with dots."""

    kind: Literal["openid", "github"] = "openid"
    name: Text = Field(max_length=80)
    issuer: Text = Field(max_length=300)
    client_id: Text = Field(max_length=300)
    secret: SecretStr | None = Field(None, max_length=500)
    scopes: Text = Field(SCOPES, max_length=300)
    domains: list[Text] = Field(default_factory=list, max_length=200)
    required_groups: list[Text] = Field(default_factory=list, max_length=200)
    groups_claim: Text = Field("", max_length=200)
    roles: list[GroupRole] = Field(default_factory=list, max_length=200)
    admits: Literal["linked", "anybody"] = "linked"
    default_role: Literal["", "admin", "release_manager", "deployer", "viewer"] = ""
    is_enabled: bool = True


class ProviderAnswered(Schema):
    """The provider answers as it should and knows the client. `signs_in_at` is where people will sign in."""

    signs_in_at: str


class PasswordPolicy(Given):
    """Who may sign in with a password: `everybody`, or `emergency` accounts only; others then come with a provider.

    Emergency accounts (user names) belong to administrators who have a password. `two_step_required`: whoever signs in with
    a password must also give a code of an authenticator app; left out, it stays as it is."""

    passwords: Literal["everybody", "emergency"]
    emergency: list[Text] = Field(default_factory=list, max_length=100)
    two_step_required: bool | None = None


def _policy() -> PasswordPolicy:
    emergency = list(emergency_accounts().values_list("username", flat=True))
    facts = {"passwords": who_may_use_passwords(), "two_step_required": is_two_step_required()}
    return PasswordPolicy.model_validate({**facts, "emergency": emergency})


def _shown(row: SignInProvider) -> ProviderShown:
    names = [name for name in ProviderShown.model_fields if name not in ("has_secret", "roles", "redirect_uri")]
    return ProviderShown(
        **{name: getattr(row, name) for name in names},
        has_secret=bool(row.sealed_secret),
        roles=[GroupRole.model_validate(asdict(one)) for one in shown(row)],
        redirect_uri=redirect_uri(row.slug),
    )


@router.get("/sign-in-providers", response=list[ProviderShown])
@needs(Act.MANAGE_SYSTEM)
def list_providers(request: HttpRequest) -> list[ProviderShown]:
    """Every sign-in provider, also those that the sign-in page does not offer."""
    return [_shown(row) for row in providers()]


@router.get("/sign-in-providers/{slug}", response=ProviderShown)
@needs(Act.MANAGE_SYSTEM)
def show_provider(request: HttpRequest, slug: Slug) -> ProviderShown:
    """One sign-in provider."""
    return _shown(get_provider(slug))


@router.put("/sign-in-providers/{slug}", response=ProviderShown)
@needs(Act.MANAGE_SYSTEM)
def put_provider(request: HttpRequest, slug: Slug, given: ProviderWanted, as_of: AsOf) -> ProviderShown:
    """Add a sign-in provider, or replace the one of this name."""
    values = given.model_dump(exclude={"secret", "roles"})
    secret = given.secret.get_secret_value() if given.secret is not None else None
    roles = [(one.group, Mapping(**one.model_dump()).grant) for one in given.roles]
    return _shown(save_provider(actor=actor_of(request), slug=slug, secret=secret, roles=roles, as_of=as_of, **values))


@router.delete("/sign-in-providers/{slug}", response={204: None})
@needs(Act.MANAGE_SYSTEM)
def delete_provider(request: HttpRequest, slug: Slug) -> Answer[None]:
    """Remove a sign-in provider, and the roles that its groups gave."""
    remove_provider(actor=actor_of(request), slug=slug)
    return Answer(204, None)


@router.post("/sign-in-providers/{slug}/trial", response=ProviderAnswered)
@needs(Act.MANAGE_SYSTEM)
def trial_of_provider(request: HttpRequest, slug: Slug) -> ProviderAnswered:
    """Ask the provider what can be known before anybody signs in; if something is wrong, the problem says what."""
    return ProviderAnswered(signs_in_at=try_provider(actor=actor_of(request), slug=slug))


@router.get("/password-policy", response=PasswordPolicy)
@needs(Act.MANAGE_SYSTEM)
def show_password_policy(request: HttpRequest) -> PasswordPolicy:
    """Who may sign in with a password."""
    return _policy()


@router.put("/password-policy", response=PasswordPolicy)
@needs(Act.MANAGE_SYSTEM)
def put_password_policy(request: HttpRequest, given: PasswordPolicy, as_of: AsOf) -> PasswordPolicy:
    """Say who may sign in with a password, whose accounts are emergency accounts, and whether a code must follow. Sessions
    go on, but whoever must set up two-step sign-in does that first."""
    set_password_policy(actor=actor_of(request), **given.model_dump(), as_of=as_of)
    return _policy()
