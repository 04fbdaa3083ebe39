"""The context of an application's settings: how it runs, its source, its domains, its deletion."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may, role_blocker
from fairway.applications.models import Application
from fairway.deployments.commands.placements import deletion_blockers
from fairway.deployments.gate import Subject, blockers
from fairway.deployments.lost import volumes_for
from fairway.deployments.models import Placement
from fairway.deployments.queries import placements_visible_to
from fairway.shared.hostnames import readable_hostname
from fairway.shared.urls import without_secrets
from fairway.web.errors import shown
from fairway.web.presenters.acts import Button
from fairway.web.presenters.applications import head, spec_shown
from fairway.web.source_forms import GitForm, ImageForm, RunSettingsForm, run_values, volume_lines

SourceForm = ImageForm | GitForm


def settings_shown(
    actor: Actor,
    application: Application,
    form: RunSettingsForm | None = None,
    source_form: SourceForm | None = None,
    domain: dict[str, str] | None = None,
    keep: str = "",
) -> dict[str, Any]:
    """The context of ``applications/settings.html``. `domain`: {environment, value, error} of a refused domain; `keep`: the
    environment for whose written files volumes are suggested in the form."""
    placements = list(placements_visible_to(actor).filter(application=application))
    before = _built_last(application)
    kept = next((placement for placement in placements if placement.environment.slug == keep), None)
    values = _first_values(application) | ({"volumes": _volumes_keeping(application, kept)} if kept else {})
    return {
        **head(actor, application),
        "form": form or RunSettingsForm(initial=values),
        "kind": (application.spec or {}).get("kind") or before.get("kind", ""),
        "now": run_values(before),
        "source_form": source_form or source_form_of(application),
        "placements": [_addresses(actor, one, domain or {}) for one in placements],
        "delete": _delete(actor, application, placements),
    }


def _built_last(application: Application) -> dict[str, Any]:
    """The spec of its last artifact: which fields apply, and what empty ones mean."""
    newest = application.artifacts.order_by("-number").first()
    return dict(newest.spec) if newest else {}


def _first_values(application: Application) -> dict[str, Any]:
    """The initial values: what a person set."""
    return {**run_values(application.spec or {}), "name": application.name, "description": application.description}


def _volumes_keeping(application: Application, placement: Placement) -> str:
    """The volumes of its next version, and volumes for the files that it writes outside them."""
    spec = spec_shown(application) or {"volumes": []}
    volumes = [(one["name"], one["target"]) for one in spec["volumes"]]
    return volume_lines(volumes_for(placement.lost_writes, volumes))


def source_form_of(application: Application, posted: Any = None) -> SourceForm | None:
    """The form of its source; None for an upload, which is replaced by deploying another one."""
    source = application.source
    if application.source_kind == "image":
        return ImageForm(posted, initial={"reference": source.get("image", "")})
    if application.source_kind == "git":
        ref = source.get("ref", "HEAD")
        return GitForm(posted, initial={"url": without_secrets(source.get("url", "")), "ref": "" if ref == "HEAD" else ref})
    return None


def _addresses(actor: Actor, placement: Placement, domain: dict[str, str]) -> dict[str, Any]:
    where = [placement.application.slug, placement.environment.slug]
    is_refused = domain.get("environment") == placement.environment.slug
    return {
        "environment": placement.environment,
        "host": placement.host,
        "domains": [{"host": host, "remove": _remove(host, where)} for host in placement.domains],
        "access": placement.access,
        "domain_url": reverse("placement-domains", args=where),
        "access_url": reverse("placement-access", args=where),
        "blockers": shown(blockers(Act.ROUTE, Subject(placement.application, placement.environment, placement), actor)),
        "domain_error": domain["error"] if is_refused else "",
        "domain_value": domain["value"] if is_refused else "",
    }


def _remove(host: str, where: list[str]) -> Button:
    label = _("Remove %(host)s") % {"host": readable_hostname(host)}
    return Button(label, reverse("placement-domains", args=where), "x", "ghost", fields=[("remove", host)])


def _delete(actor: Actor, application: Application, placements: list[Placement]) -> dict[str, Any]:
    reasons = []
    if not may(actor, Act.DELETE_APPLICATION, application=application.slug):
        reasons.append(role_blocker(Act.DELETE_APPLICATION))
    if not reasons:
        reasons = deletion_blockers(application)
    volumes = [
        {"name": name, "environment": placement.environment.name, "size_bytes": None}
        for placement in placements
        if placement.current and placement.current.artifact
        for name, _target in placement.current.artifact.parsed_spec.volumes
    ]
    return {"url": reverse("application-delete", args=[application.slug]), "blockers": shown(reasons), "volumes": volumes}
