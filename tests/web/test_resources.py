"""The pages of a resource: when it is backed up, what is wrong with its backups, deleting, and restoring elsewhere."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from fairway.accounts.rules import SYSTEM, Role
from fairway.activity.models import Event
from fairway.activity.queries import latest_number
from fairway.applications.models import Application
from fairway.drivers.resources.contract import Content
from fairway.drivers.resources.engines import ENGINES, about
from fairway.engine import clock
from fairway.engine.models import Run
from fairway.resources import commands, progress
from fairway.resources.models import Backup, BackupSchedule, Resource
from fairway.resources.schedules import save_schedule
from fairway.workflows import register_all
from tests.conftest import make_environment, make_person
from tests.resources.test_commands import bind
from tests.web.conftest import Browser, live

PAGE = "/resources/staging/main"
SCHEDULE = f"{PAGE}/schedule"
GIVEN = {"is_on": "on", "schedule": "30 2 * * MON", "zone": "Europe/Paris", "daily": "2", "weekly": "3", "monthly": "0"}


@pytest.fixture(autouse=True)
def workflows() -> None:
    register_all()


@pytest.fixture
def main(db: None, hello: Application) -> Resource:
    place = make_environment("staging", runtime="process")
    made = commands.create_resource(actor=SYSTEM, environment=place, kind="postgres", name="main")
    bind(SYSTEM, made, hello)
    progress.data_made(resource=made)
    return made


@pytest.fixture
def deployer(db: None, browse: Browser) -> Client:
    return browse(make_person("dora", Role.DEPLOYER))


@pytest.fixture
def admin(db: None, browse: Browser) -> Client:
    return browse(make_person("ada", Role.ADMIN))


def text_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(unescape(answer.content.decode()).split())


def test_the_schedule_is_said_on_the_page_and_changed_by_its_form(deployer: Client, main: Resource) -> None:
    assert f"Every day at 03:{main.pk % 60:02}" in text_of(deployer, PAGE)
    assert "keeps 7 days, 4 weeks, 3 months" in text_of(deployer, PAGE)
    form = text_of(deployer, SCHEDULE)
    assert f'value="{main.pk % 60} 3 * * *"' in form
    answer = deployer.post(SCHEDULE, GIVEN)
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    page = text_of(deployer, PAGE)
    assert "Every Monday at 02:30" in page
    assert "keeps 2 days, 3 weeks" in page
    assert "main is backed up automatically." in page


def test_switched_off_or_never_set_the_page_offers_one(deployer: Client, main: Resource) -> None:
    deployer.post(SCHEDULE, {name: value for name, value in GIVEN.items() if name != "is_on"})
    page = text_of(deployer, PAGE)
    assert "Nothing is backed up automatically." in page
    assert "Set a schedule" in page
    BackupSchedule.objects.all().delete()
    assert "Set a schedule" in text_of(deployer, PAGE)
    assert f'value="{main.pk % 60} 3 * * *"' in text_of(deployer, SCHEDULE)
    deployer.post(SCHEDULE, GIVEN)
    assert BackupSchedule.objects.get().is_on


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"schedule": "* * * * *"}, "omes too often"),
        ({"schedule": "often"}, "eeds five fields"),
        ({"zone": "Mars"}, "Mars"),
        ({"daily": "-1"}, "greater than or equal to 0"),
        ({"daily": "0", "weekly": "0"}, "eep at least one backup"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(deployer: Client, main: Resource, wrong: dict[str, str], words: str) -> None:
    answer = deployer.post(SCHEDULE, {**GIVEN, **wrong})
    assert answer.status_code == 422
    assert words in unescape(answer.content.decode())
    assert BackupSchedule.objects.get().keep_daily == 7


def test_a_change_that_was_not_seen_is_said_and_not_overwritten(deployer: Client, main: Resource) -> None:
    seen = latest_number()
    save_schedule(actor=SYSTEM, resource=main, daily=5)
    answer = deployer.post(SCHEDULE, {**GIVEN, "as_of": str(seen)})
    assert answer.status_code == 422
    assert "changed this on" in unescape(answer.content.decode())
    assert BackupSchedule.objects.get().keep_daily == 5


def test_who_may_not_back_up_sees_the_schedule_and_changes_nothing(browse: Browser, main: Resource) -> None:
    looker = browse(make_person("vera", Role.VIEWER))
    page = text_of(looker, PAGE)
    assert "Every day at 03:" in page
    assert "Change the schedule" not in page
    looker.post(SCHEDULE, GIVEN)
    assert BackupSchedule.objects.get().keep_daily == 7


def test_a_late_or_failed_backup_is_said_at_home_and_on_its_page(
    deployer: Client, main: Resource, hello: Application
) -> None:
    live(hello, make_environment("dev", position=5))  # the home page has its columns once something runs
    main.bindings.update(created_at=clock.now() - timedelta(days=9))
    BackupSchedule.objects.update(since=clock.now() - timedelta(days=3))
    for page in ("/", PAGE):
        assert "The backup of Hello in main is late" in text_of(deployer, page)
    (made,) = commands.request_backup(actor=SYSTEM, resource=main)
    progress.backup_failed(backup=made, sentence="No space.")
    for page in ("/", PAGE):
        text = text_of(deployer, page)
        assert "The newest backup of Hello in main failed" in text
        assert "No space." in text
    (made,) = commands.request_backup(actor=SYSTEM, resource=main)
    progress.backup_verified(backup=made, content=progress.Content({}))
    for page in ("/", PAGE):
        assert "backup of Hello in main" not in text_of(deployer, page)


@pytest.mark.parametrize(("sent", "wanted"), [("yes", True), ("no", False)])
def test_it_is_deleted_with_a_last_backup_unless_the_box_is_cleared(
    deployer: Client, main: Resource, sent: str, wanted: bool
) -> None:
    progress.unbound(binding=main.bindings.get())
    deployer.post(f"{PAGE}/deletion", {"confirm": "main", "last_backup": sent})
    assert Event.objects.get(verb="resource.delete_requested").after == {"last_backup": wanted}
    assert (Resource.objects.get().deletion_asked_at is not None) == wanted


def test_why_it_was_not_deleted_stands_on_its_page(deployer: Client, main: Resource) -> None:
    Resource.objects.update(kept_because="No space.")
    assert "It was not deleted, because its last backup failed: No space." in text_of(deployer, PAGE)
    Resource.objects.update(kept_because="", deletion_asked_at=clock.now())
    assert "A last backup is being taken. Then it is deleted." in text_of(deployer, PAGE)


# -- elsewhere


@pytest.fixture
def backup(main: Resource) -> Backup:
    (made,) = commands.request_backup(actor=SYSTEM, resource=main)
    progress.backup_verified(backup=made, content=progress.Content({}))
    return made


@pytest.fixture
def there(db: None) -> Resource:
    place = make_environment("other", runtime="process", position=50)
    return commands.create_resource(actor=SYSTEM, environment=place, kind="postgres", name="there")


def restored() -> list[tuple[int, int]]:
    runs = Run.objects.filter(kind="resource-restore").order_by("pk")
    return [(run.payload["backup"], run.payload["into"]) for run in runs]


def test_it_is_restored_into_another_or_a_new_resource(admin: Client, backup: Backup, there: Resource) -> None:
    page = f"/backups/{backup.pk}/elsewhere"
    shown = text_of(admin, page)
    assert "there · Other" in shown
    assert "A new resource in Staging" in shown
    assert 'value="staging/main"' not in shown, "that is the button beside it"
    wrong = admin.post(page, {"into": "other/there", "name": "main"})
    assert wrong.status_code == 422
    assert "exactly to restore into it" in unescape(wrong.content.decode())
    answer = admin.post(page, {"into": "other/there", "name": "there"})
    assert (answer.status_code, answer["Location"]) == (302, "/resources/other/there")
    answer = admin.post(page, {"into": "other/", "name": "fresh"})
    assert (answer.status_code, answer["Location"]) == (302, "/resources/other/fresh")
    assert restored() == [(backup.pk, there.pk), (backup.pk, Resource.objects.get(name="fresh").pk)]


def test_a_clone_is_asked_for_by_its_name(admin: Client, backup: Backup, there: Resource) -> None:
    page = f"{PAGE}/bindings/hello/clone"
    assert "Clone the data of Hello" in text_of(admin, page)
    assert admin.post(page, {"into": "other/there", "name": "there"}).status_code == 302
    assert restored() == [(backup.pk, there.pk)]
    assert Event.objects.get(verb="backup.clone_requested").after == {"into": "there", "environment": "other"}


def test_without_a_verified_backup_there_is_nothing_to_clone(admin: Client, main: Resource) -> None:
    answer = admin.get(f"{PAGE}/bindings/hello/clone", follow=True)
    assert "There is no verified backup of Hello yet." in unescape(answer.content.decode())


def test_who_may_not_download_is_offered_only_its_own_environment(deployer: Client, backup: Backup, there: Resource) -> None:
    page = f"/backups/{backup.pk}/elsewhere"
    shown = text_of(deployer, page)
    assert "A new resource in Staging" in shown
    assert "Other" not in shown
    assert deployer.post(page, {"into": "other/there", "name": "there"}).status_code == 422
    assert restored() == []


def test_backups_of_a_deleted_resource_are_still_found_and_restored(
    admin: Client, main: Resource, backup: Backup, there: Resource
) -> None:
    progress.unbound(binding=main.bindings.get())
    progress.removed(resource=main, place="/somewhere")
    assert "Backups of deleted resources" in text_of(admin, "/resources/")
    admin.post(f"/backups/{backup.pk}/elsewhere", {"into": "other/there", "name": "there"})
    assert restored() == [(backup.pk, there.pk)]


def test_the_engine_is_chosen_by_what_it_is_for(deployer: Client, main: Resource) -> None:
    page = text_of(deployer, "/resources/new?kind=redis")
    for engine in ENGINES.values():
        assert f"<strong>{engine.label} {engine.versions[0]}</strong>" in page
        assert about(engine.kind) in page
    assert 'value="redis" checked' in page
    answer = deployer.post("/resources/new", {"kind": "redis", "environment": "staging", "name": "cache"})
    assert (answer.status_code, answer["Location"]) == (302, "/resources/staging/cache")
    page = text_of(deployer, "/resources/staging/cache")
    assert "Redis (Valkey) 9.1.2" in page
    assert 'value="redis"' in page
    assert "redis gives REDIS_URL" in page
    refused = deployer.post("/resources/new", {"kind": "oracle", "environment": "staging", "name": "cache"})
    assert (refused.status_code, "oracle" in refused.content.decode()) == (422, True)


def test_what_a_backup_holds_is_said_as_its_engine_counts(deployer: Client, main: Resource, hello: Application) -> None:
    place = main.environment
    cache = commands.create_resource(actor=SYSTEM, environment=place, kind="redis", name="cache")
    bind(SYSTEM, cache, hello)
    for resource, rows in ((main, {"public.a": 1200, "public.b": 1}), (cache, {"keys": 4, "keys with an expiry": 1})):
        (made,) = commands.request_backup(actor=SYSTEM, resource=resource)
        progress.backup_taken(backup=made, content=Content(rows), file=f"{made.pk}.sealed", size_bytes=1, sha256="0")
    assert "2 tables, 1,201 rows" in text_of(deployer, PAGE)
    assert "5 keys" in text_of(deployer, "/resources/staging/cache")
