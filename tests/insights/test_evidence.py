"""Evidence: what is signed, who may read what of it, that others' programs read it, and that tampering is found."""

# ruff: noqa: F811 - pytest's fixtures are imported and named again as arguments

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.test import Client
from google.protobuf import json_format
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement as TheirStatement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Actor, Blocked, Role
from fairway.activity.checking import head_file
from fairway.activity.envelopes import Statement
from fairway.activity.heads import public_key
from fairway.activity.rules import Door
from fairway.activity.signing import sign_head
from fairway.applications.commands import record_artifact, save_configuration
from fairway.cli import audit_file
from fairway.cli.audit_file import is_signed, verify_evidence
from fairway.config.data import DataDirectory
from fairway.deployments.commands.approvals import approve
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.models import Deployment
from fairway.deployments.protection import fingerprint_of
from fairway.drivers.builders.contract import Spec
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef
from fairway.environments.commands import edit_environment
from fairway.environments.models import Environment
from fairway.insights.evidence import signed
from fairway.insights.evidence.of_deployment import of_deployment
from fairway.insights.evidence.of_release import of_release
from fairway.insights.evidence.parts import DEPLOYMENT, RELEASE
from fairway.insights.evidence.provenance import PROVENANCE
from fairway.releases.commands.approvals import approve as approve_release
from fairway.releases.commands.approvals import seal
from fairway.releases.commands.rollouts import roll_out
from tests.api.conftest import Api, token_of
from tests.conftest import make_artifact, make_person
from tests.exploring import examples
from tests.releases.conftest import answering, desk, development, fake, proxy

__all__ = ["answering", "desk", "development", "fake", "proxy"]
COMMIT = "4f" * 20


@pytest.fixture(autouse=True)
def place(settings, tmp_path):
    """A data directory of this test's own: heads outlive the tables of other tests."""
    settings.DATA = DataDirectory(tmp_path / "data")
    settings.HEAD_KEY = bytes(range(32))


def built(application, version="2"):
    """An artifact that Fairway built of a commit, which the fake runtime can run."""
    likewise = make_artifact(application, version)
    return record_artifact(
        application=application,
        ref=ArtifactRef(ArtifactKind.IMAGE, likewise.digest, likewise.reference),
        spec=Spec(kind="image", framework="Flask", environment={"PASSPHRASE": "hunter2"}, files={"/etc/x": "hunter3"}),
        version=version,
        source_kind="git",
        source={"url": "https://max:hunter4@git.test/shop.git", "ref": "main"},
        created_by="dora",
        source_key="k" * 64,
        commit=COMMIT,
        builder="buildx",
    )


def decoded(text):
    return [json.loads(base64.b64decode(json.loads(line)["payload"])) for line in text.splitlines()]


def kinds(text):
    return [one["predicateType"] for one in decoded(text)]


def export(actor):
    answer = Api(token_of(User.objects.get(pk=actor.id))).get("/events/export")
    return b"".join(answer.streaming_content).decode().splitlines()


@pytest.fixture
def approved(desk, production, settings):
    """A deployment of what was built, with a configuration, that somebody else approved."""
    shop = desk.application("shop")
    edit_environment(actor=desk.admin, environment=production, approvals_needed=1)
    save_configuration(
        actor=desk.admin, application=shop, environment=production, variables={"MODE": "hunter5"}, secrets={"KEY": "hunter6"}
    )
    made = request_deployment(
        actor=desk.deployer, application=shop, environment=production, artifact=built(shop), reason="sale"
    )
    desk.work()
    row = Deployment.objects.get(pk=made.pk)
    approve(actor=desk.manager, deployment=row, fingerprint=fingerprint_of(row), comment="looks good")
    desk.work()
    row.refresh_from_db()
    assert row.status == "succeeded", row.sentence
    sign_head(head_file())
    return row


