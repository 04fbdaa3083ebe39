"""Commands on stored credentials (a registry's password, a deploy key, a token for Git over HTTPS) and their scopes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Act, Actor, Blocked, NotVisible, Reach, reach_of, role_blocker
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.applications.models import Application, Credential, CredentialScope
from fairway.applications.queries import get_credential, scope_of, visible_to
from fairway.applications.secrets import seal
from fairway.shared.hostnames import registry_in
from fairway.shared.names import Invalid, parse_hostname, parse_slug, parse_text

Pair = tuple[str, str]  # of slugs: application, environment


@transaction.atomic
def save_credential(
    *,
    actor: Actor,
    kind: str,
    name: str,
    host: str,
    secret: str,
    username: str = "",
    known_hosts: str = "",
    public_key: str = "",
    scopes: Iterable[Pair] | None = None,
) -> Credential:
    """Store or replace (by name) a registry password, a deploy key or a token for Git over HTTPS. The secret is never
    shown again.

    `scopes` are the pairs (application, environment) for which it may be used: slugs, "" for all. Without `scopes`, a new
    credential may be used wherever the actor manages credentials; a replaced one keeps its scopes. Raises `Blocked` or
    `Invalid`.
    """
    known = _own_credential(actor, name)
    if kind not in {Credential.REGISTRY, Credential.DEPLOY_KEY, Credential.HTTPS}:
        raise Invalid("kind", "use registry, deploy_key or https.")
    if not secret.strip():
        raise Invalid("secret", "is empty.")
    if kind == Credential.DEPLOY_KEY and "PRIVATE KEY" not in secret:
        raise Invalid("secret", "is not a private key; paste the whole file, starting with “-----BEGIN”.")
    if kind == Credential.HTTPS and not secret.isprintable():
        raise Invalid("secret", "holds a line break or another control character; a token is one line.")
    clean_name = parse_slug(name, field="name", longest=80)
    values = {
        "kind": kind,
        "host": _parse_registry_host(host),
        "username": parse_text(username, field="username", longest=200, required=kind == Credential.REGISTRY),
        "sealed_secret": seal().seal(secret.strip() + "\n" if kind == Credential.DEPLOY_KEY else secret),
        "known_hosts": parse_text(known_hosts, field="known_hosts", longest=20_000),
        "public_key": parse_text(public_key, field="public_key", longest=20_000),
        "created_by": actor.name,
    }
    wanted = parse_scopes(actor, scopes) if scopes is not None else scope_of(known) if known else _own_scope(actor)
    credential, is_new = Credential.objects.update_or_create(name=clean_name, defaults=values)
    _set_scope(credential, wanted)
    verb = "credential.created" if is_new else "credential.replaced"
    after = {
        "kind": kind,
        "host": credential.host,
        "username": credential.username,
        "secret": seal().mark(secret),
        "scopes": scope_words(wanted),
    }
    record(who=actor.who, verb=verb, on=On("credential", credential.pk, clean_name), after=after)
    return credential


@transaction.atomic
def scope_credential(*, actor: Actor, name: str, scopes: Iterable[Pair]) -> Credential:
    """Replace the scopes of a stored credential. Raises `Blocked`, `Invalid` or `NotVisible`."""
    credential = _seen_credential(actor, name)
    before, wanted = scope_of(credential), parse_scopes(actor, scopes)
    _set_scope(credential, wanted)
    record(
        who=actor.who,
        verb="credential.scoped",
        on=On("credential", credential.pk, name),
        before={"scopes": scope_words(before)},
        after={"scopes": scope_words(wanted)},
    )
    return credential


@transaction.atomic
def delete_credential(*, actor: Actor, name: str) -> None:
    """Delete a credential. Raises `Blocked`, `NotVisible`, or `Invalid` while an application's source names it."""
    credential = _seen_credential(actor, name)
    users = [
        application.slug
        for application in Application.objects.filter(deleted_at=None)
        if application.source.get("credential") == name
    ]
    if users:
        seen = set(visible_to(actor).filter(slug__in=users).values_list("slug", flat=True))
        names = ", ".join(sorted(seen)) or "another application"
        raise Invalid("name", "is used by {names}; choose another credential there first.", names=names)
    record(who=actor.who, verb="credential.deleted", on=On("credential", credential.pk, name))
    credential.delete()


