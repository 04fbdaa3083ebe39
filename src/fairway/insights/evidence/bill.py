"""The software bill of materials of an artifact: CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/).

It is computed from what was stored when the artifact was built, so it is the same, byte for byte, each time.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.core.exceptions import ObjectDoesNotExist

from fairway.applications.models import Artifact, Contents
from fairway.applications.rules import SourceKind
from fairway.drivers.builders.services import backing_services_of
from fairway.insights.evidence.parts import moment

BILL_TYPE = "application/vnd.cyclonedx+json"
ITSELF = "artifact"  # how the parts of the document refer to the artifact
NOTES = {
    Contents.BUNDLE: "The packages that are installed in the bundle. What they carry inside themselves is not listed.",
    Contents.SOURCE: "The packages that lock files of the source name. Which of them are in the result is up to its build;"
    " those of a base image are not listed.",
    "fetched": "Fairway fetched this image and did not build it. Only its digest is known.",
    "unknown": "It was built before Fairway listed packages. Only its digest is known.",
}


def bill_of(artifact: Artifact) -> str:
    """The document, as JSON."""
    contents = contents_of(artifact)
    components = [_package(*row) for row in contents.components] if contents else []
    components += _images(artifact)
    note = contents.seen_in if contents else "fetched" if artifact.source_kind == SourceKind.IMAGE else "unknown"
    identity = f"{artifact.application.slug}/{artifact.number}"
    algorithm, _colon, value = artifact.digest.partition(":")
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"{identity}@{artifact.digest}").urn,
        "version": 1,
        "metadata": {
            "timestamp": moment(artifact.created_at),
            "tools": {"components": [_tool(contents)]},
            "component": {
                "type": "container" if artifact.kind == "image" else "application",
                "bom-ref": ITSELF,
                "name": artifact.application.slug,
                "version": artifact.version,
                **({"hashes": [{"alg": "SHA-256", "content": value}]} if algorithm == "sha256" else {}),
            },
            "properties": [
                {"name": "fairway:artifact", "value": identity},
                {"name": "fairway:digest", "value": artifact.digest},
                {"name": "fairway:note", "value": NOTES[note]},
            ],
        },
        "components": components,
        "dependencies": [{"ref": ITSELF, "dependsOn": sorted(each["bom-ref"] for each in components)}],
        "compositions": [{"aggregate": "incomplete" if contents else "unknown", "assemblies": [ITSELF]}],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def contents_of(artifact: Artifact) -> Contents | None:
    """What was found in it when it was built; None if nobody looked."""
    try:
        found: Contents = artifact.contents
    except ObjectDoesNotExist:
        return None
    return found


def _tool(contents: Contents | None) -> dict[str, Any]:
    return {"type": "application", "name": "Fairway", **({"version": contents.fairway} if contents else {})}


def _package(purl: str, name: str, version: str, licence: str) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        **({"licenses": [{"license": {"name": licence}}]} if licence else {}),
    }


def _images(artifact: Artifact) -> list[dict[str, Any]]:
    """The images of services that came with it."""
    found = []
    for service in backing_services_of(artifact.parsed_spec):
        repository, _at, digest = service.image.partition("@sha256:")
        one: dict[str, Any] = {"type": "container", "bom-ref": f"service:{service.name}", "name": repository}
        found.append({**one, **({"hashes": [{"alg": "SHA-256", "content": digest}]} if digest else {})})
    return found
