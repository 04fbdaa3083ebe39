"""A look at a source: what was detected, as a form to change."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from django.utils.dateparse import parse_datetime

from fairway.accounts.rules import Act, Actor
from fairway.applications.models import Application, Inspection
from fairway.deployments.gate import Subject, blockers
from fairway.deployments.models import public_url
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.spec_rules import command_text
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.shared.names import image_host, slug_from
from fairway.web.errors import shown
from fairway.web.shown.applications import KIND_ICONS, source_text


def inspection_shown(look: Inspection) -> dict[str, Any]:
    kind = KIND_ICONS[look.source_kind]
    return {
        "id": look.pk,
        "status": look.status,
        "kind": kind,
        "kind_icon": kind,
        "source": source_text(look.source_kind, look.source),
        "framework": (look.spec or {}).get("framework", ""),
        "findings": look.findings,
        "advice": look.advice,
        "sentence": look.sentence,
        "provenance": _provenance(look),
        "started_at": look.created_at,
    }


def first_values(actor: Actor, look: Inspection) -> dict[str, Any]:
    """What the form says before anybody changed it."""
    spec = Spec.from_json(look.spec or {})
    return {
        "name": suggested_name(look),
        "command": command_text(spec.command),
        "port": spec.port,
        "health_path": spec.health_path or "",
        "version": spec.version,
        "environment": "",
    }


def suggested_name(look: Inspection) -> str:
    """What people would call it: the repository's, the image's or the folder's name."""
    source = look.source
    if look.source_kind == "image":
        reference = source["image"].partition("@")[0]
        path = reference.removeprefix(f"{image_host(reference)}/")
        text = PurePosixPath(path.rpartition("/")[2].partition(":")[0]).name
    elif look.source_kind == "git":
        text = source["url"].rstrip("/").replace(":", "/").rpartition("/")[2].removesuffix(".git")
    else:
        text = source.get("name") or PurePosixPath(urlsplit(source.get("url", "")).path).name
        for ending in (".zip", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar"):
            text = text.removesuffix(ending)
    return text.replace("_", " ").replace("-", " ").strip().capitalize()[:80] or "App"


def chosen_environments(actor: Actor, name: str, chosen: str | None) -> list[dict[str, Any]]:
    """Where it could go first. The first one that is open is chosen unless the person chose another."""
    slug = slug_from(name)
    found = []
    for one in environments_visible_to(actor):
        address = urlsplit(public_url(one.host))
        reasons = shown(blockers(Act.DEPLOY, Subject(Application(slug=slug, name=name), one), actor))
        found.append(
            {
                "slug": one.slug,
                "name": one.name,
                "status": one.status,
                "host": address.netloc,
                "scheme": address.scheme,
                "application": slug,
                "is_chosen": bool(chosen) and chosen == one.slug,
                "blockers": reasons,
            }
        )
    if not any(place["is_chosen"] for place in found):
        for place in [place for place in found if not place["blockers"]][:1]:
            place["is_chosen"] = True
    return found


def _provenance(look: Inspection) -> dict[str, Any] | None:
    if not look.provenance:
        return None
    return {**look.provenance, "committed_at": _time(look.provenance.get("committed_at"))}


def _time(text: object) -> datetime | None:
    return parse_datetime(text) if isinstance(text, str) and text else None
