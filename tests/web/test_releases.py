"""The release desk in a browser: made, filled, planned, and why not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from icalendar import Calendar

from fairway.accounts.rules import Actor, Blocked, Role
from fairway.applications.commands import save_configuration
from fairway.applications.models import Application
from fairway.environments.models import Environment
from fairway.releases.commands.approvals import seal
from fairway.releases.commands.dependencies import add_dependency
from fairway.releases.commands.packages import add_package
from fairway.releases.commands.releases import create_release, edit_release
from fairway.releases.commands.rollouts import roll_out
from fairway.releases.commands.schedule import schedule_release
from fairway.releases.models import Dependency, Package, Release, Rollout
from fairway.releases.queries import status_of
from tests.conftest import make_artifact, make_person
from tests.web.conftest import Browser, live


@pytest.fixture
def both(db: None) -> Actor:
    """Somebody who plans and ships."""
    return make_person("grace", Role.RELEASE_MANAGER, Role.DEPLOYER)


@pytest.fixture
def release(both: Actor, staging: Environment, production: Environment) -> Release:
    from fairway.accounts.models import User

    return create_release(actor=both, name="Autumn", version="2026.11", manager=User.objects.get(pk=both.id))


@pytest.fixture
def packages(both: Actor, release: Release) -> list[Package]:
    """catalog-db ← catalog-api, each an artifact that is there already."""
    made = []
    for name in ("catalog-db", "catalog-api"):
        application = Application.objects.create(slug=name, name=name, source_kind="image", source={"image": "r/x:1"})
        made.append(add_package(actor=both, release=release, name=name, artifact=make_artifact(application), stage="ready"))
    add_dependency(actor=both, package=made[1], needs=made[0])
    return made


def test_a_release_is_made_and_listed(browse: Browser, manager: Actor, staging: Environment) -> None:
    client = browse(manager)
    answer = client.post(
        reverse("release-new"),
        {"name": "Autumn", "version": "2026.11", "manager": "max", "deputy": "", "targets": ["staging"]},
    )
    made = Release.objects.get()
    assert answer["Location"] == reverse("release-detail", args=[made.pk])
    page = client.get(reverse("release-list")).content.decode()
    assert "Autumn" in page
    assert 'data-status="draft"' in page
    assert "No release matches" in client.get(reverse("release-list"), {"q": "winter"}).content.decode()


@pytest.mark.parametrize("tab", ["detail", "dependencies", "readiness", "rollouts", "plan"])
def test_every_tab_says_of_which_release_it_is(browse: Browser, both: Actor, release: Release, tab: str) -> None:
    page = browse(both).get(reverse(f"release-{tab}", args=[release.pk])).content.decode()
    head = page[page.index('id="release-head"') : page.index('class="tabs"')]
    assert 'data-status="draft"' in head
    assert "grace" in head.lower()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": " "}, "required"),
        ({"description": "x" * 10_001}, "at most 10000 characters"),
        ({"deputy": "max"}, "the manager already"),
        ({"manager": "nobody"}, "not one of the available choices"),
        ({}, "exists already"),
    ],
)
def test_what_is_wrong_with_a_release_stands_beside_its_field(
    browse: Browser, manager: Actor, staging: Environment, change: dict[str, str], words: str
) -> None:
    client, good = (
        browse(manager),
        {"name": "Autumn", "version": "2026.11", "manager": "max", "deputy": "", "targets": ["staging"]},
    )
    if not change:
        client.post(reverse("release-new"), good)
    answer = client.post(reverse("release-new"), good | change)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert Release.objects.count() == (0 if change else 1)


def test_a_day_clicked_in_the_calendar_leads_to_its_plan(browse: Browser, manager: Actor, staging: Environment) -> None:
    values = {"name": "Autumn", "version": "1", "manager": "max", "deputy": "", "targets": ["staging"]}
    answer = browse(manager).post(f"{reverse('release-new')}?day=2030-05-04", values)
    assert "at=2030-05-04T20:00" in answer["Location"]


def test_a_release_of_what_runs_holds_exactly_that(
    browse: Browser, both: Actor, hello: Application, staging: Environment, production: Environment
) -> None:
    running = live(hello, staging)
    values = {
        "name": "Rehearsed",
        "version": "1",
        "manager": "grace",
        "deputy": "",
        "description": "as tested",
        "targets": ["production"],
    }
    client = browse(both)
    assert "hello" in client.get(f"{reverse('release-new')}?from=staging").content.decode().lower()
    client.post(f"{reverse('release-new')}?from=staging", values)
    made = Release.objects.get()
    assert (made.description, [one.artifact for one in made.packages.all()]) == ("as tested", [running.artifact])


def test_packages_are_shown_on_every_target_with_what_can_be_done(
    browse: Browser, both: Actor, release: Release, packages: list[Package]
) -> None:
    page = browse(both).get(reverse("release-detail", args=[release.pk])).content.decode()
    assert len(re.findall(r"Distribute\s*</button>", page)) == 4
    assert "needs catalog-db" in page
    assert "Distribute all" in page


@pytest.mark.parametrize("name", ["detail", "dependencies", "readiness", "rollouts", "plan"])
def test_each_page_of_a_release_says_how_it_is_and_whose(
    browse: Browser, both: Actor, release: Release, packages: list[Package], name: str
) -> None:
    page = browse(both).get(reverse(f"release-{name}", args=[release.pk])).content.decode()
    head = page[page.index('id="release-head"') :]
    assert 'data-status="draft"' in head[:2000]
    assert "grace" in head[:3000]


def test_viewers_see_everything_and_are_offered_nothing(
    browse: Browser, viewer: Actor, release: Release, packages: list[Package]
) -> None:
    client = browse(viewer)
    for name in ("detail", "dependencies", "readiness", "rollouts", "plan"):
        answer = client.get(reverse(f"release-{name}", args=[release.pk]))
        assert answer.status_code == 200
        for word in ("Add a package", "Distribute all", "Delete", "Seal<", "Add the dependency"):
            assert word not in answer.content.decode()


def test_a_package_says_at_once_what_cannot_be(browse: Browser, both: Actor, release: Release) -> None:
    client, url = browse(both), reverse("package-new", args=[release.pk])
    for version, words in (("UPPER CASE", "image reference"), ("https://x.example/a.zip", "checksum"), ("", "required")):
        answer = client.post(url, {"name": "shop", "version": version, "stage": "ready"})
        assert answer.status_code == 422
        assert words in answer.content.decode()
    assert Package.objects.count() == 0


def test_a_version_that_was_built_already_is_that_artifact(
    browse: Browser, both: Actor, release: Release, hello: Application
) -> None:
    artifact = make_artifact(hello, "2.5")
    browse(both).post(reverse("package-new", args=[release.pk]), {"name": "hello", "version": "2.5", "stage": "ready"})
    assert Package.objects.get().artifact == artifact


def test_editing_the_stage_alone_does_not_look_the_version_up_again(
    browse: Browser, both: Actor, release: Release, packages: list[Package]
) -> None:
    one = packages[0]
    values = {"name": one.name, "version": one.source_input or one.version, "stage": "testing"}
    browse(both).post(reverse("package-edit", args=[release.pk, one.pk]), values)
    one.refresh_from_db()
    assert (one.stage, one.resolution) == ("testing", "resolved")


def test_pasted_packages_are_shown_first_and_then_added_all_or_none(browse: Browser, both: Actor, release: Release) -> None:
    client, url = browse(both), reverse("packages-paste", args=[release.pk])
    text = "name,version,needs\ndb,registry.example.com/db:1\napi,registry.example.com/api:1,db"
    assert "Add 2 packages" in client.post(url, {"text": text, "do": "check"}).content.decode()
    assert Package.objects.count() == 0
    bad = client.post(url, {"text": f"{text}\nweb,registry.example.com/web:1,nothing", "do": "add"})
    assert (bad.status_code, Package.objects.count()) == (422, 0)
    client.post(url, {"text": text, "do": "add"})
    assert (Package.objects.count(), Dependency.objects.count()) == (2, 1)


def test_pasting_names_the_line_of_what_the_release_does_not_know(
    browse: Browser, both: Actor, release: Release, packages: list[Package]
) -> None:
    address = reverse("packages-paste", args=[release.pk])
    for line, words in {
        "storefront,r/web:2,catalog-apo": "Line 2: “catalog-apo” is not a package of this release.",
        "catalog-db,r/db:2,": "Line 2: “catalog-db” is in this release already.",
    }.items():
        answer = browse(both).post(address, {"do": "check", "text": f"name,version,needs\n{line}\n"})
        assert answer.status_code == 422
        assert words in answer.content.decode()


def test_a_cycle_is_named_beside_the_form(browse: Browser, both: Actor, release: Release, packages: list[Package]) -> None:
    db, api = packages
    answer = browse(both).post(reverse("dependency-add", args=[release.pk]), {"package": db.pk, "needs": api.pk})
    assert answer.status_code == 422
    assert "catalog-db → catalog-api → catalog-db" in answer.content.decode()


def test_a_package_of_another_release_is_no_choice(
    browse: Browser, both: Actor, release: Release, packages: list[Package]
) -> None:
    from fairway.accounts.models import User

    other = create_release(actor=both, name="Other", version="1", manager=User.objects.get(pk=both.id))
    client, url = browse(both), reverse("dependency-add", args=[other.pk])
    answer = client.post(url, {"package": packages[0].pk, "needs": "²"})
    assert (answer.status_code, "choose a package of this release" in answer.content.decode().lower()) == (422, True)
    assert client.get(reverse("package-log", args=[other.pk, packages[0].pk])).status_code == 404


def test_a_dependency_is_removed(browse: Browser, both: Actor, release: Release, packages: list[Package]) -> None:
    db, api = packages
    browse(both).post(reverse("dependency-remove", args=[release.pk, api.pk, db.pk]))
    assert not Dependency.objects.exists()


def test_seal_approve_and_what_a_change_does_to_it(
    browse: Browser, both: Actor, manager: Actor, release: Release, packages: list[Package], production: Environment
) -> None:
    Environment.objects.filter(pk=production.pk).update(approvals_needed=1)
    client = browse(both)
    client.post(reverse("release-seal", args=[release.pk]))
    release.refresh_from_db()
    answer = {"environment": "production", "decision": "approve", "fingerprint": release.fingerprint, "comment": "seen"}
    own = client.post(reverse("release-approval", args=[release.pk]), answer)
    assert own.status_code == 409
    assert "somebody else has to approve it" in own.content.decode()
    stale = browse(manager).post(reverse("release-approval", args=[release.pk]), {**answer, "fingerprint": "0" * 64})
    assert stale.status_code == 422
    browse(manager).post(reverse("release-approval", args=[release.pk]), answer)
    page = client.get(reverse("release-plan", args=[release.pk])).content.decode()
    assert 'data-status="approved"' in page
    assert "seen" in page
    assert f"This approval will be void: {manager.name} (Production)." in page
    unsure = client.post(reverse("release-unseal", args=[release.pk]))
    assert (unsure.status_code, "type “" in unsure.content.decode()) == (422, True)
    client.post(reverse("release-unseal", args=[release.pk]), {"confirm": release.version})
    assert "seen" not in client.get(reverse("release-plan", args=[release.pk])).content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"at": "2001-01-01T10:00"}, "in the past"),
        ({"at": "tomorrow"}, "not a date and time"),
        ({"zone": "Europe/Atlantis"}, "not a time zone"),
        ({"start_by": "soon"}, "not a number"),
        ({"start_by": "0"}, "from 1 to"),
    ],
)
def test_a_time_that_cannot_be_is_said_beside_its_field(
    browse: Browser, both: Actor, release: Release, packages: list[Package], change: dict[str, str], words: str
) -> None:
    good = {"environment": "production", "at": "2030-05-04T20:00", "zone": "Europe/Paris", "start_by": "60"}
    answer = browse(both).post(reverse("release-schedule", args=[release.pk]), good | change)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Rollout.objects.exists()


def test_a_planned_release_stands_in_the_calendar_and_can_be_moved_and_taken_off(
    browse: Browser, both: Actor, release: Release, packages: list[Package]
) -> None:
    client = browse(both)
    values = {"environment": "production", "at": "2030-05-04T20:00", "zone": "Europe/Paris", "start_by": "60"}
    client.post(reverse("release-schedule", args=[release.pk]), values)
    assert status_of(release) == "scheduled"
    month = client.get(reverse("calendar"), {"at": "2030-05-20"}).content.decode()
    assert "Autumn 2026.11" in month
    assert "18:00" in month  # UTC, as long as the browser has not said its zone
    client.cookies["fairway_zone"] = "America/New_York"
    assert "14:00" in client.get(reverse("calendar"), {"at": "2030-05-20"}).content.decode()
    client.post(reverse("release-schedule", args=[release.pk]), {**values, "at": "2030-06-04T20:00"})
    assert 'data-kind="release"' not in client.get(reverse("calendar"), {"at": "2030-05-20"}).content.decode()
    (planned,) = Rollout.objects.all()
    client.post(reverse("rollout-unscheduling", args=[release.pk, planned.pk]))
    assert status_of(release) == "draft"


def test_a_calendar_nobody_could_mean_is_refused(browse: Browser, viewer: Actor) -> None:
    for at in ("0001-01-01", "9999-12-31", "x", "2026-13-01"):
        assert browse(viewer).get(reverse("calendar"), {"at": at}).status_code == 422
    assert browse(viewer).get(reverse("calendar"), {"view": "week"}).status_code == 200


def test_a_feed_shows_its_owner_what_is_planned_until_it_is_revoked(
    browse: Browser, both: Actor, release: Release, packages: list[Package]
) -> None:
    client = browse(both)
    soon = datetime.now(UTC) + timedelta(days=30)
    values = {"environment": "production", "at": f"{soon:%Y-%m-%dT20:00}", "zone": "Europe/Paris", "start_by": "60"}
    client.post(reverse("release-schedule", args=[release.pk]), values)
    page = client.post(reverse("calendar-feed-make"), follow=True).content.decode()
    address = page.split('data-copy="')[1].split('"')[0]
    assert address.endswith("/releases.ics")
    assert "releases.ics" not in client.get(reverse("calendar")).content.decode(), "it is shown once"
    client.logout()
    (event,) = Calendar.from_ical(client.get(address).content).walk("VEVENT")
    assert (str(event["SUMMARY"]), str(event["STATUS"])) == ("Autumn 2026.11 → Production", "CONFIRMED")
    assert event["DTSTART"].params["TZID"] == "Europe/Paris"
    browse(both).post(reverse("calendar-feed-revoke"))
    assert client.get(address).status_code == 404


def test_what_stands_in_the_way_is_said_per_target(
    browse: Browser, both: Actor, release: Release, packages: list[Package], production: Environment
) -> None:
    Environment.objects.filter(pk=production.pk).update(approvals_needed=2)
    page = browse(both).get(reverse("release-readiness", args=[release.pk])).content.decode()
    assert 'data-status="clear"' in page
    assert "is not sealed, so nobody can approve it for Production" in page


def test_before_a_rollout_the_page_says_what_it_will_do(
    browse: Browser, both: Actor, release: Release, packages: list[Package]
) -> None:
    page = browse(both).get(reverse("release-roll-out", args=[release.pk, "staging"])).content.decode()
    assert page.index("Level 1") < page.index("catalog-db") < page.index("Level 2")
    assert "distributed first" in page


def test_a_release_is_cancelled_with_a_reason_and_deleted_by_its_name(
    browse: Browser, both: Actor, release: Release, packages: list[Package]
) -> None:
    client = browse(both)
    assert client.post(reverse("release-cancellation", args=[release.pk]), {"reason": " "}).status_code == 422
    client.post(reverse("release-cancellation", args=[release.pk]), {"reason": "not this year"})
    assert "not this year" in client.get(reverse("release-detail", args=[release.pk])).content.decode()
    assert client.post(reverse("release-deletion", args=[release.pk]), {"confirm": "Autumn"}).status_code == 422
    client.post(reverse("release-deletion", args=[release.pk]), {"confirm": "Autumn 2026.11"})
    assert client.get(reverse("release-detail", args=[release.pk])).status_code == 404


def test_the_file_of_a_release_can_be_read_again(
    browse: Browser, viewer: Actor, release: Release, packages: list[Package]
) -> None:
    from fairway.releases.manifest import parse_release

    answer = browse(viewer).get(reverse("release-file", args=[release.pk]))
    again = parse_release(answer.content.decode())
    assert (again.name, again.version, again.manager) == ("Autumn", "2026.11", "grace")
    assert [(one.name, one.needs) for one in again.packages] == [("catalog-api", ("catalog-db",)), ("catalog-db", ())]


def test_the_home_page_says_which_release_waits_for_ones_yes(
    browse: Browser, manager: Actor, packages: list[Package], release: Release, production: Environment
) -> None:
    Environment.objects.filter(pk=production.pk).update(approvals_needed=2)
    seal(actor=manager, release=release)
    home = browse(make_person("ann", Role.RELEASE_MANAGER)).get("/").content.decode()
    assert f"{release} → Production waits for approval" in home
    assert f"0 of 2 approvals; sealed by {manager.name}." in home
    assert reverse("release-plan", args=[release.pk]) in home
    assert "waits for approval" not in browse(manager).get("/").content.decode()


def test_the_palette_reaches_a_release(browse: Browser, both: Actor, release: Release) -> None:
    items = browse(both).get("/palette").json()["items"]
    assert {"url": reverse("release-detail", args=[release.pk]), "label": str(release)}.items() <= next(
        item for item in items if item["label"] == str(release)
    ).items()
    assert reverse("release-new") in {item["url"] for item in items}


def test_the_targets_of_a_release_are_chosen_on_its_pages(
    browse: Browser, manager: Actor, release: Release, staging: Environment
) -> None:
    client, url = browse(manager), reverse("release-edit", args=[release.pk])
    values = {"description": "", "manager": release.manager.username, "deputy": ""}
    assert client.post(url, {**values, "targets": []}).status_code == 422
    client.post(url, {**values, "targets": ["staging"]})
    assert [one.slug for one in release.targets.all()] == ["staging"]
    page = client.get(url).content.decode()
    assert re.search(r'value="staging"[^>]*checked', page)
    assert not re.search(r'value="production"[^>]*checked', page)
    assert "production" in client.get(reverse("release-new")).content.decode()


def test_newer_settings_are_shown_with_who_saved_them_and_used_when_asked(
    browse: Browser, both: Actor, manager: Actor, viewer: Actor, release: Release, packages: list[Package],
    production: Environment,
) -> None:  # fmt: skip
    seal(actor=manager, release=release)
    owner = packages[0].application
    save_configuration(actor=both, application=owner, environment=production, variables={"POOL": "5"}, comment="Too small")
    plan = reverse("release-plan", args=[release.pk])
    for actor, may in ((manager, True), (viewer, False)):
        page = browse(actor).get(plan).content.decode()
        assert all(words in page for words in ("Newer settings were saved", "POOL", "Too small"))
        assert ("is not possible now" in page.split("Newer settings were saved")[1].split("</section>")[0]) is not may
    before = Release.objects.get().fingerprint
    browse(manager).post(reverse("release-settings", args=[release.pk]))
    assert Release.objects.get().fingerprint != before
    assert "Newer settings were saved" not in browse(manager).get(plan).content.decode()


def test_what_is_sealed_says_so_before_anybody_types(
    browse: Browser, both: Actor, manager: Actor, release: Release, packages: list[Package]
) -> None:
    seal(actor=manager, release=release)
    page = browse(both).get(reverse("release-detail", args=[release.pk])).content.decode()
    assert "“Add a package” is not possible now" in page
    assert f"was sealed by {manager.name}" in page
    assert reverse("package-new", args=[release.pk]) not in page


def test_each_schedule_is_shown_to_everybody_and_moved_by_itself(
    browse: Browser, manager: Actor, viewer: Actor, release: Release, packages: list[Package]
) -> None:
    client, url = browse(manager), reverse("release-schedule", args=[release.pk])
    for target, at in (("staging", "2030-05-04T20:00"), ("production", "2030-06-04T20:00")):
        client.post(url, {"environment": target, "at": at, "zone": "Europe/Paris", "start_by": "60"})
    assert Rollout.objects.count() == 2
    client.post(url, {"environment": "production", "at": "2030-07-04T20:00", "zone": "Europe/Paris", "start_by": "60"})
    plan = reverse("release-plan", args=[release.pk])
    for actor in (manager, viewer):
        page = browse(actor).get(plan).content.decode()
        assert all(words in page for words in ("2030-05-04 20:00", "2030-07-04 20:00"))
        assert ("Reschedule" in page) is (actor is manager)
    chosen = client.get(f"{plan}?target=production").content.decode()
    assert 'value="2030-07-04T20:00"' in chosen
    assert re.search(r'<option value="production" selected', chosen)


def test_a_target_that_a_release_is_scheduled_for_stays_its_target(
    browse: Browser, both: Actor, release: Release, packages: list[Package], staging: Environment, production: Environment
) -> None:
    schedule_release(actor=both, release=release, environment=production, at="2030-05-04T20:00", zone="UTC")
    with pytest.raises(Blocked) as blocked:
        edit_release(actor=both, release=release, targets=[staging])
    assert [one.code for one in blocked.value.blockers] == ["scheduled"]
    assert release.targets.count() == 2
    edit_release(actor=both, release=release, targets=[production])


@pytest.mark.parametrize("state", ["under way", "empty"])
def test_what_would_be_refused_now_is_not_offered(browse: Browser, both: Actor, release: Release, state: str) -> None:
    """Its seal, its schedule and its rollout, each with the reason beside it."""
    if state == "under way":
        application = Application.objects.create(slug="db", name="db", source_kind="image", source={"image": "r/x:1"})
        add_package(actor=both, release=release, name="db", artifact=make_artifact(application))
        for target in release.targets.all():
            roll_out(actor=both, release=release, environment=target)
    reason = {"under way": "is being rolled out", "empty": "has no packages"}[state]
    client = browse(both)
    for path in (reverse("release-plan", args=[release.pk]), reverse("release-roll-out", args=[release.pk, "production"])):
        page = client.get(path).content.decode()
        main = page[page.index("<main") :]
        assert reason in main, path
        sends = re.findall(r'<button\s[^>]*class="button primary"[^>]*>', main)
        assert sends, path
        assert all("disabled" in one for one in sends), path
    for name, values in {
        "release-seal": {},
        "release-schedule": {"environment": "production", "at": "2030-05-04T20:00", "zone": "UTC", "start_by": "60"},
    }.items():
        assert client.post(reverse(name, args=[release.pk]), values).status_code == 409
