"""Installing an entry: an application with its configuration and its first deployment, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction

from fairway.accounts.rules import Actor
from fairway.activity.commands import record
from fairway.applications.commands import on_application, store_upload
from fairway.applications.models import Application
from fairway.applications.rules import SourceKind
from fairway.catalog.models import Installed
from fairway.catalog.openid import NewClient, register
from fairway.catalog.rules import Entry, Generated, filled, make_secrets, parse_answers
from fairway.catalog.shelf import packed
from fairway.deployments.commands.quick_start import create_and_deploy
from fairway.deployments.models import Deployment, public_url
from fairway.environments.models import Environment
from fairway.shared.names import Invalid, parse_slug, parse_text, slug_from


@dataclass(frozen=True)
class Installation:
    """What was begun. `passwords` are those of first administrators by variable; nobody is shown them again."""

    application: Application
    deployment: Deployment
    passwords: Mapping[str, str]


@transaction.atomic
def install(
    *,
    actor: Actor,
    entry: Entry,
    environment: Environment,
    name: str = "",
    answers: Mapping[str, str] | None = None,
    access: str = "",
    reason: str = "",
) -> Installation:
    """Create an application from an entry and ask for its first deployment. Raises `Blocked` or `Invalid`; then nothing has
    changed."""
    access = access or entry.access[0]
    if access not in entry.access:
        raise Invalid(
            "access", "“{access}” is not offered for {entry}; use {names}.",
            access=access[:40], entry=entry.title, names=", ".join(entry.access),
        )  # fmt: skip
    name = parse_text(name or entry.title, field="name", longest=80, required=True)
    slug = parse_slug(slug_from(name))
    given = parse_answers(entry, answers or {})
    variables = {**filled(entry, url=public_url(f"{slug}.{environment.host}"), person=actor.name), **given}
    secrets = make_secrets(entry)
    client = NewClient.new() if entry.openid else None
    if client and entry.openid:
        variables |= client.variables(entry.openid)
        secrets |= {entry.openid.client_secret: client.secret}
    stored = store_upload(actor=actor, name=f"{entry.id}-{entry.version}.tar", chunks=[packed(entry)])
    application, deployment = create_and_deploy(
        actor=actor,
        name=name,
        slug=slug,
        source_kind=SourceKind.ARCHIVE,
        source={"upload": stored.checksum, "name": f"{entry.title} {entry.version}"},
        environment=environment,
        variables=variables,
        secrets=secrets,
        reason=reason,
        access=access,
    )
    assert deployment is not None
    if client and entry.openid:
        register(new=client, application=application, environment=environment, callback=entry.openid.callback)
    installed = Installed.objects.create(
        application=application, entry=entry.id, version=entry.version, answers=given, installed_by=actor.name
    )
    after = {"entry": installed.entry, "version": installed.version, "environment": environment.slug}
    if client:
        after["openid_client"] = client.id
    record(who=actor.who, verb="application.installed", on=on_application(application), after=after)
    shown = {name: value for name, value in secrets.items() if entry.generate.get(name) is Generated.PASSWORD}
    return Installation(application, deployment, shown)
