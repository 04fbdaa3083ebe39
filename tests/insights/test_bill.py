"""Bills of materials: CycloneDX's own checker reads them, they stay when bytes are collected, and say what is not known."""

from __future__ import annotations

import hashlib
import json

import pytest
from django.utils import timezone

from fairway.accounts.models import User
from fairway.accounts.rules import Role
from fairway.applications.commands import record_artifact
from fairway.applications.models import Artifact, Contents
from fairway.drivers.builders.contract import Spec
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef
from fairway.insights.evidence.bill import bill_of
from fairway.insights.evidence.provenance import provenance_of
from tests.api.conftest import Api, live_in, token_of
from tests.conftest import make_artifact, make_person

FOUND = [["pkg:npm/a@1.0.0", "a", "1.0.0", "MIT"], ["pkg:pypi/flask@3.1.0", "Flask", "3.1.0", ""]]


def built(application, *, kind=ArtifactKind.BUNDLE, seen_in=Contents.BUNDLE, found=FOUND, services=None):
    return record_artifact(
        application=application,
        ref=ArtifactRef(kind, "sha256:" + "5" * 64, ""),
        spec=Spec(kind="python", services=services or {}),
        version="1",
        source_kind="archive",
        source={"upload": "6" * 64},
        created_by="ada",
        builder="uv",
        contents=Contents(components=found, seen_in=seen_in, fairway="9.9.9"),
    )


def checked(artifact: Artifact):
    text = bill_of(artifact)
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator  # loads for a second: in one process, not in all that collect

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert bill_of(Artifact.objects.get(pk=artifact.pk)) == text, "the same, byte for byte"
    return json.loads(text)


def notes(document):
    return {each["name"]: each["value"] for each in document["metadata"]["properties"]}


def test_a_built_artifact_lists_its_packages(hello):
    document = checked(artifact := built(hello))
    assert [each["purl"] for each in document["components"]] == ["pkg:npm/a@1.0.0", "pkg:pypi/flask@3.1.0"]
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": "5" * 64}]
    assert document["metadata"]["tools"]["components"][0]["version"] == "9.9.9"
    assert document["compositions"][0]["aggregate"] == "incomplete"
    assert notes(document)["fairway:artifact"] == f"hello/{artifact.number}"


def test_the_images_of_services_are_in_it(hello):
    services = {"db": {"image": "postgres@sha256:" + "7" * 64, "environment": {"PASSWORD": "hunter2"}}}
    document = checked(built(hello, services=services))
    assert document["components"][-1]["hashes"][0]["content"] == "7" * 64
    assert "hunter2" not in json.dumps(document)


@pytest.mark.parametrize("seen_in", [Contents.BUNDLE, Contents.SOURCE])
def test_it_says_where_the_packages_were_seen(hello, seen_in):
    document = checked(built(hello, kind=ArtifactKind.IMAGE, seen_in=seen_in))
    assert ("lock files" in notes(document)["fairway:note"]) == (seen_in == Contents.SOURCE)


def test_of_a_fetched_image_only_the_digest_is_known_and_it_is_said(hello):
    document = checked(make_artifact(hello))
    assert (document["components"], document["compositions"][0]["aggregate"]) == ([], "unknown")
    assert notes(document)["fairway:note"].endswith("Only its digest is known.")


def test_of_what_was_built_before_nothing_is_claimed(hello):
    Contents.objects.filter(artifact=(artifact := built(hello))).delete()
    document = checked(Artifact.objects.get(pk=artifact.pk))
    assert "before Fairway listed packages" in notes(document)["fairway:note"]


def test_it_stays_when_the_bytes_are_collected_and_when_they_are_built_again(hello):
    text = bill_of(artifact := built(hello))
    Artifact.objects.update(collected_at=timezone.now())
    again = built(hello, found=[])
    assert (again.pk, bill_of(Artifact.objects.get(pk=artifact.pk))) == (artifact.pk, text)


def test_the_provenance_names_it_by_its_checksum(hello):
    statement = provenance_of(artifact := built(hello))
    (byproduct,) = statement.predicate["runDetails"]["byproducts"]
    assert byproduct["digest"]["sha256"] == hashlib.sha256(bill_of(artifact).encode()).hexdigest()


def test_the_api_gives_it_to_whoever_sees_the_application(hello, staging, production):
    artifact = built(hello)
    number = live_in(hello, production, artifact).current_id
    ada, nora = (
        Api(token_of(User.objects.get(pk=one.id)))
        for one in (make_person("ada", Role.VIEWER), make_person("nora", Role.VIEWER, environment=staging))
    )
    for place in (f"/deployments/{number}/sbom", f"/applications/hello/artifacts/{artifact.number}/sbom"):
        answer = ada.get(place)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/vnd.cyclonedx+json")
        assert answer["Content-Disposition"] == f'attachment; filename="hello-{artifact.number}.cdx.json"'
        assert answer.content.decode() == bill_of(artifact)
    assert nora.get(f"/deployments/{number}/sbom").status_code == 404
    assert ada.get("/applications/hello/artifacts/99/sbom").status_code == 404