@pytest.fixture
def released(desk, staging, production):
    """A release of two packages, sealed and approved, rolled out on two targets."""
    one = desk.release(packages="shop mail", needs="mail>shop")
    for target in (staging, production):
        edit_environment(actor=desk.admin, environment=target, approvals_needed=1)
        target.refresh_from_db()
    seal(actor=desk.manager, release=one)
    one.refresh_from_db()
    for target in (staging, production):
        approve_release(actor=desk.admin, release=one, environment=target, fingerprint=one.fingerprint)
        roll_out(actor=desk.deployer, release=one, environment=target, reason="autumn")
        desk.work()
    sign_head(head_file())
    return one


def of(actor, deployment):
    return signed(of_deployment(actor, deployment))


def test_a_deployment_is_told_from_the_commit_to_the_switch_and_never_a_value(desk, approved):
    provenance, told = decoded(text := of(desk.admin, approved))
    assert kinds(text) == [PROVENANCE, DEPLOYMENT]
    digest = {"sha256": approved.artifact.digest.removeprefix("sha256:")}
    assert provenance["subject"][0]["digest"] == told["subject"][0]["digest"] == digest
    (source,) = provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert source["digest"] == {"gitCommit": COMMIT}
    predicate = told["predicate"]
    assert predicate["artifact"]["source"]["commit"] == COMMIT
    assert (predicate["requested"]["by"], predicate["requested"]["reason"]) == ("dora", "sale")
    (answer,) = predicate["approvals"]
    assert (answer["by"], answer["decision"], answer["comment"]) == ("max", "approved", "looks good")
    assert answer["fingerprint"] == fingerprint_of(approved)
    assert predicate["configuration"]["version"] == 1
    assert len(predicate["configuration"]["fingerprint"]) == 64
    assert predicate["switch"]["probe"]["failed"] == 0 < predicate["switch"]["probe"]["sent"]
    assert predicate["switch"]["probe"]["first_seen_ms"] is not None
    verbs = {one["verb"] for one in predicate["events"]}
    assert {"deployment.requested", "deployment.approved", "deployment.probed", "deployment.succeeded"} <= verbs
    assert predicate["head"]["event"] >= predicate["events"][-1]["number"]
    assert "hunter" not in json.dumps([provenance, told])


def test_an_image_that_was_fetched_has_no_provenance_and_it_is_said(desk, staging):
    (told,) = decoded(of(desk.admin, desk.runs("shop", staging)))
    assert (told["predicateType"], told["predicate"]["artifact"]["origin"]) == (DEPLOYMENT, "fetched")


def test_a_deployment_without_a_version_has_no_evidence(desk, staging, approved):
    approved.artifact = None
    with pytest.raises(Blocked) as blocked:
        of_deployment(desk.admin, approved)
    assert blocked.value.blockers[0].code == "nothing_to_prove"


def test_a_broken_glass_is_told_with_its_reason(desk, approved):
    Deployment.objects.filter(pk=approved.pk).update(broke_glass="the shop is down")
    approved.refresh_from_db()
    assert decoded(of(desk.admin, approved))[1]["predicate"]["overrides"] == [
        {"what": "gate", "by": "dora", "reason": "the shop is down"}
    ]


def test_the_protobufs_of_in_toto_read_what_we_write(desk, approved, released):
    for text in (of(desk.admin, approved), signed(of_release(desk.admin, released))):
        for one in decoded(text):
            statement = json_format.ParseDict(one, statement_pb2.Statement())
            TheirStatement.copy_from_pb(statement).validate()
            if statement.predicate_type == PROVENANCE:
                read = json_format.ParseDict(one["predicate"], provenance_pb2.Provenance())
                assert read.build_definition.resolved_dependencies[0].digest["gitCommit"] == COMMIT
                assert read.run_details.builder.version["tool"] == "buildx"


def test_the_envelopes_verify_with_securesystemslib(desk, approved, settings):
    public = Ed25519PrivateKey.from_private_bytes(settings.HEAD_KEY).public_key()
    key = SSlibKey.from_crypto(public, keyid=public_key(settings.HEAD_KEY))
    other = SSlibKey.from_crypto(Ed25519PrivateKey.generate().public_key(), keyid=public_key(settings.HEAD_KEY))
    for line in of(desk.admin, approved).splitlines():
        envelope = Envelope.from_dict(json.loads(line))
        assert envelope.verify([key], 1)
        with pytest.raises(VerificationError):
            envelope.verify([other], 1)


