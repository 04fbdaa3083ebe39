"""The application that a preview is: a copy of another one, with a configuration of its own."""

from __future__ import annotations

from django.db import transaction

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor
from fairway.applications.commands import save_configuration
from fairway.applications.models import Application
from fairway.applications.queries import latest_configuration
from fairway.applications.rules import EnvironmentLike
from fairway.applications.secrets import open_secrets
from fairway.shared.names import Invalid
from fairway.shared.urls import is_secret

INHERITED = "Inherited"  # the comment of a configuration that no person has changed since it was copied


@transaction.atomic
def copy_for_preview(
    *, actor: Actor, application: Application, environment: EnvironmentLike, slug: str, name: str, gets_secrets: bool
) -> Application:
    """An application with the same source and settings, for a preview in this environment. The caller records the event.
    Raises `Blocked`, or `Invalid` if there is one already."""
    require(actor, Act.DEPLOY, application=application.slug, environment=environment.slug)
    if Application.objects.filter(slug=slug, deleted_at=None).exists():
        raise Invalid("slug", "“{slug}” exists already; choose another name.", slug=slug)
    return Application.objects.create(
        slug=slug,
        name=name[:80],
        source_kind=application.source_kind,
        source=application.source,
        spec=application.spec,
        created_by=actor.name,
        preview_of=application,
        gets_secrets=gets_secrets,
    )


@transaction.atomic
def inherit_configuration(*, actor: Actor, preview: Application, environment: EnvironmentLike) -> None:
    """Give a preview what its application is configured with in the same environment, unless a person has changed the
    preview's own configuration. What must not get secrets gets none, and no variable that looks like one."""
    application, own = preview.preview_of, latest_configuration(preview, environment)
    assert application is not None
    latest = latest_configuration(application, environment)
    if (own is not None and not own.comment.startswith(INHERITED)) or (own is None and latest is None):
        return
    variables, secrets = dict(latest.variables if latest else {}), open_secrets(latest)
    if not preview.gets_secrets:
        variables = {key: value for key, value in variables.items() if not is_secret(key, value)}
        secrets = {}
    save_configuration(
        actor=actor,
        application=preview,
        environment=environment,
        variables=variables,
        secrets=secrets,
        removed_secrets=[key for key in (own.marks if own else {}) if key not in secrets],
        comment=f"{INHERITED} from {application.name}",
    )
