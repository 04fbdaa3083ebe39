import pytest
from django.conf import settings

from fairway.accounts.rules import SYSTEM, Blocked, NotVisible, Role
from fairway.activity.models import Event
from fairway.applications import commands, credential_commands, queries
from fairway.applications.files import upload_file
from fairway.applications.models import Application, Configuration, Credential, Upload
from fairway.applications.secrets import open_credential, open_secrets
from fairway.shared.names import Invalid
from tests.conftest import make_artifact, make_person

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"


def save(actor, application, environment, **values) -> Configuration:
    return commands.save_configuration(actor=actor, application=application, environment=environment, **values)


def test_a_deployer_creates_an_application_and_its_slug_comes_from_its_name(deployer):
    made = commands.create_application(actor=deployer, name="Café Menu", source_kind="image", source={"image": "menu:1"})
    assert (made.slug, made.spec) == ("cafe-menu", None)
    assert Event.objects.get().verb == "application.created"


@pytest.mark.parametrize(
    ("values", "field"),
    [({"slug": "hello"}, "slug"), ({"name": ""}, "slug"), ({"source": {}}, "image"), ({"spec": {"port": "x"}}, "port"),
     ({"spec": {"colour": "red"}}, "colour"), ({"source": {"image": "x:1", "credential": "none"}}, "credential")],
)  # fmt: skip
def test_a_bad_application_names_its_field_and_leaves_nothing(deployer, hello, values, field):
    given = {"name": "New", "source_kind": "image", "source": {"image": "x:1"}, **values}
    if field == "slug" and not given["name"]:
        given["name"], given["slug"] = "New", "Bad Slug"
    with pytest.raises(Invalid) as refused:
        commands.create_application(actor=deployer, **given)
    assert refused.value.field == field
    assert Application.objects.count() == 1


def test_only_what_a_person_set_is_kept_of_the_spec(deployer):
    made = commands.create_application(
        actor=deployer, name="New", source_kind="image", source={"image": "x:1"}, spec={"port": 9000, "health_path": None}
    )
    assert made.spec == {"port": 9000}


def test_every_save_is_a_version_and_saving_the_same_again_is_not(deployer, hello, staging):
    first = save(deployer, hello, staging, variables={"A": "1"}, secrets={"TOKEN": "hunter22"})
    again = save(deployer, hello, staging, variables={"A": "1"})
    second = save(deployer, hello, staging, variables={"A": "2"})
    assert (first.version, again.version, second.version) == (1, 1, 2)
    assert open_secrets(second) == {"TOKEN": "hunter22"}
    assert [change.name for change in queries.changes_between(first, second)] == ["A"]


def test_a_secret_is_sealed_and_appears_in_no_event(deployer, hello, staging):
    save(deployer, hello, staging, secrets={"TOKEN": "hunter22"})
    assert "hunter22" not in str(Configuration.objects.values())
    assert "hunter22" not in str(Event.objects.values())


def test_two_people_saving_at_once_do_not_lose_each_others_work(deployer, hello, staging):
    save(deployer, hello, staging, variables={"A": "1"}, based_on=0)
    with pytest.raises(Invalid, match="version 1 was saved in the meantime"):
        save(deployer, hello, staging, variables={"B": "1"}, based_on=0)


def test_a_name_is_a_variable_or_a_secret(deployer, hello, staging):
    with pytest.raises(Invalid, match="keep one"):
        save(deployer, hello, staging, variables={"A": "1"}, secrets={"A": "2222"})


def test_an_earlier_version_comes_back_as_a_new_one_with_its_secrets(deployer, hello, staging):
    old = save(deployer, hello, staging, variables={"A": "1"}, secrets={"T": "old-secret"})
    save(deployer, hello, staging, variables={"B": "2"}, secrets={"U": "other"}, removed_secrets=["T"])
    again = commands.restore_configuration(actor=deployer, application=hello, environment=staging, old=old)
    assert (again.version, again.variables, open_secrets(again)) == (3, {"A": "1"}, {"T": "old-secret"})


def test_a_viewer_configures_nothing_and_a_narrowed_deployer_only_their_environment(viewer, hello, staging, production):
    with pytest.raises(Blocked):
        save(viewer, hello, staging, variables={"A": "1"})
    narrowed = make_person("nora", Role.DEPLOYER, environment=staging)
    save(narrowed, hello, staging, variables={"A": "1"})
    with pytest.raises(Blocked):
        save(narrowed, hello, production, variables={"A": "1"})


