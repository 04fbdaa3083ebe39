"""What is exported is read back as the same; every way in understands the same; what was mistyped leaves nothing."""

from __future__ import annotations

import pytest

from fairway.accounts.commands import set_roles
from fairway.accounts.rules import Role
from fairway.applications.models import Application
from fairway.releases.commands.manifest import apply_manifest, plan_manifest
from fairway.releases.commands.packages import NewPackage, add_package, add_packages, delete_package, edit_package
from fairway.releases.commands.releases import delete_release, release_from_environment
from fairway.releases.export import release_file
from fairway.releases.manifest import parse_pasted, parse_release
from fairway.releases.models import Package, Release
from fairway.releases.target_state import packages_of
from fairway.shared.names import Invalid
from tests.conftest import make_artifact
from tests.releases.desk import as_actor


@pytest.fixture
def both(desk):
    return desk.person("both", Role.RELEASE_MANAGER, Role.DEPLOYER)


def add(desk, release, name, source, **more):
    return add_package(actor=desk.deployer, release=release, name=name, source=source, **more)


def what_is_in(release):
    return {one.name: (one.application.slug, one.artifact_id, one.stage) for one in packages_of(release)}


def test_a_release_of_what_runs_is_exported_and_read_back_as_the_same(desk, both, staging, production):
    for name in ("api", "db"):
        desk.runs(name, staging)
    made = release_from_environment(
        actor=both, environment=staging, name="Autumn", version="1", manager=desk.user(both)
    )  # fmt: skip
    text = release_file(made)
    assert plan_manifest(actor=both, manifest=parse_release(text)) == (), "it says what is there"
    again = apply_manifest(actor=both, manifest=parse_release(text.replace("Autumn", "Winter"))).release
    assert what_is_in(again) == what_is_in(made)
    assert all(one.resolution == "resolved" for one in packages_of(again))


def test_a_version_whose_name_is_also_anothers_is_exported_by_its_digest(desk, both):
    application = desk.application("api")
    older, newer = (make_artifact(application, version="1.0") for _ in range(2))
    release = desk.release()
    package = desk.add(release, "api", artifact=older)
    assert f"source: api {older.digest}" in release_file(release)
    assert plan_manifest(actor=both, manifest=parse_release(release_file(release))) == ()
    edit_package(actor=desk.deployer, package=package, source="1.0")
    assert Package.objects.get(pk=package.pk).artifact == newer, "by its name it is the newest"


def test_a_package_called_otherwise_than_its_application_says_whose_it_is(desk, both):
    release = desk.release()
    desk.application("shop-web")
    add(desk, release, "storefront", "registry.test/web:2", application=desk.application("shop-web"))
    text = release_file(release)
    assert "application: shop-web" in text
    again = apply_manifest(
        actor=both,
        manifest=parse_release(text.replace('version: "1"', 'version: "9"').replace("version: '1'", "version: '9'")),
    ).release
    assert [one.application.slug for one in packages_of(again)] == ["shop-web"]
    assert not Application.objects.filter(slug="storefront").exists()


WAYS = {
    "one by one": lambda desk, release, text: add(desk, release, "api", text),
    "pasted": lambda desk, release, text: add_packages(
        actor=desk.deployer, release=release, packages=[NewPackage.of(one) for one in parse_pasted(f"api,{text}")]
    ),
    "a file": lambda desk, release, text: apply_manifest(
        actor=desk.person("both", Role.RELEASE_MANAGER, Role.DEPLOYER),
        manifest=parse_release(f'release: Spring\nversion: "1"\npackages:\n  api: "{text}"\n'),
    ),
    "changed": lambda desk, release, text: edit_package(
        actor=desk.deployer, package=add(desk, release, "api", "registry.test/api:0"), source=text
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", ["{version}", "#{number}", "api {version}", "api #{number}", "{digest}", "api {digest}"])
def test_every_way_in_understands_a_version_that_exists(desk, way, form):
    artifact = make_artifact(desk.application("api"), version="1.4")
    make_artifact(desk.application("api"), version="1.5")
    release = desk.release()
    WAYS[way](desk, release, form.format(version="1.4", number=artifact.number, digest=artifact.digest))
    assert desk.package(release, "api").artifact == artifact
    assert desk.package(release, "api").source_input == "api 1.4"


@pytest.mark.parametrize("way", WAYS)
def test_a_mistyped_version_is_named_with_what_exists(desk, way):
    for version in ("1.4", "1.5"):
        make_artifact(desk.application("api"), version=version)
    with pytest.raises(Invalid, match=r"“1\.9” is no version of api; there are 1\.5, 1\.4\."):
        WAYS[way](desk, desk.release(), "1.9")


def test_a_version_of_nothing_and_of_what_was_never_built_say_so(desk):
    release = desk.release()
    with pytest.raises(Invalid, match="there is no application “api”"):
        add(desk, release, "api", "1.4")
    with pytest.raises(Invalid, match="image reference"):
        add(desk, release, "api", "not a reference")
    desk.application("api")
    with pytest.raises(Invalid, match="none was built yet"):
        add(desk, release, "api", "1.4")


def test_versions_of_an_application_out_of_reach_are_not_told(desk):
    make_artifact(desk.application("secret"), version="1.4")
    api = desk.application("api")
    narrow = desk.user(desk.person("nat", Role.VIEWER))
    set_roles(actor=desk.admin, user=narrow, grants=[(Role.DEPLOYER, None, api.pk)])
    with pytest.raises(Invalid, match="there is no application “secret”"):
        add_package(actor=as_actor(narrow), release=desk.release(), name="api", source="secret 9", application=api)


def test_a_word_may_be_an_image_or_a_version(desk):
    release = desk.release()
    assert add(desk, release, "web", "nginx").source_kind == "image"
    artifact = make_artifact(desk.application("api"), version="main")
    assert add(desk, release, "api", "main").artifact == artifact


def test_a_mistyped_package_leaves_no_application_behind(desk):
    release = desk.release()
    package = add(desk, release, "catalgo", "registry.test/catalog:1")
    assert Application.objects.get(slug="catalgo").deleted_at is None
    delete_package(actor=desk.deployer, package=package)
    assert not Application.objects.filter(slug="catalgo", deleted_at=None).exists()
    assert "application.deleted" in desk.verbs("application")
    add(desk, release, "catalgo", "registry.test/catalog:1")
    delete_release(actor=desk.manager, release=release)
    assert not Application.objects.filter(slug="catalgo", deleted_at=None).exists()


def test_an_application_that_was_there_or_became_something_stays(desk):
    release = desk.release()
    desk.application("api")
    for name in ("api", "built"):
        package = add(desk, release, name, "registry.test/x:1")
        if name == "built":
            make_artifact(package.application)
        delete_package(actor=desk.deployer, package=package)
        assert Application.objects.filter(slug=name, deleted_at=None).exists()
    assert Release.objects.filter(pk=release.pk).exists()
