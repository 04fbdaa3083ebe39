"""The page about how well deployments go: its figures, what is behind them, and what it says of bad filters."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from fairway.accounts.rules import SYSTEM, Role
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.rules import Status
from tests.conftest import make_artifact, make_person
from tests.web.conftest import finish, live

PAGE = "/insights/"


@pytest.fixture
def happened(hello, staging, production):
    """A version of an hour ago, one that answered worse, its rollback, and one that failed."""
    artifact = make_artifact(hello)
    artifact.committed_at = timezone.now() - timedelta(hours=1)
    artifact.save()
    first = live(hello, production, artifact)
    worse = live(hello, production, make_artifact(hello, "2.0"))
    worse.judgement = {"verdict": "slower"}
    worse.save()
    back = live(hello, production, artifact)
    type(back).objects.filter(pk=back.pk).update(kind="rollback")
    made = request_deployment(actor=SYSTEM, application=hello, environment=production, artifact=make_artifact(hello, "3.0"))
    failed = finish(made, Status.FAILED, "“web” ended with code 1.")
    return first, worse, back, failed


def text_of(answer):
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


def test_every_figure_leads_to_exactly_the_deployments_behind_it(viewer, browse, happened):
    first, worse, back, failed = happened
    browser = browse(viewer)
    page = text_of(browser.get(PAGE))
    expected = {
        "new": {first, worse}, "lead_time": {first}, "without_commit": {worse}, "failed": {worse}, "recovered": {worse},
        "rework": {back}, "ended": set(happened), "outcome_good": {first, back}, "outcome_failed_later": {worse},
        "outcome_failed": {failed}, "cause": {failed},
    }  # fmt: skip
    for figure, deployments in expected.items():
        addresses = set(re.findall(rf'href="(/insights/deployments\?[^"]*figure={figure}(?:&[^"]*)?)"', page))
        assert len(addresses) == 1, figure
        (address,) = addresses
        listed = set(re.findall(r'href="/deployments/(\d+)"', browser.get(address).content.decode()))
        assert listed == {str(one.pk) for one in deployments}, figure


def test_it_says_what_it_counts(viewer, browse, happened):
    page = text_of(browse(viewer).get(PAGE))
    for said in (
        "Median time from the commit of a version until it first went live", "50.0%", "1 of 2 deployments",
        "1 new version has no commit that Fairway knows", "“web” ended with code 1.", "rolled back by a person",
        "Nothing to compare it with in the period before.", "Deployments per day, by outcome", "Lead time per day, median",
    ):  # fmt: skip
        assert said in page, said


def test_the_last_environment_is_chosen_until_somebody_chooses(viewer, browse, hello, staging, production):
    live(hello, staging)
    browser = browse(viewer)
    assert "No deployment ended in this period" in text_of(browser.get(PAGE))
    assert "No deployment ended" not in text_of(browser.get(f"{PAGE}?environment="))
    both = f"{PAGE}?environment="
    live(hello, production)
    assert "By application and environment" in text_of(browser.get(both))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=soon", "since is not a day; write it like 2026-11-01."),
        ("since=2026-11-02&until=2026-11-01", "until the period ends before it begins"),
        ("days=-1", "days is not a number of days"),
        ("days=999", "days must be between 1 and 366."),
        ("application=nothing", "application There is no"),
        ("environment=nowhere", "environment There is no"),
    ],
)
def test_a_filter_that_makes_no_sense_is_named_and_the_usual_period_shown(viewer, browse, happened, query, said):
    answer = browse(viewer).get(f"{PAGE}?{query}")
    assert answer.status_code == 422
    page = re.sub(r"</?strong>", "", text_of(answer))
    assert said in page
    assert "Deployments per day, by outcome" in page


def test_without_a_figure_the_list_has_all_that_ended(viewer, browse, hello, production):
    assert "Deployments that ended" in text_of(browse(viewer).get("/insights/deployments"))


@pytest.mark.parametrize("query", ["figure=luck", "figure=new&since=soon"])
def test_a_list_of_nothing_known_is_refused(viewer, browse, hello, production, query):
    assert browse(viewer).get(f"/insights/deployments?{query}").status_code == 422


@pytest.mark.parametrize("like", ["", "x", "9" * 40, "-1"])
def test_a_cause_that_nobody_knows_has_no_deployments(viewer, browse, happened, like):
    page = text_of(browse(viewer).get(f"/insights/deployments?figure=cause&like={like}"))
    assert "No deployment is behind this figure" in page


def test_whoever_sees_one_environment_sees_only_its_figures(browse, happened, staging):
    browser = browse(make_person("nora", Role.VIEWER, environment=staging))
    for path in (PAGE, f"{PAGE}?environment=", "/insights/deployments?figure=ended&environment="):
        page = browser.get(path).content.decode()
        assert "roduction" not in page
        assert "/deployments/1" not in page
    assert browser.get(f"{PAGE}?environment=production").status_code == 422


def test_long_periods_are_drawn_by_week(viewer, browse, happened):
    assert "Deployments per week, by outcome" in text_of(browse(viewer).get(f"{PAGE}?days=90"))


def test_french_has_french_numbers_and_drawings_stay_whole(viewer, browse, happened):
    browser: Client = browse(viewer)
    browser.cookies["fairway_language"] = "fr"
    page = browser.get(PAGE, headers={"accept-language": "fr"}).content.decode()
    assert "50,0\N{NO-BREAK SPACE}%" in page
    assert not re.findall(r'(?:x|y|width|height)="[^"]*,[^"]*"', page), "a drawing has decimal points in every language"


def test_the_history_leads_here(viewer, browse, hello, staging):
    assert f'href="{PAGE}"' in browse(viewer).get("/deployments/").content.decode()
