"""How an artifact came to be: SLSA provenance v1 (https://slsa.dev/spec/v1.0/provenance) of what Fairway built."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from fairway import __version__
from fairway.activity.envelopes import Statement
from fairway.applications.models import Artifact
from fairway.applications.rules import SourceKind
from fairway.drivers.builders.services import backing_services_of
from fairway.insights.evidence.bill import BILL_TYPE, bill_of
from fairway.insights.evidence.parts import TYPES, moment, subject_of
from fairway.shared.urls import without_secrets

PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD = f"{TYPES}/build/v1"
# The options of recipes whose values are told. Others, and variables, may hold what is not for everybody.
TOLD_OPTIONS = ("publish", "dockerfile", "from", "collectstatic", "index", "python", "node", "add", "target")


def provenance_of(artifact: Artifact) -> Statement | None:
    """The provenance of an artifact; None for an image that was fetched: Fairway cannot say how it was built."""
    if not is_built(artifact):
        return None
    bill = bill_of(artifact)
    predicate = {
        "buildDefinition": {
            "buildType": BUILD,
            "externalParameters": {"source": source_of(artifact), "recipe": _recipe(artifact)},
            "internalParameters": {},
            "resolvedDependencies": _dependencies(artifact),
        },
        "runDetails": {
            "builder": {
                "id": settings.PUBLIC_URL.rstrip("/") + "/",
                "version": {"fairway": __version__, "tool": artifact.builder or "unknown"},
            },
            "metadata": {
                "invocationId": f"{artifact.application.slug}/artifacts/{artifact.number}",
                "finishedOn": moment(artifact.created_at),
            },
            "byproducts": [
                {
                    "name": "software bill of materials",
                    "digest": {"sha256": hashlib.sha256(bill.encode()).hexdigest()},
                    "mediaType": BILL_TYPE,
                }
            ],
        },
    }
    return Statement(PROVENANCE, (subject_of(artifact),), predicate)


def is_built(artifact: Artifact) -> bool:
    """Whether Fairway built it; otherwise it fetched an image."""
    return artifact.source_kind != SourceKind.IMAGE


def source_of(artifact: Artifact) -> dict[str, Any]:
    """Where the source is, without credentials; for Git with the commit."""
    source = artifact.source
    found: dict[str, Any] = {"kind": artifact.source_kind}
    for name in ("url", "ref", "folder", "image", "name"):
        if source.get(name):
            found[name] = without_secrets(str(source[name]))
    if checksum := source.get("upload") or source.get("checksum"):
        found["sha256"] = str(checksum).removeprefix("sha256:")
    if artifact.commit:
        found["commit"] = artifact.commit
    return found


def _recipe(artifact: Artifact) -> dict[str, Any]:
    """What was detected or chosen. Variables are named without their values, files with their checksums."""
    spec = artifact.spec
    install: Mapping[str, Any] = spec.get("install") or {}
    files: Mapping[str, str] = spec.get("files") or {}
    services: Mapping[str, Mapping[str, Any]] = spec.get("services") or {}
    return {
        **{name: spec.get(name) for name in ("kind", "framework", "root", "port", "command", "build", "release")},
        "options": {name: install[name] for name in TOLD_OPTIONS if name in install},
        "services": {
            name: {key: differs[key] for key in ("image", "command") if differs.get(key)}
            for name, differs in services.items()
        },
        "variables": sorted(spec.get("environment") or {}),
        "files": {path: hashlib.sha256(text.encode()).hexdigest() for path, text in sorted(files.items())},
    }


def _dependencies(artifact: Artifact) -> list[dict[str, Any]]:
    """The source, and the images of services that came with it by digest."""
    source = source_of(artifact)
    found = []
    if artifact.commit:
        uri = str(source.get("url", ""))
        found.append({"uri": f"git+{uri}", "digest": {"gitCommit": artifact.commit}, "name": "source"})
    elif "sha256" in source:
        uri = source.get("url") or f"upload:{source.get('name', source['sha256'][:12])}"
        found.append({"uri": str(uri), "digest": {"sha256": source["sha256"]}, "name": "source"})
    for service in backing_services_of(artifact.parsed_spec):
        repository, _at, digest = service.image.partition("@sha256:")
        if digest:
            found.append({"uri": f"docker://{repository}", "digest": {"sha256": digest}, "name": service.name})
    return found
