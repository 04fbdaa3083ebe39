"""The forges that can be told, and where each is. They are loaded once something is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from fairway.applications.secrets import open_credential, seal
from fairway.deployments.models import Deployment
from fairway.deployments.subjects import placement_of
from fairway.drivers.forges.contract import Forge, RefKind
from fairway.drivers.forges.statuses import LONGEST_DESCRIPTION, Place, Progress, Report, Reporter
from fairway.drivers.taking import NotTaken, Trouble
from fairway.pipelines.models import ForgeConnection, WebhookDelivery
from fairway.pipelines.report_rules import context_of, known_commit
from fairway.pipelines.repositories import credential_at

if TYPE_CHECKING:
    from fairway.drivers.forges.hooks import Hooks
    from fairway.drivers.posting import Line


def reporter_for(connection: ForgeConnection) -> Reporter:
    """What tells the forge of this connection. The guard of addresses is that of sources. Raises `NotTaken`."""
    from fairway.drivers.forges.github import Gitea, GitHub
    from fairway.drivers.forges.gitlab import GitLab

    made: dict[Forge, Callable[[Line, Place], Reporter]] = {
        Forge.GITHUB: GitHub,
        Forge.GITLAB: GitLab,
        Forge.GITEA: Gitea,
    }
    place = _place_of(connection)
    return made[place.forge](_line(), place)


def hooks_for(connection: ForgeConnection) -> Hooks:
    """The webhooks of the repository of this connection. Raises `NotTaken`."""
    from fairway.drivers.forges.hooks import GiteaHooks, GitHubHooks, GitLabHooks

    made: dict[Forge, Callable[[Line, Place], Hooks]] = {
        Forge.GITHUB: GitHubHooks,
        Forge.GITLAB: GitLabHooks,
        Forge.GITEA: GiteaHooks,
    }
    place = _place_of(connection)
    return made[place.forge](_line(), place)


def _place_of(connection: ForgeConnection) -> Place:
    forge = Forge(connection.kind)
    if not connection.credential:
        return Place(forge, connection.api_url, connection.project, seal().open(connection.sealed_token))
    credential = credential_at(connection.application.slug, connection.credential, forge, connection.api_url)
    if credential is None:
        host = urlsplit(connection.api_url).hostname or ""
        raise NotTaken(Trouble.NO_CREDENTIAL, host=host, answer=connection.credential)
    return Place(forge, connection.api_url, connection.project, open_credential(credential))


def _line() -> Line:
    from fairway.drivers.addresses import POLICIES
    from fairway.drivers.posting import Line

    return Line(POLICIES[settings.SOURCE_ADDRESSES])


def commit_of(deployment: Deployment) -> str:
    """The commit that it deploys, "" while that is not known."""
    artifact = deployment.artifact
    return known_commit(artifact.commit if artifact else "", deployment.source.get("ref", ""))


def report_of(deployment: Deployment, progress: Progress) -> Report:
    """What the forge is told, in the installation's language. It names nothing that a secret could be part of."""
    environment = deployment.environment
    placement = placement_of(deployment.application, environment) if progress is Progress.SUCCESS else None
    ref, is_tag = _ref_of(deployment)
    is_preview = deployment.application.preview_of_id is not None
    preview = deployment.application.slug.partition("--")[0] if is_preview else ""
    return Report(
        progress=progress,
        commit=commit_of(deployment),
        context=context_of("preview" if is_preview else environment.slug),
        environment=f"{environment.slug}/{preview}" if is_preview else environment.slug,  # GitLab allows few signs in it
        is_production=environment.slug == "production",
        is_transient=is_preview,
        page=page_of(deployment.pk),
        description=_description(deployment, progress)[:LONGEST_DESCRIPTION],
        url=placement.url if placement else "",
        ref=ref,
        is_tag=is_tag,
    )


def page_of(number: int) -> str:
    """The address of a deployment's page, by which forges link to it and by which it is found again there."""
    return f"{settings.PUBLIC_URL}{reverse('deployment-detail', args=[number])}"


def _description(deployment: Deployment, progress: Progress) -> str:
    with translation.override(settings.LANGUAGE_CODE):
        said = {
            Progress.QUEUED: _("Waits to be deployed to %(environment)s"),
            Progress.IN_PROGRESS: _("Is being deployed to %(environment)s"),
            Progress.SUCCESS: _("Deployed to %(environment)s"),
            Progress.FAILURE: _("The deployment to %(environment)s failed"),
            Progress.ERROR: _("The deployment to %(environment)s could not be carried out"),
            Progress.CANCELLED: _("The deployment to %(environment)s was cancelled"),
            Progress.INACTIVE: _("Followed by another version in %(environment)s"),
        }
        return said[progress] % {"environment": deployment.environment.name}


def _ref_of(deployment: Deployment) -> tuple[str, bool]:
    """The branch or tag that was deployed, and whether it is a tag: what was pushed, else that of the application."""
    if preview := deployment.previews.first():
        return preview.branch, False
    push = WebhookDelivery.objects.filter(deployment=deployment).exclude(ref="").order_by("-pk").first()
    if push is not None:
        return push.ref, push.ref_kind == RefKind.TAG
    return str(deployment.application.source.get("ref") or "HEAD"), False
