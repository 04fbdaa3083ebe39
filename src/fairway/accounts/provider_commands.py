"""Commands on sign-in providers: save, try, remove. The client secret is sealed and never shown."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.db import transaction

from fairway.accounts.commands import parse_role, refuse_lockout, refuse_no_way_in, require
from fairway.accounts.group_roles import as_pairs, stored, take_at_once
from fairway.accounts.group_roles import shown as mappings_shown
from fairway.accounts.mailing import seal
from fairway.accounts.models import SignInProvider
from fairway.accounts.provider_troubles import trouble_words
from fairway.accounts.rules import Act, Actor
from fairway.accounts.sign_in_providers import client_of, get_provider, line, speaks
from fairway.accounts.sign_in_rules import is_open, parse_domains, parse_groups, parse_issuer, parse_roles
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.drivers.identity.trouble import Untrusted
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid, parse_slug, parse_text

SCOPES = "openid email profile"
GITHUB_SCOPES = ("read:user", "user:email")
FIXED = "is set where Fairway is started (FAIRWAY_SIGN_IN_…); change it there."
ADMITS = (SignInProvider.LINKED, SignInProvider.ANYBODY)


def on_provider(provider: SignInProvider) -> On:
    return On("sign_in", provider.pk, provider.name)


@transaction.atomic
def save_provider(
    *,
    actor: Actor,
    slug: str,
    name: str,
    issuer: str,
    client_id: str,
    kind: str = SignInProvider.OPENID,
    secret: str | None = None,
    scopes: str = SCOPES,
    domains: Sequence[str] = (),
    required_groups: Sequence[str] = (),
    groups_claim: str = "",
    roles: Sequence[Sequence[str]] = (),
    admits: str = SignInProvider.LINKED,
    default_role: str = "",
    is_enabled: bool = True,
    is_new: bool = False,
    is_from_environment: bool = False,
    as_of: int | None = None,
) -> SignInProvider:
    """Add the provider `slug`, or change it; its `kind` stays. `roles` are pairs of a group and what it gives, for example
    “deployer@staging/shop”; what groups give no longer is taken from everybody at once.

    `secret` None keeps the stored one, but it is never sent to another provider or
    for another client: with a new issuer or client ID it must be given again. With `is_new`, a slug in use is refused. One
    that is set where Fairway is started can only be changed there (`is_from_environment`). Nothing is recorded if nothing
    changes.

    Raises `Blocked`, also if nobody could sign in any more, `Invalid`, or `Changed` when somebody changed it since event
    `as_of`.
    """
    require(actor, Act.MANAGE_SYSTEM)
    require(actor, Act.MANAGE_PEOPLE)  # it gives roles
    parse_slug(slug)
    row = SignInProvider.objects.select_for_update(no_key=True).filter(slug=slug).first() or SignInProvider(slug=slug)
    if is_new and row.pk:
        raise Invalid("slug", "“{name}” is taken.", name=slug)
    if row.is_from_environment and not is_from_environment:
        raise Invalid("slug", FIXED)
    refuse_stale(as_of, "sign_in.provider_saved", subject_kind="sign_in", subject_id=str(row.pk or 0))
    before = facts(row)
    kept_for = (row.issuer, row.client_id)
    row.kind = _kind(row, kind)
    row.name = parse_text(name, field="name", longest=80, required=True)
    row.issuer = parse_issuer(issuer)
    row.client_id = parse_text(client_id, field="client_id", longest=300, required=True)
    row.domains = parse_domains(domains)
    row.required_groups, row.roles = parse_groups(required_groups), stored(parse_roles(roles))
    if row.kind == SignInProvider.GITHUB:
        _as_github_says(row)
    else:
        row.scopes = _scopes(scopes)
        row.groups_claim = parse_text(groups_claim, field="groups_claim", longest=200)
        if (row.roles or row.required_groups) and not row.groups_claim:
            raise Invalid("groups_claim", "is empty; name the claim that lists somebody's groups, e.g. “groups”.")
    if admits not in ADMITS:
        raise Invalid("admits", "must be linked or anybody.")
    row.admits = admits
    row.default_role = parse_role(default_role) if default_role else ""
    row.is_enabled = is_enabled
    if admits == SignInProvider.ANYBODY and is_open(row.issuer) and not (row.domains or row.required_groups):
        host = urlsplit(row.issuer).hostname
        raise Invalid("admits", "would let in everybody with an account at {host}; name domains or groups.", host=host)
    row.sealed_secret = _secret(row, kept_for, secret)
    row.is_from_environment = is_from_environment
    row.save()
    if take_at_once(actor, row):
        refuse_no_way_in()
    refuse_lockout()
    if (after := facts(row)) != before:
        record(who=actor.who, verb="sign_in.provider_saved", on=on_provider(row), before=before, after=after)
    return row


@transaction.atomic
def remove_provider(*, actor: Actor, slug: str) -> None:
    """Remove a provider, and the roles that its groups gave. People keep their accounts, and what they are known as there.

    Raises `Blocked`, also if nobody would remain Admin, `Invalid` if it is set where Fairway is started, or `NotVisible`.
    """
    require(actor, Act.MANAGE_SYSTEM)
    require(actor, Act.MANAGE_PEOPLE)
    row = get_provider(slug)
    if row.is_from_environment:
        raise Invalid("slug", FIXED)
    before, on = facts(row), on_provider(row)
    row.delete()
    refuse_no_way_in()
    record(who=actor.who, verb="sign_in.provider_removed", on=on, before=before)


def try_provider(*, actor: Actor, slug: str) -> str:
    """Ask the provider everything that can be known before somebody signs in; returns the address at which people will
    sign in. Changes nothing. Raises `Blocked`, `NotVisible`, or `Refused`, which says what is wrong."""
    require(actor, Act.MANAGE_SYSTEM)
    row = get_provider(slug)
    try:
        return speaks(row).try_out(client_of(row), line())
    except Untrusted as problem:
        raise Refused(trouble_words(problem)) from None


@transaction.atomic
def reseal_providers() -> int:
    """Seal the stored client secrets with the newest key; returns how many there are."""
    rows = SignInProvider.objects.exclude(sealed_secret="").select_for_update(no_key=True)
    for row in rows:
        row.sealed_secret = seal().reseal(row.sealed_secret)
        row.save(update_fields=["sealed_secret"])
    return len(rows)


def facts(row: SignInProvider) -> dict[str, object]:
    """The provider as events show it; of the secret only a mark that tells whether it changed."""
    if not row.pk:
        return {}
    names = (
        "kind",
        "name",
        "issuer",
        "client_id",
        "scopes",
        "domains",
        "required_groups",
        "groups_claim",
        "roles",
        "admits",
    )
    mark = seal().mark(seal().open(row.sealed_secret)) if row.sealed_secret else ""
    shown = {name: getattr(row, name) for name in (*names, "default_role")}
    shown["roles"] = as_pairs(mappings_shown(row))
    return {**shown, "is_enabled": row.is_enabled, "client_secret": mark}


def _kind(row: SignInProvider, kind: str) -> str:
    if kind not in (SignInProvider.OPENID, SignInProvider.GITHUB):
        raise Invalid("kind", "must be openid or github.")
    if row.pk and kind != row.kind:
        raise Invalid("kind", "cannot be changed; remove “{name}” and add it again.", name=row.slug)
    return kind


def _as_github_says(row: SignInProvider) -> None:
    """GitHub ignores the case of names, knows scopes of its own, and has no claims. Only what is needed is asked for."""
    row.required_groups = sorted({group.lower() for group in row.required_groups})
    row.roles = [[group.lower(), *given] for group, *given in row.roles]
    row.issuer, row.groups_claim = row.issuer.lower().rstrip("/"), ""
    row.scopes = " ".join([*GITHUB_SCOPES, *(["read:org"] if row.required_groups or row.roles else [])])


def _scopes(text: str) -> str:
    found = list(dict.fromkeys(text.split())) or SCOPES.split()
    if "openid" not in found:
        raise Invalid("scopes", "must contain “openid”; without it, a provider does not say who somebody is.")
    if not all(scope.isascii() and scope.isprintable() and '"' not in scope and "\\" not in scope for scope in found):
        raise Invalid("scopes", "must be words with spaces between them, e.g. “openid email profile groups”.")
    return parse_text(" ".join(found), field="scopes", longest=300)


def _secret(row: SignInProvider, kept_for: tuple[str, str], secret: str | None) -> str:
    if secret:
        if not secret.isprintable() or len(secret) > 500:
            raise Invalid("secret", "must be one line of at most 500 characters.")
        return seal().seal(secret)
    if not row.sealed_secret:
        raise Invalid("secret", "is missing; the provider shows it when you register Fairway there.")
    if kept_for != (row.issuer, row.client_id):
        raise Invalid("secret", "is needed again: the stored one is never sent to another provider or for another client.")
    return row.sealed_secret
