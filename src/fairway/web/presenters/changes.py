"""What a deployment changes: the commits between two versions, the names of settings that differ, and how the deployment
before it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairway.applications.models import Application, Artifact, Configuration
from fairway.applications.queries import changes_between
from fairway.deployments.models import Deployment
from fairway.deployments.rules import ENDED, shown_status
from fairway.drivers.forges.payloads import is_of
from fairway.drivers.forges.statuses import compare_url, forge_of
from fairway.pipelines.forge_queries import kind_of


def compared(application: Application, old: Artifact | None, new: Artifact | None) -> str:
    """The page of the forge that compares the commits of two versions; "" if they are not of one repository at a forge."""
    if old is None or new is None or not is_of([_address(old.source)], _address(new.source)):
        return ""
    return compared_with(application, old, new.commit, _address(new.source))


def compared_with(application: Application, old: Artifact | None, ref: str, address: str) -> str:
    """The same with a branch, tag or commit of the repository at this address."""
    if old is None or not old.commit or not is_of([_address(old.source)], address):
        return ""
    forge = forge_of(address) or kind_of(application)
    return compare_url(address, old.commit, ref, forge) if forge else ""


def _address(source: Mapping[str, Any]) -> str:
    return str(source.get("url", ""))


def changes_shown(deployment: Deployment) -> dict[str, Any]:
    """The context of ``parts/changes.html`` for a deployment: compared with what it replaces."""
    old = deployment.replaces
    return {
        "compare": compared(deployment.application, old.artifact if old else None, deployment.artifact),
        "old": _short(old.artifact if old else None),
        "new": _short(deployment.artifact),
        "keys": keys_shown(old.configuration, deployment.configuration) if old else [],
        "before": before_shown(deployment),
    }


def keys_shown(old: Configuration | None, new: Configuration | None) -> list[dict[str, str]]:
    """The names of the settings that differ, and how; never their values."""
    if old is not None and new is not None and old.pk == new.pk:
        return []
    return [{"name": each.name, "how": each.kind} for each in changes_between(old, new)]


def before_shown(deployment: Deployment) -> dict[str, Any] | None:
    """The deployment that ended before this one here, if it is not what this one replaces."""
    here = Deployment.objects.filter(application=deployment.application_id, environment=deployment.environment_id)
    found = here.filter(pk__lt=deployment.pk, status__in=ENDED).select_related("artifact").order_by("-pk").first()
    if found is None or found.pk == deployment.replaces_id:
        return None
    return {"id": found.pk, "version": found.version, "status": shown_status(found.status, is_current=False)}


def _short(artifact: Artifact | None) -> str:
    return (artifact.commit[:7] or artifact.version) if artifact else ""
