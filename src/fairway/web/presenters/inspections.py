"""Contexts of an inspection: what was detected, and the initial values of the form."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor
from fairway.applications.models import Application, Inspection
from fairway.deployments.gate import Subject, blockers
from fairway.deployments.models import public_url
from fairway.deployments.protection import approval_words, needs_approval
from fairway.drivers.builders.detection.choosing import kinds_of
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.environments.runtimes import runtime_of
from fairway.shared.names import image_host, slug_from
from fairway.web.errors import shown
from fairway.web.failure_words import finding_in_words, findings_in_words, in_words
from fairway.web.presenters.applications import KIND_ICONS, source_text
from fairway.web.source_forms import run_values

OTHER = "other"  # the choice that is none of the candidates: a person enters how to run it


def inspection_shown(look: Inspection, used: int | None = None) -> dict[str, Any]:
    """The context of an inspection. `used` is the index of the candidate that is shown, with its remarks."""
    way = candidates_of(look)[used] if used is not None else {}
    kind = KIND_ICONS[look.source_kind]
    return {
        "id": look.pk,
        "status": look.status,
        "kind": kind,
        "kind_icon": kind,
        "source": source_text(look.source_kind, look.source),
        "folder": look.source.get("folder", ""),
        "remarks": findings_in_words([*look.remarks, *way.get("remarks", ())]),
        "advice": in_words(look.advice),
        "sentence": in_words(look.sentence),
        "provenance": _provenance(look),
        "started_at": look.created_at,
    }


def candidates_of(look: Inspection) -> list[dict[str, Any]]:
    """Every way to run it: [{"spec", "findings", "problem", "offer", "remarks"}]. A look of an older
    Fairway has one."""
    if look.candidates or look.spec is None:
        return list(look.candidates)
    return [{"spec": look.spec, "findings": look.findings, "problem": "", "offer": ""}]


def used_by(look: Inspection, asked: str, kinds: Collection[str]) -> int | None:
    """The index of the candidate to show: the requested one, else the first that can be run, preferably of one of `kinds`.

    None when nothing can be run and nothing was asked for.
    """
    candidates = candidates_of(look)
    if asked.isdecimal() and int(asked) < len(candidates):
        return int(asked)
    if asked == OTHER:
        return None
    sound = [number for number, one in enumerate(candidates) if not one["problem"]]
    here = [number for number in sound if candidates[number]["spec"]["kind"] in kinds]
    return next(iter([*here, *sound]), None)


def ways_shown(look: Inspection, used: int | None) -> list[dict[str, Any]]:
    """The candidates as choices, followed by `OTHER`; empty if there is only one."""
    shown = []
    for number, one in enumerate(candidates_of(look)):
        spec = one["spec"]
        because = one["findings"][0]["because"] if one["findings"] else ""
        shown.append(
            {
                "url": f"?use={number}",
                "name": finding_in_words(spec.get("framework") or spec["kind"]),
                "folder": "" if spec.get("root") in (None, ".") else spec["root"],
                "because": finding_in_words(because),
                "needs_docker": spec["kind"] in ("dockerfile", "image"),
                "is_chosen": number == used,
                "problem": one["problem"],
            }
        )
    return shown


def identity(look: Inspection, used: int, kinds: Collection[str]) -> dict[str, Any]:
    """The keys of the spec that make the next deployment choose this candidate again where `kinds` are run; empty for the
    candidate that is the default."""
    candidates = candidates_of(look)
    spec = candidates[used]["spec"]
    sound = [number for number, one in enumerate(candidates) if not one["problem"] and one["spec"]["kind"] in kinds]
    first = sound[0] if sound else used
    root = {"root": spec["root"]} if spec.get("root") not in (None, ".") else {}
    if used == first:
        return root
    dockerfile = (spec.get("install") or {}).get("dockerfile") if spec["kind"] == "dockerfile" else None
    kept = {name: spec[name] for name in ("kind", "framework") if spec.get(name)}
    return {**root, **kept, **({"install": {"dockerfile": dockerfile}} if dockerfile else {})}


def first_values(look: Inspection, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The initial values of the form."""
    return {**run_values(spec), "name": suggested_name(look), "environment": ""}


def suggested_name(look: Inspection) -> str:
    """A name for the application: that of the repository, the image or the folder."""
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


def chosen_environments(actor: Actor, name: str, chosen: str | None, kind: str = "") -> list[dict[str, Any]]:
    """The environments for the first deployment. The first that is not locked is chosen unless the person chose another.

    An environment that does not run what is chosen (`kind`) says so; `approval` is set where it waits for people.
    """
    slug = slug_from(name)
    found = []
    for environment in environments_visible_to(actor):
        address = urlsplit(public_url(environment.host))
        reasons = shown(blockers(Act.DEPLOY, Subject(Application(slug=slug, name=name), environment), actor))
        if kind and kind not in kinds_of(runtime_of(environment)):
            sentence = _("It does not run this: %(runtime)s.") % {"runtime": environment.runtime}
            reasons.append({"code": "kind", "sentence": sentence, "who": "", "until": None})
        found.append(
            {
                "slug": environment.slug,
                "name": environment.name,
                "status": environment.status,
                "host": address.netloc,
                "scheme": address.scheme,
                "application": slug,
                "is_chosen": bool(chosen) and chosen == environment.slug,
                "blockers": reasons,
                "approval": approval_words(environment) if not reasons and needs_approval(Act.DEPLOY, environment) else "",
            }
        )
    if not any(place["is_chosen"] for place in found):
        for place in [place for place in found if not place["blockers"]][:1]:
            place["is_chosen"] = True
    return found


def kinds_somewhere(actor: Actor) -> frozenset[str]:
    """The kinds of specs that at least one environment can run."""
    return frozenset().union(*(kinds_of(runtime_of(environment)) for environment in environments_visible_to(actor)))


def _provenance(look: Inspection) -> dict[str, Any] | None:
    if not look.provenance:
        return None
    return {**look.provenance, "committed_at": _time(look.provenance.get("committed_at"))}


def _time(text: object) -> datetime | None:
    return parse_datetime(text) if isinstance(text, str) and text else None
