"""What a channel hears, when a notice is sent again, and what may be entered. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from fairway.activity.rules import Door
from fairway.drivers.messengers.contract import Kind, Tone
from fairway.shared.names import Invalid

LONGEST_NAME = 80
LONGEST_URL = 2000
MOST_ROUTES = 10
MOST_ADDRESSES = 20
MOST_CHANNELS = 100
MOST_NAMED = 50  # environments or applications of one route
KEPT_FOR = timedelta(days=30)
MOST_KEPT = 1000  # settled notices of one channel


class State(StrEnum):
    """What became of a notice."""

    WAITING = "waiting"  # to be sent, or sent again
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Topic(StrEnum):
    """The kinds of events that a channel can hear of."""

    DEPLOYED = "deployed"
    DEPLOYMENT_FAILED = "deployment_failed"
    WAITS_FOR_PEOPLE = "waits_for_people"
    ROLLED_BACK = "rolled_back"
    RELEASED = "released"
    RELEASE_FAILED = "release_failed"
    DOWN = "down"
    BACKUP_FAILED = "backup_failed"
    JOB_FAILED = "job_failed"
    REFUSED = "refused"
    SECURITY = "security"
    ALERTS = "alerts"


_OF_VERBS: Mapping[str, Topic] = {
    "deployment.succeeded": Topic.DEPLOYED,
    "deployment.failed": Topic.DEPLOYMENT_FAILED,
    "deployment.errored": Topic.DEPLOYMENT_FAILED,
    "deployment.judged_worse": Topic.DEPLOYMENT_FAILED,
    "placement.adjustment_failed": Topic.DEPLOYMENT_FAILED,
    "trigger.blocked": Topic.DEPLOYMENT_FAILED,
    "stage.blocked": Topic.DEPLOYMENT_FAILED,
    "deployment.approval_asked": Topic.WAITS_FOR_PEOPLE,
    "rollout.needs_decision": Topic.WAITS_FOR_PEOPLE,
    "rollout.started": Topic.RELEASED,
    "rollout.succeeded": Topic.RELEASED,
    "rollout.fallen_back": Topic.RELEASED,
    "rollout.failed": Topic.RELEASE_FAILED,
    "rollout.held": Topic.RELEASE_FAILED,
    "placement.held": Topic.DOWN,
    "placement.observed": Topic.DOWN,
    "resource.went_down": Topic.DOWN,
    "resource.failed": Topic.DOWN,
    "environment.host_away": Topic.DOWN,
    "backup.failed": Topic.BACKUP_FAILED,
    "backup.restore_failed": Topic.BACKUP_FAILED,
    "resource.deletion_called_off": Topic.BACKUP_FAILED,
    "job.failed": Topic.JOB_FAILED,
    "job.errored": Topic.JOB_FAILED,
    "schedule.skipped": Topic.JOB_FAILED,
    "trigger.refused": Topic.REFUSED,
    "ci.token_refused": Topic.REFUSED,
    "person.sign_in_failed": Topic.REFUSED,
    "person.refused": Topic.REFUSED,
    "token.refused": Topic.REFUSED,
    "sign_in.refused": Topic.REFUSED,
    "gate.glass_broken": Topic.SECURITY,
    "person.roles_set": Topic.SECURITY,
    "person.password_replaced": Topic.SECURITY,
    "person.identity_linked": Topic.SECURITY,
    "person.two_step_turned_on": Topic.SECURITY,
    "person.two_step_turned_off": Topic.SECURITY,
    "person.two_step_reset": Topic.SECURITY,
    "person.recovery_codes_made": Topic.SECURITY,
    "person.recovery_code_used": Topic.SECURITY,
    "person.code_refused": Topic.SECURITY,
    "sign_in.two_step_set": Topic.SECURITY,
    "audit.broken": Topic.SECURITY,
    "audit.unguarded": Topic.SECURITY,
    "environment.host_key_shown": Topic.SECURITY,
    "alert.started": Topic.ALERTS,
    "alert.worsened": Topic.ALERTS,
    "alert.goes_on": Topic.ALERTS,
    "alert.ended": Topic.ALERTS,
}
VERBS: tuple[str, ...] = tuple(_OF_VERBS)  # of everything that any channel can hear of
# Kinds of alerts whose cause the topics above tell at once, by the event of the cause itself: nobody hears of it twice.
TOLD_AT_ONCE = frozenset({"down", "host", "backup_failed", "chain"})
_BACK = frozenset({"rollback", "automatic_rollback"})
_TONES: Mapping[Topic, Tone] = {
    Topic.DEPLOYED: Tone.GOOD,
    Topic.RELEASED: Tone.GOOD,
    Topic.WAITS_FOR_PEOPLE: Tone.WAITING,
    Topic.ROLLED_BACK: Tone.WAITING,
    Topic.REFUSED: Tone.WAITING,
}
FAILURES = (
    Topic.DEPLOYMENT_FAILED,
    Topic.WAITS_FOR_PEOPLE,
    Topic.ROLLED_BACK,
    Topic.RELEASE_FAILED,
    Topic.DOWN,
    Topic.BACKUP_FAILED,
    Topic.JOB_FAILED,
    Topic.SECURITY,
    Topic.ALERTS,
)
SUCCESSES = (Topic.DEPLOYED, Topic.RELEASED)


@dataclass(frozen=True)
class Happened:
    """What of an event decides who hears of it."""

    verb: str
    application: str = ""
    environment: str = ""
    door: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Route:
    """One thing that a channel hears: these topics, of these environments and applications (slugs; none means all)."""

    topics: tuple[Topic, ...]
    environments: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()

    def takes(self, topic: Topic, application: str, environment: str) -> bool:
        """What belongs to no environment (or application) is not heard of where some are named."""
        return (
            topic in self.topics
            and (not self.environments or environment in self.environments)
            and (not self.applications or application in self.applications)
        )

    def stored(self) -> dict[str, list[str]]:
        """The route as JSON."""
        return {
            "topics": [topic.value for topic in self.topics],
            "environments": list(self.environments),
            "applications": list(self.applications),
        }


def default_routes(production: str = "") -> list[Route]:
    """What a new channel hears: failures and what waits for people, everywhere; successes in production (its slug, or "" if
    there is no such environment)."""
    routes = [Route(FAILURES)]
    return [*routes, Route(SUCCESSES, (production,))] if production else routes


def topic_of(happened: Happened) -> Topic | None:
    """The topic of an event; None if nobody is told of it."""
    topic = _OF_VERBS.get(happened.verb)
    after, before = happened.after or {}, happened.before or {}
    if happened.verb == "deployment.succeeded" and after.get("kind") in _BACK:
        return Topic.ROLLED_BACK
    if topic is Topic.ALERTS:
        return topic if after.get("is_told") and after.get("kind") not in TOLD_AT_ONCE else None
    if happened.verb == "placement.observed":
        return topic if "down" in (before.get("health"), after.get("health")) and before != after else None
    if happened.verb == "placement.held":  # by Fairway, because it restarted too often; a person knows what they did
        return topic if happened.door == Door.WORKER else None
    return topic


def tone_of(topic: Topic, happened: Happened) -> Tone:
    """How serious it is to a reader."""
    if happened.verb in ("rollout.fallen_back", "rollout.held"):
        return Tone.WAITING
    if happened.verb == "rollout.started":
        return Tone.PLAIN
    if happened.verb == "alert.ended":
        return Tone.GOOD
    if topic is Topic.ALERTS:
        return Tone.BAD if (happened.after or {}).get("severity") == "critical" else Tone.WAITING
    if happened.verb == "placement.observed" and (happened.after or {}).get("health") != "down":
        return Tone.GOOD
    return _TONES.get(topic, Tone.BAD)


def hears(routes: Iterable[Route], happened: Happened) -> bool:
    """Whether a channel with these routes is told of this event."""
    topic = topic_of(happened)
    return topic is not None and any(route.takes(topic, happened.application, happened.environment) for route in routes)


def routes_of(stored: Iterable[Mapping[str, Sequence[str]]]) -> list[Route]:
    """The routes as they are stored; a topic that only another version of Fairway knows is left out."""
    known = set(Topic)
    return [
        Route(
            tuple(Topic(topic) for topic in one.get("topics", ()) if topic in known),
            tuple(one.get("environments", ())),
            tuple(one.get("applications", ())),
        )
        for one in stored
    ]


def parse_routes(given: Iterable[Mapping[str, Any]], *, field: str = "routes") -> list[Route]:
    """What a channel hears; a route without a topic is left out. Raises `Invalid`."""
    routes = [_parsed_route(one, field) for one in given]
    routes = [route for route in dict.fromkeys(routes) if route.topics]
    if len(routes) > MOST_ROUTES:
        raise Invalid(field, "are {count}; give at most {most}.", count=len(routes), most=MOST_ROUTES)
    return routes


def _parsed_route(one: Mapping[str, Any], field: str) -> Route:
    known = set(Topic)
    if unknown := [topic for topic in one.get("topics", ()) if topic not in known]:
        raise Invalid(field, "“{name}” is no kind; use {names}.", name=str(unknown[0])[:40], names=", ".join(Topic))
    topics = tuple(topic for topic in Topic if topic in set(one.get("topics", ())))
    named = [tuple(sorted({str(slug) for slug in one.get(name, ())})) for name in ("environments", "applications")]
    if max(len(slugs) for slugs in named) > MOST_NAMED:
        raise Invalid(field, "name more than {most}; leave it empty for all.", most=MOST_NAMED)
    return Route(topics, named[0], named[1])


def parse_kind(text: str) -> Kind:
    """Raises `Invalid`."""
    if text not in set(Kind):
        raise Invalid("kind", "use one of {names}.", names=", ".join(Kind))
    return Kind(text)


def parse_url(text: str, *, allows_http: bool, field: str = "url") -> str:
    """The URL of a webhook. Raises `Invalid`, which never repeats it."""
    url = text.strip()
    if not url:
        raise Invalid(field, "is missing; it is shown where the webhook is made.")
    if len(url) > LONGEST_URL or not url.isprintable() or re.search(r"[\s\"<>\\^`{|}]", url):
        raise Invalid(field, "is not a URL, e.g. https://hooks.slack.com/services/….")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise Invalid(field, "is not a URL, e.g. https://hooks.slack.com/services/….") from None
    if parts.scheme not in ("https", "http") or not host:
        raise Invalid(field, "must begin with https:// and name a host.")
    if parts.scheme == "http" and not allows_http:
        raise Invalid(field, "must begin with https://, because what is sent there must not be read on its way.")
    if parts.username or parts.password or parts.fragment:
        raise Invalid(field, "must have no user name, no password and no “#”.")
    return url


def shown_url(kind: Kind, url: str) -> str:
    """What people are shown of a URL: of a webhook all of it, of the others only the host, since they are secrets."""
    if kind is Kind.WEBHOOK or not url:
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"
