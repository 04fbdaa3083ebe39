"""Who hears what, and when a notice is sent again. No database."""

from __future__ import annotations

import pytest

from fairway.activity.verbs import VERBS, Severity
from fairway.drivers.messengers.contract import Kind, Tone
from fairway.notifications.rules import (
    FAILURES,
    SUCCESSES,
    Happened,
    Route,
    Topic,
    default_routes,
    hears,
    parse_kind,
    parse_routes,
    parse_url,
    routes_of,
    shown_url,
    tone_of,
    topic_of,
)
from fairway.notifications.rules import VERBS as HEARD
from fairway.shared.names import Invalid
from fairway.shared.retrying import DELAYS, LONGEST_RETRY_AFTER, next_delay, rest_after

SLACK = "https://hooks.slack.com/services/T0/B0/secret"


def test_only_verbs_that_exist_are_heard_of_and_details_never() -> None:
    assert set(HEARD) <= set(VERBS)
    assert not [verb for verb in HEARD if VERBS[verb].severity is Severity.DETAIL]
    assert {topic_of(Happened(verb, door="worker", after={"health": "down", "is_told": True})) for verb in HEARD} | {
        Topic.ROLLED_BACK
    } == set(Topic)


@pytest.mark.parametrize(
    ("happened", "topic", "tone"),
    [
        (Happened("deployment.succeeded", after={"kind": "deploy"}), Topic.DEPLOYED, Tone.GOOD),
        (Happened("deployment.succeeded", after={"kind": "rollback"}), Topic.ROLLED_BACK, Tone.WAITING),
        (Happened("deployment.succeeded", after={"kind": "automatic_rollback"}), Topic.ROLLED_BACK, Tone.WAITING),
        (Happened("deployment.failed"), Topic.DEPLOYMENT_FAILED, Tone.BAD),
        (Happened("deployment.approval_asked"), Topic.WAITS_FOR_PEOPLE, Tone.WAITING),
        (Happened("placement.observed", before={"health": "healthy"}, after={"health": "down"}), Topic.DOWN, Tone.BAD),
        (Happened("placement.observed", before={"health": "down"}, after={"health": "healthy"}), Topic.DOWN, Tone.GOOD),
        (Happened("placement.observed", before={"health": "starting"}, after={"health": "healthy"}), None, None),
        (Happened("placement.held", door="worker"), Topic.DOWN, Tone.BAD),
        (Happened("placement.held", door="web"), None, None),
        (Happened("rollout.started"), Topic.RELEASED, Tone.PLAIN),
        (Happened("rollout.fallen_back"), Topic.RELEASED, Tone.WAITING),
        (Happened("deployment.step_started"), None, None),
        (Happened("channel.disabled"), None, None),
    ],
)  # fmt: skip
def test_what_happened_has_a_topic_and_a_tone(happened: Happened, topic: Topic | None, tone: Tone | None) -> None:
    assert topic_of(happened) == topic
    if topic is not None:
        assert tone_of(topic, happened) == tone


def failed(application: str = "shop", environment: str = "staging") -> Happened:
    return Happened("deployment.failed", application, environment)


@pytest.mark.parametrize(
    ("route", "heard"),
    [
        (Route((Topic.DEPLOYMENT_FAILED,)), True),
        (Route((Topic.DEPLOYED,)), False),
        (Route((Topic.DEPLOYMENT_FAILED,), ("staging", "production")), True),
        (Route((Topic.DEPLOYMENT_FAILED,), ("production",)), False),
        (Route((Topic.DEPLOYMENT_FAILED,), (), ("shop",)), True),
        (Route((Topic.DEPLOYMENT_FAILED,), ("staging",), ("blog",)), False),
        (Route((Topic.DEPLOYMENT_FAILED,), ("staging",), ("blog", "shop")), True),
    ],
)
def test_a_route_names_topics_environments_and_applications(route: Route, heard: bool) -> None:
    assert hears([route], failed()) is heard
    assert hears([Route((Topic.SECURITY,)), route], failed()) is heard
    assert not hears([], failed())


