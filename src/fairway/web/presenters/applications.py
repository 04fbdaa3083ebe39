"""Contexts of the list of applications and of one application's pages."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import OuterRef, Subquery

from fairway.accounts.rules import Act, Actor, may, may_somewhere
from fairway.applications.models import Application
from fairway.applications.queries import artifacts_of, visible_to
from fairway.deployments.models import Placement
from fairway.deployments.queries import placements_visible_to
from fairway.deployments.queries import visible_to as deployments_visible_to
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.spec_rules import command_text, health_text
from fairway.insights.matrix import placement_state
from fairway.insights.rows import rows
from fairway.pipelines.preview_queries import preview_of
from fairway.shared.names import image_repository
from fairway.shared.urls import without_secrets
from fairway.web.failure_words import finding_in_words
from fairway.web.presenters.catalog import entry_of
from fairway.web.presenters.placements import placements_shown

KIND_ICONS = {"image": "image", "git": "git", "archive": "upload"}
RECENT = 6


def overview(actor: Actor, application: Application) -> dict[str, Any]:
    """The whole context of ``applications/detail.html``."""
    return {
        **recent(actor, application),
        **head(actor, application),
        "placements": placements_shown(actor, application),
        "spec": spec_shown(application),
    }


def recent(actor: Actor, application: Application) -> dict[str, Any]:
    found = deployments_visible_to(actor).filter(application=application)[:RECENT]
    return {"application": application, "recent": rows(list(found))}


def spec_shown(application: Application) -> dict[str, Any] | None:
    """How it runs: the newest artifact's spec with the person's later changes."""
    newest = artifacts_of(application).first()
    if newest is None:
        return None
    spec = Spec.from_json({**newest.spec, **(application.spec or {})})
    return {
        "framework": finding_in_words(spec.framework),
        "command": command_text(spec.command),
        "port": spec.port,
        "health": health_text(spec.to_json()),
        "start_seconds": spec.start_seconds,
        "memory_bytes": spec.memory_bytes,
        "cpus": spec.cpus,
        "release": command_text(spec.release),
        "sticky": spec.sticky,
        "services": [
            {
                "name": name,
                "command": command_text(tuple(one.get("command") or ())),
                "image": image_repository(one.get("image", "")),
                "digest": one.get("image", "").partition("@")[2],
            }
            for name, one in spec.services.items()
        ],
        "volumes": [{"name": name, "target": target} for name, target in spec.volumes],
    }


def source_text(kind: str, source: dict[str, Any]) -> str:
    """A source in one line."""
    if kind == "image":
        return str(source.get("image", ""))
    if kind == "git":
        ref, url = source.get("ref", "HEAD"), without_secrets(str(source.get("url", "")))
        return f"{url}#{ref}" if ref != "HEAD" else url
    return without_secrets(str(source.get("name") or source.get("url") or source.get("upload", "")[:12]))


def head(actor: Actor, application: Application) -> dict[str, Any]:
    """The context of ``applications/base.html``, for every tab."""
    icon = KIND_ICONS[application.source_kind]
    url = without_secrets(str(application.source.get("url", "")))
    return {
        "application": {
            "slug": application.slug,
            "name": application.name,
            "kind": icon,
            "kind_icon": icon,
            "source": source_text(application.source_kind, application.source),
            "source_url": url if url.startswith("https://") else "",
            "description": application.description,
            "created_at": application.created_at,
            "created_by": {"name": application.created_by},
            "entry": entry_of(application),
            "preview": _preview(actor, application),
        },
        "can_edit": may(actor, Act.EDIT_APPLICATION, application=application.slug),
    }


def _preview(actor: Actor, application: Application) -> dict[str, Any] | None:
    """The request that this application is a preview of; None if it is none."""
    one = preview_of(actor, application)
    if one is None:
        return None
    return {"sign": one.sign, "title": one.title, "page": one.page, "application": one.application}


def list_shown(actor: Actor, query: str) -> dict[str, Any]:
    """The context of ``applications/list.html``, in five queries. `query` searches names and sources."""
    everything = list(visible_to(actor))
    words = query.lower().split()
    found = [one for one in everything if all(word in _searched(one) for word in words)]
    placed: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for placement in placements_visible_to(actor).exclude(current=None):
        placed[placement.application_id].append(_placed(placement))
    last = _last_deployments(actor)
    return {
        "applications": [_line(one, placed[one.pk], last.get(one.pk)) for one in found],
        "query": query,
        "can_create": may_somewhere(actor, Act.CREATE_APPLICATION),
        "total": len(everything),
    }


def _searched(application: Application) -> str:
    return f"{application.name} {application.slug} {source_text(application.source_kind, application.source)}".lower()


def _placed(placement: Placement) -> dict[str, Any]:
    url = placement.url if placement.wanted == "running" else ""
    version = placement.current.version if placement.current else ""
    return {"environment": placement.environment, "state": placement_state(placement), "version": version, "url": url}


def _last_deployments(actor: Actor) -> dict[int, dict[str, Any]]:
    of_each = deployments_visible_to(actor).filter(application=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    numbers = list(visible_to(actor).annotate(newest=Subquery(of_each)).values_list("newest", flat=True))
    lines = rows(list(deployments_visible_to(actor).filter(pk__in=[number for number in numbers if number])))
    return {line["application"].pk: line for line in lines}


def _line(application: Application, placements: list[dict[str, Any]], last: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "slug": application.slug,
        "name": application.name,
        "kind_icon": KIND_ICONS[application.source_kind],
        "source": source_text(application.source_kind, application.source),
        "placements": placements,
        "last": last,
    }