def parse_scopes(actor: Actor, scopes: Iterable[Pair]) -> Reach:
    """The scopes, checked: the slugs exist, and the actor manages credentials there. Raises `Blocked` or `Invalid`."""
    found = Reach(frozenset(scopes))
    if not found.pairs:
        raise Invalid("scopes", "is empty; choose at least one application or environment, or all of them.")
    there = _environments().filter(reached(reach_of(actor), environment="slug"))
    for application, environment in found.pairs:
        if application and not visible_to(actor).filter(slug=application).exists():
            raise Invalid("scopes", "there is no application “{name}”, or you may not see it.", name=application[:40])
        if environment and not there.filter(slug=environment).exists():
            raise Invalid("scopes", "there is no environment “{name}”, or you may not see it.", name=environment[:40])
    _require_scope(actor, found)
    return found


def scope_words(scope: Reach) -> list[str]:
    """The scopes as events show them: ``shop in production``, ``* in *``."""
    return sorted(f"{application or '*'} in {environment or '*'}" for application, environment in scope.pairs)


def _own_scope(actor: Actor) -> Reach:
    reach = reach_of(actor, Act.MANAGE_CREDENTIALS)
    if not reach.pairs:
        raise Blocked([role_blocker(Act.MANAGE_CREDENTIALS)])
    return reach


def _require_scope(actor: Actor, scope: Reach) -> None:
    """Raise `Blocked` unless the actor manages credentials in the whole scope."""
    if not scope.pairs or not reach_of(actor, Act.MANAGE_CREDENTIALS).holds(scope):
        raise Blocked([role_blocker(Act.MANAGE_CREDENTIALS)])


def _own_credential(actor: Actor, name: str) -> Credential | None:
    """The stored credential of this name, locked, if the actor may change it; None if there is none. Raises `Blocked`.

    An actor who may not see it still learns that the name is taken, because names are unique.
    """
    found = Credential.objects.select_for_update(no_key=True).filter(name=name.strip()).first()
    if found is not None and not reach_of(actor, Act.MANAGE_CREDENTIALS).is_everything:
        _require_scope(actor, scope_of(found))
    return found


def _seen_credential(actor: Actor, name: str) -> Credential:
    """Like `_own_credential`, but raises `NotVisible` if the actor may not see it."""
    get_credential(actor, name)
    found = _own_credential(actor, name)
    if found is None:
        raise NotVisible("credential", name)
    return found


def _set_scope(credential: Credential, scope: Reach) -> None:
    applications = dict(Application.objects.filter(deleted_at=None).values_list("slug", "pk"))
    environments = dict(_environments().values_list("slug", "pk"))
    credential.scopes.all().delete()
    for application, environment in sorted(scope.pairs):
        CredentialScope.objects.create(
            credential=credential,
            application_id=applications[application] if application else None,
            environment_id=environments[environment] if environment else None,
        )


def _environments() -> QuerySet[Any]:
    """The environments that are not deleted, through the scope table's relation, because this room must not import
    theirs."""
    found: QuerySet[Any] = apps.get_model("fairway", "Environment").objects.filter(deleted_at=None)
    return found


def _parse_registry_host(text: str) -> str:
    host, colon, port = text.strip().lower().partition(":")
    if colon and not (port.isdigit() and 0 < int(port) < 65536):
        raise Invalid("host", "has a port that is not a number from 1 to 65535.")
    if host.replace(".", "").isdigit():
        return text.strip()  # an IP address: registries in private networks often have no name
    return registry_in(parse_hostname(host, field="host") + (colon + port))