def test_what_belongs_nowhere_is_not_heard_where_places_are_named() -> None:
    broken = Happened("audit.broken")
    assert hears([Route((Topic.SECURITY,))], broken)
    assert not hears([Route((Topic.SECURITY,), ("staging",))], broken)
    assert not hears([Route((Topic.SECURITY,), (), ("shop",))], broken)


def test_a_new_channel_hears_of_failures_everywhere_and_of_successes_in_production() -> None:
    routes = default_routes("production")
    assert hears(routes, failed())
    assert hears(routes, Happened("deployment.approval_asked", "shop", "development"))
    for verb in ("deployment.succeeded", "rollout.succeeded"):
        assert hears(routes, Happened(verb, "shop", "production", after={}))
        assert not hears(routes, Happened(verb, "shop", "staging", after={}))
    assert not hears(routes, Happened("trigger.refused", "shop", "staging")), "anybody can cause that from outside"
    assert default_routes() == [Route(FAILURES)]
    assert not set(FAILURES) & set(SUCCESSES)


def test_routes_are_stored_and_read() -> None:
    routes = parse_routes(
        [
            {"topics": ["deployment_failed", "deployed"], "environments": ["b", "a", "a"], "applications": []},
            {"topics": [], "environments": ["a"]},
            {"topics": ["deployed", "deployment_failed"], "environments": ["a", "b"]},
        ]
    )
    assert routes == [Route((Topic.DEPLOYED, Topic.DEPLOYMENT_FAILED), ("a", "b"))]
    assert routes_of([route.stored() for route in routes]) == routes
    assert routes_of([{"topics": ["of_tomorrow", "down"]}]) == [Route((Topic.DOWN,))]
    for wrong in ([{"topics": ["nothing"]}], [{"topics": ["down"], "environments": [f"e{n}" for n in range(51)]}]):
        with pytest.raises(Invalid):
            parse_routes(wrong)
    with pytest.raises(Invalid):
        parse_routes([{"topics": ["down"], "environments": [f"e{n}"]} for n in range(11)])


def test_it_is_tried_again_ever_later_and_then_given_up() -> None:
    assert [next_delay(tries) for tries in range(1, 7)] == [*DELAYS, None]
    assert DELAYS == (10, 60, 300, 1800, 7200)
    assert next_delay(1, chance=1.0) == pytest.approx(11)
    assert next_delay(1, retry_after=90) == 90
    assert next_delay(2, retry_after=5) == 60
    assert next_delay(1, retry_after=1e9) == LONGEST_RETRY_AFTER
    assert next_delay(6, retry_after=5) is None


def test_after_a_failure_the_channel_rests() -> None:
    assert rest_after(10, None) == 10
    assert rest_after(7200, None) == 60
    assert rest_after(None, None) == 10
    assert rest_after(10, 300) == 300


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hooks.slack.com/services/x",
        "ftp://example.com/x",
        "http://example.com/x",
        "https://",
        "https:///x",
        "https://example.com/a b",
        "https://user:secret@example.com/x",
        "https://example.com/x#y",
        "https://example.com:99999/x",
        "https://[::1/x",
        "https://example.com/\x00",
        "https://example.com/" + "x" * 2000,
    ],
)
def test_what_is_no_url_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_url(text, allows_http=False)
    assert caught.value.field == "url"
    assert "secret" not in str(caught.value)


def test_urls_are_taken_and_those_of_chats_not_shown() -> None:
    assert parse_url(f" {SLACK} ", allows_http=False) == SLACK
    assert parse_url("http://127.0.0.1:9/x?y=z", allows_http=True) == "http://127.0.0.1:9/x?y=z"
    for kind in (Kind.SLACK, Kind.TEAMS, Kind.DISCORD):
        assert shown_url(kind, SLACK) == "https://hooks.slack.com/…"
    assert shown_url(Kind.WEBHOOK, "https://example.com/x") == "https://example.com/x"
    assert parse_kind("teams") is Kind.TEAMS
    with pytest.raises(Invalid):
        parse_kind("pigeon")