def test_rotating_keys_reseals_everything_under_the_newest(deployer, hello, staging, monkeypatch):
    from cryptography.fernet import Fernet

    saved = save(deployer, hello, staging, secrets={"T": "old-secret"})
    credential_commands.save_credential(
        actor=deployer, kind="registry", name="reg", host="r.test:5000", username="u", secret="hunter22"
    )
    newest = Fernet.generate_key().decode()
    monkeypatch.setattr(settings, "FIELD_KEYS", [newest, *settings.FIELD_KEYS])
    assert commands.rotate_keys() == 2
    monkeypatch.setattr(settings, "FIELD_KEYS", [newest])
    saved.refresh_from_db()
    assert open_secrets(saved) == {"T": "old-secret"}
    assert open_credential(Credential.objects.get()) == "hunter22"


def test_an_upload_is_known_by_its_checksum_and_stored_once(deployer):
    one = commands.store_upload(actor=deployer, name="../../evil.zip", chunks=[b"ab", b"c"])
    two = commands.store_upload(actor=deployer, name="other.zip", chunks=[b"abc"])
    assert one == two
    assert one.name == "evil.zip"
    assert upload_file(one.checksum).read_bytes() == b"abc"
    assert upload_file(one.checksum).stat().st_mode & 0o777 == 0o600


def test_an_upload_that_is_empty_or_too_large_leaves_no_file(deployer, monkeypatch):
    monkeypatch.setattr(settings, "MAX_UPLOAD_BYTES", 10)
    before = set(settings.DATA.folder("uploads").iterdir())
    for chunks in ([], [b"x" * 6, b"x" * 6]):
        with pytest.raises(Invalid):
            commands.store_upload(actor=deployer, name="a.zip", chunks=chunks)
    assert set(settings.DATA.folder("uploads").iterdir()) == before
    assert not Upload.objects.exists()


def test_a_credential_in_use_is_not_deleted(deployer):
    credential_commands.save_credential(actor=deployer, kind="deploy_key", name="key", host="git.example.com", secret=KEY)
    source = {"url": "git@git.example.com:a/b.git", "credential": "key"}
    commands.create_application(actor=deployer, name="New", source_kind="git", source=source)
    with pytest.raises(Invalid, match="used by new"):
        credential_commands.delete_credential(actor=deployer, name="key")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "x"}, "kind"),
        ({"secret": " "}, "secret"),
        ({"host": "a b"}, "host"),
        ({"username": ""}, "username"),
        ({"name": "A b"}, "name"),
    ],
)
def test_a_bad_credential_names_its_field(deployer, values, field):
    given = {"kind": "registry", "name": "reg", "host": "r.test:5000", "username": "u", "secret": "hunter22", **values}
    with pytest.raises(Invalid) as refused:
        credential_commands.save_credential(actor=deployer, **given)
    assert refused.value.field == field
    assert not Credential.objects.exists()


def test_the_same_bytes_and_spec_are_one_artifact(hello):
    one = make_artifact(hello)
    again = commands.record_artifact(
        application=hello, ref=one.ref, spec=one.parsed_spec, version="other", source_kind="image", source={}, created_by="x"
    )
    assert again == one
    other = commands.record_artifact(
        application=hello, ref=one.ref, spec=one.parsed_spec.__class__(kind="image", port=9), version="1.1",
        source_kind="image", source={}, created_by="x",
    )  # fmt: skip
    assert other.number == one.number + 1


def test_an_application_outside_a_narrowed_grant_does_not_exist(hello, db):
    other = commands.create_application(actor=SYSTEM, name="Other", source_kind="image", source={"image": "x:1"})
    narrowed = make_person("nora")
    narrowed = narrowed.__class__(**{**narrowed.__dict__, "grants": (grant_of(hello),)})
    assert [one.slug for one in queries.visible_to(narrowed)] == ["hello"]
    with pytest.raises(NotVisible):
        queries.get_application(narrowed, other.slug)


def grant_of(application):
    from fairway.accounts.rules import Grant

    return Grant(Role.DEPLOYER, application=application.slug)


def test_a_deployer_of_one_application_uploads_its_next_version_and_a_viewer_uploads_nothing(hello, viewer):
    narrowed = make_person("nora")
    narrowed = narrowed.__class__(**{**narrowed.__dict__, "grants": (grant_of(hello),)})
    assert commands.store_upload(actor=narrowed, name="v2.zip", chunks=[b"abc"]).size_bytes == 3
    with pytest.raises(Blocked):
        commands.store_upload(actor=viewer, name="v2.zip", chunks=[b"abc"])


def test_a_bundle_is_found_where_its_data_directory_was_moved_to(hello, settings):
    digest = "ab" * 32
    made = make_artifact(hello)
    made.location, made.digest = f"/where/it/was/built/bundles/{digest}", f"sha256:{digest}"
    here = settings.DATA.folder("bundles") / digest
    assert made.ref.location == made.folder == here
    assert not made.folder.is_dir()
