"""What is in a release: entered by people, found out by a run, changed only while that is allowed."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Blocked
from fairway.activity.models import Event
from fairway.applications.models import Application
from fairway.deployments.models import Placement
from fairway.deployments.rules import Health
from fairway.releases.commands.dependencies import add_dependency, remove_dependency
from fairway.releases.commands.packages import (
    NewPackage,
    add_package,
    add_packages,
    delete_package,
    edit_package,
    resolve_again,
)
from fairway.releases.commands.releases import (
    clone_release,
    create_release,
    delete_release,
    edit_release,
    release_from_environment,
)
from fairway.releases.commands.targets import deploy_package, distribute
from fairway.releases.models import Package, Release
from fairway.releases.queries import logs_of, visible_to
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from tests.conftest import make_artifact


def field_of(invalid):
    return invalid.value.field


def add(desk, release, name="api", source="registry.test/api:2", **more):
    return add_package(actor=desk.deployer, release=release, name=name, source=source, **more)


# --- releases


def test_a_release_needs_a_name_a_version_of_its_own_and_people_who_exist(desk):
    asked = {"actor": desk.manager, "name": "Spring", "version": "1", "manager": desk.user(desk.manager)}
    create_release(**asked)
    for wrong, field in (
        ({}, "version"),
        ({"name": " "}, "name"),
        ({"version": ""}, "version"),
        ({"version": "2", "description": "x" * 10_001}, "description"),
        ({"version": "2", "deputy": desk.user(desk.manager)}, "deputy"),
        ({"version": "2", "targets": []}, "targets"),
    ):
        with pytest.raises(Invalid) as invalid:
            create_release(**{**asked, **wrong})
        assert field_of(invalid) == field
    gone = desk.user(desk.person("gil"))
    gone.is_active = False
    gone.save()
    with pytest.raises(Invalid) as invalid:
        create_release(**{**asked, "version": "2", "manager": gone})
    assert field_of(invalid) == "manager"
    assert create_release(**{**asked, "version": "2", "description": "x" * 10_000}).pk
    with pytest.raises(Blocked):
        create_release(**{**asked, "actor": desk.deployer, "version": "3"})


def test_editing_changes_words_and_people_only(desk):
    release = desk.release()
    edited = edit_release(
        actor=desk.manager, release=release, description="New", manager=desk.user(desk.admin), deputy=desk.user(desk.manager)
    )
    assert (edited.description, edited.manager, edited.deputy) == ("New", desk.user(desk.admin), desk.user(desk.manager))
    assert edit_release(actor=desk.manager, release=release, no_deputy=True).deputy is None


def test_a_clone_has_the_same_versions_and_needs_and_nothing_stands_anywhere(desk, staging):
    release = desk.release(packages="db api", needs="api>db")
    edit_package(actor=desk.deployer, package=desk.package(release, "api"), stage="ready")
    clone = clone_release(actor=desk.manager, release=release, version="2")
    assert {one.name: (one.artifact, one.stage) for one in clone.packages.all()} == {
        name: (desk.package(release, name).artifact, "registered") for name in ("api", "db")
    }
    assert desk.package(clone, "api").dependencies.get().needs == desk.package(clone, "db")
    assert (clone.cloned_from, set(desk.shown(clone, staging).values())) == (release, {"absent"})


def test_deleting_takes_the_packages_along_and_asks_twice_while_one_is_served(desk, staging):
    release = desk.release(packages="api")
    api = desk.package(release, "api")
    distribute(actor=desk.deployer, package=api, environment=staging)
    desk.work()
    deploy_package(actor=desk.deployer, package=api, environment=staging)
    with pytest.raises(Blocked) as blocked:
        delete_release(actor=desk.manager, release=release, confirmed="Spring 1")
    assert blocked.value.blockers[0].code == "in_progress"
    desk.work()
    with pytest.raises(Blocked, match="api"):
        delete_release(actor=desk.manager, release=release)
    delete_release(actor=desk.manager, release=release, confirmed="Spring 1")
    assert not visible_to(desk.admin).exists()
    assert not Package.objects.filter(deleted_at=None).exists()
    assert desk.serving("api", staging) == api.artifact.digest
    assert desk.release().version == "1"  # the name is free again


def test_a_release_is_made_of_what_runs_healthy_with_the_same_bytes(desk, staging, production):
    good, bad = desk.runs("good", staging), desk.runs("bad", staging)
    Placement.objects.filter(current=bad).update(health=Health.DOWN)
    asked = {"actor": desk.manager, "name": "From staging", "manager": desk.user(desk.manager)}
    release = release_from_environment(environment=staging, version="1", **asked)
    (package,) = release.packages.all()
    assert (package.artifact, package.stage, package.resolution) == (good.artifact, "ready", "resolved")
    assert list(release.targets.all()) == [production]
    with pytest.raises(Blocked, match="is running and healthy"):
        release_from_environment(environment=production, version="2", **asked)
    assert Release.objects.count() == 1


# --- packages


def test_an_image_is_resolved_to_a_digest_without_being_deployed(desk, development):
    package = add(desk, desk.release())
    assert (package.resolution, package.artifact, package.application.slug) == ("resolving", None, "api")
    desk.work()
    package.refresh_from_db()
    assert package.resolution == "resolved", package.sentence
    assert package.artifact.source == {"image": "registry.test/api:2"}
    assert "registry.test/api:2" in str(logs_of(package)[0].lines)
    assert not Placement.objects.exists()
    assert "package.resolved" in desk.verbs("package")


def test_what_does_not_exist_says_so_on_the_package_and_can_be_tried_again(desk):
    desk.fake.fail("resolve", Refused("There is no such image."))
    package = add(desk, desk.release())
    desk.work()
    package.refresh_from_db()
    assert (package.resolution, package.sentence) == ("unresolvable", "There is no such image.")
    resolve_again(actor=desk.deployer, package=package)
    desk.work()
    package.refresh_from_db()
    assert (package.resolution, package.sentence) == ("resolved", "")


def test_a_look_at_what_was_entered_before_changes_nothing_any_more(desk):
    package = add(desk, desk.release())
    edit_package(actor=desk.deployer, package=package, source="registry.test/api:3")
    desk.work()
    package.refresh_from_db()
    assert package.artifact.source == {"image": "registry.test/api:3"}
    assert not Event.objects.filter(verb="package.unresolvable").exists()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "db"}, "name"),
        ({"source": ""}, "source"),
        ({"source": "Not An Image"}, "source"),
        ({"source": "https://user:secret@git.test/api.git"}, "source"),
        ({"source": "https://files.test/api.zip"}, "source"),
        ({"stage": "done"}, "stage"),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_refused_at_once(desk, asked, field):
    release = desk.release(packages="db")
    before = Event.objects.count()
    with pytest.raises(Invalid) as invalid:
        add(desk, release, **asked)
    assert field_of(invalid) == field
    assert Event.objects.count() == before


def test_an_application_is_once_in_a_release(desk):
    release = desk.release(packages="api")
    with pytest.raises(Invalid) as invalid:
        add(desk, release, name="Another", application=desk.application("api"))
    assert field_of(invalid) == "application"
    other = make_artifact(desk.application("web"))
    with pytest.raises(Invalid) as invalid:
        add(desk, release, name="Web", source="", artifact=other, application=desk.application("db"))
    assert field_of(invalid) == "artifact"


def test_a_bulk_paste_is_all_or_nothing_and_says_which_line(desk):
    release = desk.release()
    good = NewPackage("web", "registry.test/web:1", needs=("api",))
    with pytest.raises(Invalid) as invalid:
        add_packages(actor=desk.deployer, release=release, packages=[good, NewPackage("api", "?")])
    assert field_of(invalid) == "packages[1].source"
    with pytest.raises(Invalid) as invalid:
        add_packages(actor=desk.deployer, release=release, packages=[good])
    assert field_of(invalid) == "packages[0].needs"
    assert not Package.objects.exists()
    assert not Application.objects.exists()
    made = add_packages(actor=desk.deployer, release=release, packages=[good, NewPackage("api", "registry.test/api:1")])
    assert [one.needs.name for one in made[0].dependencies.all()] == ["api"]


def test_another_version_stands_nowhere_until_it_is_distributed(desk, staging):
    release = desk.release(packages="api")
    api = desk.package(release, "api")
    distribute(actor=desk.deployer, package=api, environment=staging)
    with pytest.raises(Blocked, match="Another operation on"):
        edit_package(actor=desk.deployer, package=api, artifact=make_artifact(api.application))
    desk.work()
    edit_package(actor=desk.deployer, package=api, artifact=make_artifact(api.application))
    assert desk.shown(release, staging) == {"api": "absent"}


def test_taking_a_package_out_takes_its_dependencies_along(desk):
    release = desk.release(packages="db api web", needs="api>db web>api")
    delete_package(actor=desk.deployer, package=desk.package(release, "api"))
    assert not desk.package(release, "web").dependencies.exists()
    assert Event.objects.get(verb="package.deleted").before["needed_by"] == ["web"]


# --- dependencies


def test_a_cycle_is_refused_and_named(desk):
    release = desk.release(packages="a b c", needs="a>b b>c")
    with pytest.raises(Invalid, match="c → a → b → c"):
        add_dependency(actor=desk.deployer, package=desk.package(release, "c"), needs=desk.package(release, "a"))
    with pytest.raises(Invalid, match="a → a"):
        add_dependency(actor=desk.deployer, package=desk.package(release, "a"), needs=desk.package(release, "a"))


def test_needing_a_package_of_another_release_is_refused(desk):
    one, other = desk.release("1", packages="a"), desk.release("2", packages="a")
    with pytest.raises(Invalid, match="another release"):
        add_dependency(actor=desk.deployer, package=desk.package(one, "a"), needs=desk.package(other, "a"))


def test_a_dependency_can_go_again_and_twice_is_once(desk):
    release = desk.release(packages="a b", needs="a>b")
    a, b = desk.package(release, "a"), desk.package(release, "b")
    add_dependency(actor=desk.deployer, package=a, needs=b)
    assert a.dependencies.count() == 1
    remove_dependency(actor=desk.deployer, package=a, needs=b)
    remove_dependency(actor=desk.deployer, package=a, needs=b)
    assert desk.verbs("package").count("package.dependency_removed") == 1
