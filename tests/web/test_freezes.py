"""The pages of freeze windows, and what they change on others."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from fairway.accounts.rules import Role
from fairway.deployments.models import Deployment
from fairway.environments.freeze_commands import create_freeze
from fairway.environments.models import FreezeWindow
from fairway.web.presenters.calendar import feed_items
from tests.conftest import make_person
from tests.web.conftest import live


def wall(hours: float) -> str:
    return (timezone.now() + timedelta(hours=hours)).astimezone(ZoneInfo("Europe/Paris")).strftime("%Y-%m-%dT%H:%M")


def typed(**more) -> dict[str, object]:
    return {
        "kind": "deny", "name": "Sale", "reason": "Busy", "starts": wall(-1), "ends": wall(2), "zone": "Europe/Paris",
        "repeats": "", "rrule": "", **more,
    }  # fmt: skip


def freeze(actor, **more) -> FreezeWindow:
    given = {"name": "Sale", "reason": "Busy", "starts": wall(-1), "ends": wall(2), "zone": "Europe/Paris", **more}
    return create_freeze(actor=actor, **given)


def test_a_window_is_made_changed_and_deleted_by_name(manager, browse, staging):
    browser = browse(manager)
    assert browser.post("/freezes/new", typed(environments=["staging"], repeats="FREQ=WEEKLY"))["Location"] == "/freezes/"
    row = FreezeWindow.objects.get()
    assert (row.rrule, row.environments) == ("FREQ=WEEKLY", ["staging"])
    page = browser.get("/freezes/").content.decode()
    assert "Sale" in page
    assert "every week" in page
    form = browser.get(f"/freezes/{row.pk}").content.decode()
    assert f'value="{row.starts}"' in form
    browser.post(f"/freezes/{row.pk}", typed(repeats="rule", rrule="FREQ=DAILY;COUNT=3", reason="Busier"))
    row.refresh_from_db()
    assert (row.rrule, row.environments, row.reason) == ("FREQ=DAILY;COUNT=3", [], "Busier")
    browser.post(f"/freezes/{row.pk}/deletion", {"confirm": "sale"})
    assert FreezeWindow.objects.filter(deleted_at=None).exists()
    browser.post(f"/freezes/{row.pk}/deletion", {"confirm": "Sale"})
    assert not FreezeWindow.objects.filter(deleted_at=None).exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ends": wall(-3)}, "Must come after the start"),
        ({"zone": "Mars/Olympus"}, "Select a valid choice"),
        ({"repeats": "rule", "rrule": "FREQ=SECONDLY"}, "FREQ=SECONDLY is not supported"),
        ({"name": ""}, "This field is required"),
    ],
)
def test_what_cannot_be_used_is_told_beside_its_field_and_kept_as_typed(manager, browse, staging, change, sentence):
    answer = browse(manager).post("/freezes/new", typed(**change))
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert "Busy" in answer.content.decode()
    assert not FreezeWindow.objects.exists()


def test_the_preview_shows_five_times_across_a_change_of_the_clock(manager, browse, staging):
    year = timezone.now().year + 1
    asked = typed(starts=f"{year}-03-01T22:00", ends=f"{year}-03-02T06:00", repeats="rule", rrule="FREQ=MONTHLY")
    page = browse(manager).post("/freezes/preview", asked).content.decode()
    assert page.count("<li") == 5
    assert page.count("UTC+01:00") == 1
    assert page.count("UTC+02:00") == 4
    assert page.count("the clock has changed") == 1
    assert "<html" not in page
    assert not FreezeWindow.objects.exists()


def test_the_preview_says_what_is_wrong_while_one_types(manager, browse, staging):
    post = browse(manager).post
    assert "the next five occurrences here" in post("/freezes/preview", {}).content.decode()
    assert (
        "BYDAY=XX is not a weekday"
        in post("/freezes/preview", typed(repeats="rule", rrule="FREQ=WEEKLY;BYDAY=XX")).content.decode()
    )
    never = post("/freezes/preview", typed(repeats="rule", rrule="FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")).content.decode()
    assert "no future occurrence" in never


@pytest.mark.parametrize("role", [Role.DEPLOYER, Role.VIEWER])
def test_others_see_the_list_and_change_nothing(manager, browse, staging, role):
    row, browser = freeze(manager), browse(make_person("otto", role))
    page = browser.get("/freezes/").content.decode()
    assert "Sale" in page
    assert "New freeze window" not in page
    assert browser.get("/freezes/new").status_code == 403
    assert browser.post(f"/freezes/{row.pk}/deletion", {"confirm": "Sale"}).status_code == 403


def test_an_environment_says_what_is_closed_and_its_deploy_button_until_when(manager, deployer, browse, hello, staging):
    live(hello, staging)
    assert "Next freeze" not in browse(deployer).get("/environments/staging/").content.decode()
    later = freeze(manager, name="Later", starts=wall(5), ends=wall(6))
    assert "Next freeze" in browse(deployer).get("/environments/staging/").content.decode()
    freeze(manager)
    page = browse(deployer).get("/environments/staging/").content.decode()
    assert "Frozen: Sale" in page
    assert "Opens" in page
    card = browse(deployer).get("/applications/hello/").content.decode()
    assert "is frozen by “Sale”: Busy" in card
    assert "Clears automatically" in card
    assert "Deploy when it opens…" in card
    assert later.name not in card


def test_the_home_page_marks_what_is_frozen_until_when(manager, viewer, browse, hello, staging, production):
    live(hello, staging)
    freeze(manager, name="Later", starts=wall(5), ends=wall(6))
    assert "Frozen" not in browse(viewer).get("/").content.decode()
    freeze(manager, environments=["staging"])
    home = browse(viewer).get("/").content.decode()
    assert home.count("Frozen") == 2  # above its column, and in its cell for windows too narrow to have columns
    assert 'data-label="Staging · Frozen"' in home
    assert "Sale: Busy" in home
    assert "opens" in home.partition("Frozen")[2]


def test_a_deployer_may_have_it_wait_and_only_an_admin_break_the_glass(admin, manager, deployer, browse, hello, staging):
    live(hello, staging)
    freeze(manager)
    where = "/applications/hello/in/staging/deploy"
    form = browse(deployer).get(where).content.decode()
    assert 'name="when_open"' in form
    assert 'name="break_glass"' not in form
    assert 'name="break_glass"' in browse(admin).get(where).content.decode()
    before = Deployment.objects.count()
    assert browse(deployer).post(where).status_code == 409
    assert Deployment.objects.count() == before
    assert browse(deployer).post(where, {"when_open": "on"}).status_code == 302
    assert Deployment.objects.count() == before + 1


def test_a_feed_is_bounded_however_often_a_window_recurs(manager):
    hourly = "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24)))
    freeze(manager, rrule=hourly, starts=wall(-2), ends="30m")
    freeze(manager, name="Daily", rrule="FREQ=DAILY", starts=wall(-2), ends="30m")
    count = Counter(item.title for item in feed_items(manager, "https://fairway.example.com"))
    assert (count["Freeze: Sale"], count["Freeze: Daily"]) == (500, 401)


def test_the_windows_are_read_once_for_a_page(manager, browse, hello, staging, django_assert_max_num_queries):
    live(hello, staging)
    for number in range(20):
        freeze(manager, name=f"Window {number}", rrule="FREQ=WEEKLY")
    browser = browse(manager)
    with django_assert_max_num_queries(20):
        page = browser.get("/applications/hello/").content.decode()
    assert "Window 19" in page