def test_it_verifies_offline_with_the_single_file_and_the_export(desk, approved, tmp_path, settings):
    (tmp_path / "it.intoto.jsonl").write_text(of(desk.admin, approved))
    (tmp_path / "events.jsonl").write_text("\n".join(export(desk.admin)))
    key = public_key(settings.HEAD_KEY)
    words = [tmp_path / "it.intoto.jsonl", "--events", tmp_path / "events.jsonl", "--key", key]
    done = subprocess.run(
        [sys.executable, "-I", audit_file.__file__, "evidence", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"2 statements about deployment {approved.pk}, complete, and signed with key {key}" in done.stdout
    (tmp_path / "it.intoto.jsonl").write_text(of(desk.admin, approved).splitlines()[0])
    done = subprocess.run(
        [sys.executable, "-I", audit_file.__file__, "evidence", *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "was removed" in done.stdout) == (1, True)


def test_every_changed_byte_of_a_payload_is_found(desk, approved):
    lines = of(desk.admin, approved).splitlines()
    for number, line in enumerate(lines):
        envelope = json.loads(line)
        payload = base64.b64decode(envelope["payload"])
        for at in range(0, len(payload), len(payload) // 12):
            changed = payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1 :]
            forged = json.dumps({**envelope, "payload": base64.b64encode(changed).decode()})
            proof = verify_evidence([*lines[:number], forged, *lines[number + 1 :]])
            assert proof.problem.startswith(f"Line {number + 1} was changed after it was signed")


def test_another_key_is_found_whether_it_says_so_or_not(desk, approved, settings):
    lines = of(desk.admin, approved).splitlines()
    statements = of_deployment(desk.admin, approved)
    theirs = Ed25519PrivateKey.generate().private_bytes_raw()
    forged = statements[1].signed(theirs)
    ours, others = public_key(settings.HEAD_KEY), public_key(theirs)
    assert verify_evidence([lines[0], forged]).problem == f"Line 2 is signed with another key: {others}, not {ours}."
    disguised = forged.replace(others, ours)
    assert verify_evidence([lines[0], disguised]).problem.startswith("Line 2 was changed after it was signed, or")
    wholly = [each.signed(theirs) for each in statements]
    assert verify_evidence(wholly, key=ours).problem == f"Line 1 is signed with another key: {others}, not {ours}."
    assert "compare it with a key that you kept" in verify_evidence(lines).sentence
    assert "compare it with a key that you kept" not in verify_evidence(lines, key=ours).sentence


def test_a_removed_statement_is_found_and_named(desk, approved, released):
    lines = of(desk.admin, approved).splitlines()
    assert "about deployment" in verify_evidence(lines[1:]).problem
    assert "the provenance of shop 2" in verify_evidence(lines[:1]).problem
    whole = signed(of_release(desk.admin, released)).splitlines()
    for at in range(len(whole)):
        assert "A statement was removed" in verify_evidence([*whole[:at], *whole[at + 1 :]]).problem
    assert verify_evidence([*lines, lines[0]]).problem == "A statement is in the file twice."
    assert not verify_evidence(whole[::-1]).problem, "the order of lines means nothing"


def test_an_event_that_the_export_has_not_or_has_otherwise_is_named(desk, approved):
    lines, events = of(desk.admin, approved).splitlines(), export(desk.admin)
    proof = verify_evidence(lines, events=events)
    named = decoded("\n".join(lines))[1]["predicate"]["events"]
    assert (proof.problem, proof.compared) == ("", len(named))
    first = named[0]["number"]
    without = [line for line in events if json.loads(line)["id"] != first]
    assert verify_evidence(lines, events=without).problem.startswith(f"Event {first}, which line 2 names")
    changed = [line.replace("sale", "fun") for line in events]
    assert "was changed after it was written" in verify_evidence(lines, events=changed).problem
    statements = of_deployment(desk.admin, approved)
    lying = {**statements[1].predicate, "events": [{**named[0], "hash": "0" * 64}]}
    forged = _signed([statements[0], replace(statements[1], predicate=lying)])
    assert f"Event {first} in the export is not the one that line 2 names" in verify_evidence(forged, events=events).problem
    newest = decoded("\n".join(lines))[1]["predicate"]["head"]["event"]
    cut = [line for line in events if json.loads(line)["id"] < newest]
    assert verify_evidence(lines, events=cut).problem


def test_a_head_that_is_not_ours_or_does_not_cover_the_events_is_found(desk, approved):
    provenance, told = of_deployment(desk.admin, approved)
    head = told.predicate["head"]
    for wrong, words in (
        ({**head, "count": head["count"] + 1}, "is not authentic"),
        (
            vars(
                replace(head_file().all()[-1], event=1, signature="").signed(
                    Ed25519PrivateKey.generate().private_bytes_raw()
                )
            ),
            "is not authentic",
        ),
        (_resigned(head, event=1), "does not cover all of its events"),
    ):
        forged = replace(told, predicate={**told.predicate, "head": wrong})
        assert words in verify_evidence(_signed([provenance, forged])).problem


def test_what_is_no_evidence_is_refused_with_its_line_and_never_with_a_crash(settings):
    for line in ("[]", "{", "null", '{"payloadType": 1, "payload": "", "signatures": []}', "a" * 100):
        assert verify_evidence([line]).problem.startswith("Line 1 is not a signed statement")
    assert verify_evidence([]).problem == "There is no statement in it."
    strange = Statement("https://example.com/else", ({"name": "x", "digest": {"sha256": "0"}},), {})
    assert verify_evidence(_signed([strange])).problem.startswith("Line 1 is signed, but is not evidence")
    for predicate in ({}, {"deployment": {"number": 1}, "statements": 5}, {"deployment": {"number": 1}, "head": 7}):
        assert verify_evidence(_signed([replace(strange, kind=DEPLOYMENT, predicate=predicate)])).problem


def test_ed25519_of_the_script_agrees_with_cryptography():
    for length in (0, 1, 300):
        private = Ed25519PrivateKey.generate()
        public, message = private.public_key().public_bytes_raw(), b"m" * length
        signature = private.sign(message)
        assert is_signed(public, message, signature)
        assert not is_signed(public, message + b"x", signature)
        assert not is_signed(Ed25519PrivateKey.generate().public_key().public_bytes_raw(), message, signature)
        for at in (0, 31, 32, 63):
            assert not is_signed(public, message, signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :])
        order = 2**252 + 27742317777372353535851937790883648493
        other = int.from_bytes(signature[32:], "little") + order  # the same modulo the order: malleable without the check
        assert not is_signed(public, message, signature[:32] + other.to_bytes(32, "little"))
    assert not is_signed(b"\xff" * 32, b"", b"\x00" * 64)
    assert not is_signed(b"", b"", b"")
    # RFC 8032, 7.1, test 2
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert is_signed(public, b"\x72", signature)
    Ed25519PublicKey.from_public_bytes(public).verify(signature, b"\x72")


def test_a_release_is_told_with_all_its_deployments_and_answers(desk, released):
    *parts, whole = decoded(text := signed(of_release(desk.admin, released)))
    assert [one["predicateType"] for one in parts] == [DEPLOYMENT] * 4
    assert whole["predicateType"] == RELEASE
    told = whole["predicate"]
    assert (told["complete"], told["release"]["sealed"]["fingerprint"]) == (True, released.fingerprint)
    assert [[one["by"] for one in target["approvals"]] for target in told["targets"]] == [[], ["ada"], ["ada"]]
    assert {one["name"]: [there["status"] for there in one["targets"]] for one in told["packages"]} == {
        "mail": ["absent", "deployed", "deployed"],
        "shop": ["absent", "deployed", "deployed"],
    }
    assert [one["predicate"]["release"]["approvals"][0]["fingerprint"] for one in parts] == [released.fingerprint] * 4
    assert len(whole["subject"]) == 2
    proof = verify_evidence(text.splitlines(), events=export(desk.admin))
    assert not proof.problem, proof.problem
    assert proof.events == proof.compared > 20


def test_who_sees_one_environment_learns_no_other_by_a_release(desk, released, staging):
    nora = make_person("nora", Role.VIEWER, environment=staging)
    text = signed(of_release(nora, released))
    said = json.dumps(decoded(text)).lower()
    assert "staging" in said
    assert "production" not in said
    assert decoded(text)[-1]["predicate"]["complete"] is False
    assert not verify_evidence(text.splitlines(), events=export(nora)).problem, "their own export is enough"


def test_who_sees_one_application_learns_no_other_by_a_release(desk, released, staging):
    user = User.objects.create_user(username="nils")
    RoleGrant.objects.create(user=user, role=Role.VIEWER, application=desk.application("shop"))
    text = signed(of_release(actor_for(user, door=Door.WEB), released))
    said = json.dumps(decoded(text)).lower()
    assert "shop" in said
    assert "mail" not in said
    assert released.fingerprint not in said
    assert not verify_evidence(text.splitlines()).problem


def test_the_api_hands_out_what_one_may_see_only(desk, approved, released, staging):
    ada, nora = (Api(token_of(User.objects.get(pk=one.id))) for one in (desk.admin, _viewer_of(staging)))
    answer = ada.get(f"/deployments/{approved.pk}/evidence")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/vnd.in-toto.bundle")
    assert answer["Content-Disposition"] == f'attachment; filename="fairway-deployment-{approved.pk}.intoto.jsonl"'
    assert not verify_evidence(answer.content.decode().splitlines()).problem
    assert ada.get(f"/releases/{released.pk}/evidence").content.decode().count("\n") == 5
    assert nora.get(f"/deployments/{approved.pk}/evidence").status_code == 404
    assert nora.get(f"/releases/{released.pk}/evidence").content.decode().count("\n") == 3
    assert ada.get("/deployments/999999/evidence").status_code == 404
    empty = desk.release(version="9")
    refused = ada.get(f"/releases/{empty.pk}/evidence")
    assert (refused.status_code, refused.json()["blockers"][0]["code"]) == (409, "nothing_to_prove")


def test_the_pages_lead_to_it(desk, approved, released):
    client = Client()
    client.force_login(User.objects.get(pk=desk.admin.id))
    for page, links in (
        (f"/deployments/{approved.pk}", [f"/api/v1/deployments/{approved.pk}/{what}" for what in ("evidence", "sbom")]),
        (f"/releases/{released.pk}", [f"/api/v1/releases/{released.pk}/evidence"]),
    ):
        text = client.get(page).content.decode()
        for link in links:
            assert f'href="{link}"' in text
            assert client.get(link).status_code == 200
    empty = desk.release(version="9")
    assert f"/api/v1/releases/{empty.pk}/evidence" not in client.get(f"/releases/{empty.pk}").content.decode()


@settings_of_hypothesis(max_examples=examples(150))
@given(at=st.integers(0, 10**6), to=st.characters(codec="utf-8"))
def test_whatever_is_changed_in_the_file_is_found_unless_it_means_the_same(at, to):
    parts = [
        Statement(PROVENANCE, ({"name": "x 1", "digest": {"sha256": "0"}},), {"é": 1}),
    ]
    told = {"deployment": {"number": 7}, "statements": [parts[0].checksum], "events": [], "head": None}
    parts.append(Statement(DEPLOYMENT, ({"name": "x 1", "digest": {"sha256": "0"}},), told))
    text = "".join(f"{one.signed(bytes(32))}\n" for one in parts)
    at %= len(text)
    changed = text[:at] + to + text[at + 1 :]
    proof = verify_evidence(changed.split("\n"))
    if not proof.problem:
        assert decoded(changed) == decoded(text)


def _viewer_of(environment: Environment) -> Actor:
    return make_person("nora", Role.VIEWER, environment=environment)


def _signed(statements):
    from django.conf import settings

    return [one.signed(settings.HEAD_KEY) for one in statements]


def _resigned(head, **changes):
    from dataclasses import asdict

    from django.conf import settings

    from fairway.activity.heads import Head

    return asdict(Head(**{**head, **changes}).signed(settings.HEAD_KEY))
