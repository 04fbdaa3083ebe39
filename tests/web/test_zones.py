"""Times are said, and read, in the zone of whoever looks: the browser says which in a cookie."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.utils import translation

from fairway.activity.models import Event
from fairway.environments.commands import lock_environment
from fairway.environments.models import Environment
from fairway.web.templatetags.fairway import exact_words
from fairway.web.zones import COOKIE


def there(browser, zone):
    browser.cookies[COOKIE] = zone
    return browser


def test_a_time_that_is_typed_is_one_of_the_readers_zone(admin, browse, staging):
    browser = there(browse(admin), "America/New_York")
    assert "America/New_York" in browser.get("/environments/staging/").content.decode()
    browser.post("/environments/staging/lock", {"reason": "Stocktaking", "until": "2030-07-01T08:00"})
    assert Environment.objects.get(slug="staging").locked_until == datetime(2030, 7, 1, 12, tzinfo=UTC)
    page = browser.get("/environments/staging/").content.decode()
    assert "Jul 1, 2030, 08:00:00 EDT" in page
    assert ", 12:00" not in page


def test_a_zone_that_nobody_knows_is_the_installations(admin, browse, staging):
    page = there(browse(admin), "Moon/Base").get("/environments/staging/")
    assert page.status_code == 200
    assert ">UTC<" in page.content.decode()


def test_days_of_a_filter_begin_where_the_reader_is(admin, browse, staging):
    lock_environment(actor=admin, environment=staging, reason="Late in Tokyo")
    day = Event.objects.latest("pk").at.astimezone(ZoneInfo("Asia/Tokyo")).date()
    page = there(browse(admin), "Asia/Tokyo").get(f"/events/?since={day}&until={day}").content.decode()
    assert "Late in Tokyo" in page
    assert f"since={day}T00%3A00%3A00%2B09%3A00" in page


def test_one_style_of_date_in_each_language():
    at = datetime(2026, 12, 1, 9, 5, 3, tzinfo=UTC)
    assert exact_words(at) == "Dec 1, 2026, 09:05:03 UTC"
    with translation.override("fr"):
        assert exact_words(at) == "1 déc. 2026, 09:05:03 UTC"
