"""One application: its head, its overview and how it runs."""

from __future__ import annotations

from typing import Any

from fairway.accounts.rules import Act, Actor, may
from fairway.applications.models import Application
from fairway.applications.queries import artifacts_of
from fairway.deployments.queries import visible_to
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.spec_rules import command_text
from fairway.insights.rows import rows
from fairway.web.shown.placements import placements_shown

KIND_ICONS = {"image": "image", "git": "git", "archive": "upload"}
RECENT = 6


def overview(actor: Actor, application: Application) -> dict[str, Any]:
    """The whole context of ``applications/detail.html``."""
    return {
        **head(actor, application),
        "placements": placements_shown(actor, application),
        **recent(actor, application),
        "spec": spec_shown(application),
    }


def recent(actor: Actor, application: Application) -> dict[str, Any]:
    found = visible_to(actor).filter(application=application)[:RECENT]
    return {"application": application, "recent": rows(list(found))}


def spec_shown(application: Application) -> dict[str, Any] | None:
    """How it runs: the newest artifact's spec, with what a person changed since."""
    newest = artifacts_of(application).first()
    if newest is None:
        return None
    spec = Spec.from_json({**newest.spec, **(application.spec or {})})
    return {
        "framework": spec.framework,
        "command": command_text(spec.command),
        "port": spec.port,
        "health_path": spec.health_path or "",
        "memory_bytes": spec.memory_bytes,
        "cpus": spec.cpus,
        "volumes": [{"name": name, "target": target} for name, target in spec.volumes],
    }


def source_text(kind: str, source: dict[str, Any]) -> str:
    """A source in one line."""
    if kind == "image":
        return str(source.get("image", ""))
    if kind == "git":
        ref = source.get("ref", "HEAD")
        return f"{source.get('url', '')}#{ref}" if ref != "HEAD" else str(source.get("url", ""))
    return str(source.get("name") or source.get("url") or source.get("upload", "")[:12])


def head(actor: Actor, application: Application) -> dict[str, Any]:
    """What ``applications/base.html`` shows on every tab."""
    icon = KIND_ICONS[application.source_kind]
    url = str(application.source.get("url", ""))
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
        },
        "can_edit": may(actor, Act.EDIT_APPLICATION, application=application.slug),
    }


def list_shown(actor: Actor) -> list[dict[str, Any]]:
    return []
