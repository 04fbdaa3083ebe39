"""The page with an application's charts: what it says before, while and after something was measured."""

from __future__ import annotations

import json
import re
import time

import pytest
from django.utils import translation

from fairway.accounts.rules import Role
from fairway.deployments.models import Placement
from fairway.monitoring.rules import FINE
from fairway.web.presenters.metrics import PERIODS
from tests.conftest import make_person
from tests.monitoring.conftest import MB, served, used
from tests.web.conftest import live

PAGE = "/applications/hello/metrics"


@pytest.fixture
def placed(hello, staging):
    live(hello, staging)
    return Placement.objects.get()


@pytest.fixture
def newest():
    return int(time.time()) // FINE * FINE - 2 * FINE


def data_of(page):
    return json.loads(re.search(r'<script id="chart-data" type="application/json">(.*?)</script>', page)[1])


def test_before_the_first_reading_it_says_when_that_comes(viewer, browse, placed):
    page = browse(viewer).get(PAGE).content.decode()
    assert "The first reading appears here within 20 seconds" in page
    assert "chart-data" not in page


def test_where_nothing_runs_it_says_so(viewer, browse, hello, staging):
    assert "Nothing is running in Staging" in browse(viewer).get(PAGE).content.decode()


def test_a_period_without_readings_leads_to_a_longer_one(viewer, browse, placed, newest):
    used(placed, newest - 86400)
    page = browse(viewer).get(PAGE).content.decode()
    assert "Nothing was measured in this period" in page


def test_what_is_used_now_is_said_in_words_and_drawn(viewer, browse, placed, newest):
    used(placed, newest, cpu_seconds=4.0, memory_bytes=212 * MB)
    page = browse(viewer).get(PAGE).content.decode()
    assert "0.400 cores" in page
    assert "212 MB of 512 MB" in page
    assert "1 instance<" in page
    data = data_of(page)
    assert [(one["key"], [line["label"] for line in one["lines"]]) for one in data["charts"]] == [
        ("cpu", ["CPU"]),
        ("memory", ["Memory", "Limit"]),
    ]
    assert 0.4 in data["charts"][0]["lines"][0]["values"]
    assert [one["kind"] for one in data["marks"]] == ["deployment"]
    assert f"Deployment #{placed.current_id}: version 1.0 went live" in page


def test_several_services_have_a_line_each_and_one_limit_if_it_is_the_same(viewer, browse, placed, newest):
    for service in ("web", "worker"):
        used(placed, newest, service=service)
    memory = data_of(browse(viewer).get(PAGE).content.decode())["charts"][1]
    assert [line["label"] for line in memory["lines"]] == ["web", "worker", "Limit"]
    used(placed, newest, service="db", limit_bytes=MB)
    memory = data_of(browse(viewer).get(PAGE).content.decode())["charts"][1]
    limits = ["Limit of web", "Limit of db", "Limit of worker"]
    assert [line["label"] for line in memory["lines"]] == ["web", "db", "worker", *limits]


def test_traffic_has_charts_where_there_is_some(viewer, browse, placed, newest):
    used(placed, newest)
    served(placed, newest)
    charts = {one["key"]: one for one in data_of(browse(viewer).get(PAGE).content.decode())["charts"]}
    assert list(charts) == ["cpu", "memory", "requests", "errors", "latency", "bytes"]
    assert [line["label"] for line in charts["requests"]["lines"]] == ["2xx", "3xx", "4xx", "5xx"]
    assert 0.1 in charts["errors"]["lines"][0]["values"]


def test_whoever_has_the_newest_values_is_told_so_without_them(viewer, browse, placed, newest):
    used(placed, newest)
    browser = browse(viewer)
    url = f"/applications/hello/in/staging/metrics?since={PERIODS[1]}"
    answer = browser.get(url)
    assert answer.json()["step"] == 240
    assert browser.get(url, headers={"if-none-match": answer["ETag"]}).status_code in {200, 304}
    same = [browser.get(url, headers={"if-none-match": browser.get(url)["ETag"]}).status_code for _ in range(3)]
    assert 304 in same, "a new interval may have begun once, not three times"


@pytest.mark.parametrize("since", ["", "nonsense", "1h", "'><script>"])
def test_an_unknown_period_is_the_shortest(viewer, browse, placed, newest, since):
    used(placed, newest)
    page = browse(viewer).get(PAGE, {"since": since}).content.decode()
    assert data_of(page)["step"] == 10
    assert "'><script>" not in page


def test_it_takes_as_many_queries_for_much_as_for_little(viewer, browse, placed, newest, django_assert_max_num_queries):
    for number in range(100):
        for service in ("web", "worker", "db"):
            used(placed, newest - number * FINE, service=service)
        served(placed, newest - number * FINE)
    browser = browse(viewer)
    browser.get(PAGE)
    with django_assert_max_num_queries(30):
        browser.get(PAGE)


def test_it_is_said_in_french(viewer, browse, placed, newest):
    used(placed, newest, memory_bytes=212 * MB)
    with translation.override("fr"):
        page = browse(viewer).get(PAGE, headers={"accept-language": "fr"}).content.decode()
    assert "212 Mio sur 512 Mio" in page.replace("\xa0", " ").replace("\u202f", " ")


def test_nobody_sees_the_charts_of_what_is_not_theirs(browse, placed, production, newest):
    used(placed, newest)
    stranger = browse(make_person("pia", Role.VIEWER, environment=production))
    assert stranger.get(f"{PAGE}?environment=staging").status_code == 404
    assert stranger.get("/applications/hello/in/staging/metrics").status_code == 404
