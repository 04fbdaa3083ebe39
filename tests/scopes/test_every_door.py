"""Two grants at a time, at every door: each shows what one of them covers, and nothing of what only both together name.

Every address that can be got (pages, fragments, exports, the palette, the feed, the API) is got once by an administrator of
everything, which tells whose words it can show, and once by people with two narrowed grants of every kind. Each must be
shown exactly those words of the administrator's answer that the model in ``model.py`` grants them; and where the address
itself names something that is not theirs, there must be nothing. A new door that the table cannot reach fails.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import product

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from fairway.accounts.feeds import make_feed
from fairway.accounts.rules import Act, Actor
from fairway.deployments.models import Deployment, Placement
from fairway.engine.models import Run
from fairway.web.live_fragments import KINDS, MOST_TOPICS, render, topic_named, watchable
from tests.architecture.test_permissions import every_door, permissions
from tests.scopes.model import APPLICATIONS, ENVIRONMENTS, PAIRS, TELLING, WHOLE, Given, pairs_of_scopes, sees
from tests.scopes.model import ROLES as ALL_ROLES
from tests.scopes.world import World, build, person_with

pytestmark = pytest.mark.django_db

# Which roles a door asks for where it asks for more than looking: of the whole installation, or of anything.
WHOLE_ACTS = {
    Act.MANAGE_PEOPLE: ("admin",),
    Act.MANAGE_SYSTEM: ("admin",),
    Act.CREATE_ENVIRONMENT: ("admin",),
    Act.CREATE_APPLICATION: ("admin", "deployer"),
    Act.CREATE_RELEASE: ("admin", "release_manager"),
}
SOME_ACTS = {
    Act.MANAGE_CREDENTIALS: ("admin", "deployer"),
    Act.EDIT_ENVIRONMENT: ("admin",),
    Act.EDIT_RELEASE: ("admin", "release_manager"),
    Act.CANCEL_RELEASE: ("admin", "release_manager"),
    Act.FREEZE_ENVIRONMENT: ("admin", "release_manager"),
    Act.HANDLE_ALERTS: ("admin", "release_manager", "deployer"),
    Act.LOCK_ENVIRONMENT: ("admin", "release_manager"),
    Act.ADD_PACKAGE: ("admin", "deployer"),
    Act.EDIT_PACKAGE: ("admin", "deployer"),
    Act.ROLL_OUT: ("admin", "deployer"),
    Act.FALL_BACK_RELEASE: ("admin", "deployer"),
    Act.DEPLOY: ("admin", "deployer"),
    Act.RUN_COMMAND: ("admin", "deployer"),
    **dict.fromkeys((Act.CREATE_RESOURCE, Act.DELETE_RESOURCE, Act.BIND_RESOURCE), ("admin", "deployer")),
    **dict.fromkeys((Act.BACK_UP_RESOURCE, Act.RESTORE_RESOURCE), ("admin", "deployer")),
}
STREAMS = ("live", "/log/stream")  # they never end; who is let in is asked, and what they carry by the topics below
NOT_GOT = (  # about nobody's things: signing in and out, one's own account, what Caddy and the proxy ask
    "accounts/", "first-run/", "invitation/", "access/", ".fairway/", "tls/", "healthz", "static/", "settings/profile",
    "settings/tokens", "api/v1/openapi.json", "api/v1/health", "api/v1/tokens", "api/v1/me", "language", "acting-as",
    "demo/", "hooks/", "freezes/preview", "schedules/preview", ".well-known/", "openid/",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Address:
    """`owner` is whose the address itself is (see `model.sees`)."""

    place: str
    url: str
    owner: object = None
    act: Act | None = None


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker) -> Iterator[World]:
    """Built once, for every question here; nothing of it is kept."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def everything(world: World) -> tuple[Actor, Client]:
    return person_with([("admin", None, None)], world, "everybody")


def addresses(world: World) -> list[Address]:
    found = []
    for pattern, callback in every_door():
        place = re.sub(r"[\^$]", "", pattern)
        if place.startswith(NOT_GOT) or place in {"api/v1/"} or "GET" not in permissions(callback):
            continue
        act = permissions(callback)["GET"].act
        found += [Address(place, url, owner, act) for url, owner in filled(world, place)]
    return found


def filled(world: World, place: str) -> Iterator[tuple[str, object]]:
    """Every concrete address of a pattern, and whose it is. Fails for a pattern it does not know."""
    path = "/" + place.removeprefix("api/v1/")
    api = "/api/v1" if place.startswith("api/v1/") else ""
    plain = re.sub(r"<(?:[a-z]+:)?(\w+)>", r"{\1}", path)
    known = [(make, test) for test, make in FILLERS if re.match(test, plain)]
    assert known or "{" not in plain, f"the table does not know how to ask for {place}"
    if not known:
        yield from ((api + plain + query, None) for query in QUERIES.get(plain, ("",)))
        return
    for url, owner in known[0][0](world, plain):
        assert "{" not in url, f"the table does not know how to ask for {place}: {url}"
        yield api + url, owner


def _of_pair(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair in PAIRS:
        url = re.sub(r"\{(app|slug)\}", pair[0], plain)
        url = re.sub(r"\{(env|environment)\}", pair[1], url).replace("{version}", "1")
        yield url, pair


def _of_application(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for name in APPLICATIONS:
        url = re.sub(r"\{(app|slug)\}", name, plain)
        if "{number}" in url:
            yield url.replace("{number}", "1"), (name, "")
        elif url.endswith(("/configuration", "/logs", "/metrics", "/commands")):
            yield from ((f"{url}?environment={place}", (name, place)) for place in ENVIRONMENTS)
        elif url.endswith("/events"):  # as of the page of all events: those that are told in the words of this test
            yield f"{url}?q=told", (name, "")
        else:
            yield url, (name, "")


def _of_environment(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for place in ENVIRONMENTS:
        yield plain.replace("{slug}", place).replace("{env}", place), ("", place)


def _of_deployment(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair, one in world.deployments.items():
        yield plain.replace("{number}", str(one.pk)), pair


def _of_job(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair, one in world.jobs.items():
        yield plain.replace("{number}", str(one.pk)), pair


def _of_entry(world: World, plain: str) -> Iterator[tuple[str, object]]:
    """Everybody may read it; it tells of each application that was made from it."""
    yield plain.replace("{entry}", "datasette"), None


def _of_schedule(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair, one in world.schedules.items():
        yield plain.replace("{number}", str(one.pk)), pair


def _of_trigger(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair, one in world.triggers.items():
        yield plain.replace("{number}", str(one.pk)).replace("{sent}", "9"), pair


def _of_preview(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair, one in world.previews.items():
        yield plain.replace("{number}", str(one.pk)), pair


def _of_stage(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair, one in world.stages.items():
        yield plain.replace("{number}", str(one.pk)), pair


def _of_ci_trust(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair, one in world.ci_trusts.items():
        yield plain.replace("{number}", str(one.pk)), pair


def _of_freeze(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair, one in world.freezes.items():
        yield plain.replace("{number}", str(one.pk)), pair


def _of_alert(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair, one in world.alerts.items():
        yield plain.replace("{number}", str(one.pk)), pair


def _of_silence(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair, one in world.silences.items():
        yield plain.replace("{number}", str(one.pk)), pair


def _of_resource(world: World, plain: str) -> Iterator[tuple[str, object]]:
    """Its log may quote what any application sent: it is for those who see all of them there."""
    for place, one in world.resources.items():
        url = plain.replace("{place}", place).replace("{environment}", place).replace("{name}", one.name)
        for name in APPLICATIONS if "{slug}" in url else [""]:
            owner = ("only", ("", place)) if url.endswith("/log") else (name, place)
            yield url.replace("{slug}", name), owner


def _of_backup(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair, one in world.backups.items():
        yield plain.replace("{number}", str(one.pk)), pair


def _of_event(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for one in world.events.values():
        yield plain.replace("{number}", str(one.pk)), world.words[one.comment]


def _of_rollout(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for place, one in world.rollouts.items():
        url = re.sub(r"/releases/\{number\}", f"/releases/{one.release_id}", plain)
        url = url.replace("{rollout}", str(one.pk)).replace("/rollouts/{number}", f"/rollouts/{one.pk}")
        yield url + ("?choice=skip" if url.endswith("/preview") else ""), [(name, place) for name in APPLICATIONS]


ALL_OF_IT = [(name, place) for name in APPLICATIONS for place in ENVIRONMENTS]


def _of_release(world: World, plain: str) -> Iterator[tuple[str, object]]:
    """The shared one is everybody's who reaches any pair; the other is of alpha in development."""
    shared, alone = (str(world.releases[name].pk) for name in ("shared", "alone"))
    plain = plain.replace("{env}", "{environment}")
    if "{package}" in plain:
        for name, one in world.packages.items():
            url = plain.replace("{number}", shared).replace("{package}", str(one.pk)).replace("{needed}", "1")
            places = ENVIRONMENTS if "{environment}" in url else [""]
            yield from ((url.replace("{environment}", place), (name, place)) for place in places)
    elif "{environment}" in plain:
        for place in ENVIRONMENTS:
            url = plain.replace("{number}", shared).replace("{environment}", place)
            is_of_parts = url.endswith(
                ("/distribute", "/distribution")
            )  # each package by itself; what is not theirs is left
            yield url, ("", place) if is_of_parts else [(name, place) for name in APPLICATIONS]
    elif plain.endswith("/differences"):
        yield from ((f"{plain.replace('{number}', shared)}?environment={place}", ("", place)) for place in ENVIRONMENTS)
    elif plain.endswith(("/file", "release.yaml")):
        yield plain.replace("{number}", shared), ALL_OF_IT
        yield plain.replace("{number}", alone), ("alpha", "development")
    else:
        yield plain.replace("{number}", shared), None
        yield plain.replace("{number}", alone), ("alpha", "development")


def _of_person(world: World, plain: str) -> Iterator[tuple[str, object]]:
    url = plain.replace("{username}", "zed-x").replace("{number}", "1")
    yield f"{url}?act=deploy" if url.endswith("/may") else url, WHOLE


def _of_service_account(world: World, plain: str) -> Iterator[tuple[str, object]]:
    yield plain.replace("{username}", "robot-x").replace("{number}", "1"), WHOLE


def _of_provider(world: World, plain: str) -> Iterator[tuple[str, object]]:
    yield plain.replace("{slug}", "company-x"), WHOLE


def _of_channel(world: World, plain: str) -> Iterator[tuple[str, object]]:
    assert world.channel is not None
    url = plain.replace("{number}", str(world.channel.pk))
    yield url.replace("{notice}", "1").replace("{delivery}", "1"), WHOLE


def _of_credential(world: World, plain: str) -> Iterator[tuple[str, object]]:
    for pair in PAIRS:
        yield plain.replace("{name}", "credential-{}-{}-x".format(*pair)), pair


def _of_nobody(world: World, plain: str) -> Iterator[tuple[str, object]]:
    return iter(())  # one's own, asked below or of no owner: an inspection, the feed behind its secret


FILLERS = (
    (r".*/applications/new/\{number\}|/inspections/", _of_nobody),
    # Of credentials for everything: see tests/pipelines/test_repositories.py.
    (r".*/applications/new/repositories/|.*/credentials/\{name\}/repositories", _of_nobody),
    (r"/applications/\{\w+\}/(environments|in)/\{", _of_pair),
    (r"/applications/\{\w+\}", _of_application),
    (r"/(environments|targets)/\{slug\}", _of_environment),
    (r"/deployments/\{number\}", _of_deployment),
    (r"/(jobs|commands)/\{number\}", _of_job),
    (r"/schedules/\{number\}", _of_schedule),
    (r"/triggers/\{number\}", _of_trigger),
    (r"/previews/\{number\}", _of_preview),
    (r"/stages/\{number\}", _of_stage),
    (r"/ci-trusts/\{number\}", _of_ci_trust),
    (r"/freezes/\{number\}", _of_freeze),
    (r"/alerts/\{number\}", _of_alert),
    (r"/silences/\{number\}", _of_silence),
    (r"/environments/\{env\}/(alerts|silences|prices)", _of_environment),
    (r"/catalog/\{entry\}", _of_entry),
    (r"/resources/\{", _of_resource),
    (r"/backups/\{number\}", _of_backup),
    (r"/events/\{number\}", _of_event),
    (r"/(releases/\{number\}/)?rollouts/\{", _of_rollout),
    (r"/releases/\{number\}", _of_release),
    (r"/(settings/)?people/\{username\}", _of_person),
    (r"/(settings/)?service-accounts/\{username\}", _of_service_account),
    (r"/calendar/feeds/", _of_nobody),
    (r"/(settings/)?credentials/\{name\}", _of_credential),
    (r"/(settings/notifications|channels)/\{number\}", _of_channel),
    (r"/(settings/sign-in|sign-in-providers)/\{slug\}", _of_provider),
)
_NOW = timezone.now()
_SPAN = f"since={_NOW:%Y-%m-%dT%H:%M:%SZ}&until={_NOW + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
QUERIES = {
    "/freezes/state": tuple(f"?environment={place}&application={one}" for one, place in PAIRS),
    "/calendar": ("", f"?{_SPAN}"),
    "/calendar/": (f"?view=week&at={_NOW + timedelta(days=1):%Y-%m-%d}",),
    "/events": ("?text=told&limit=200",),
    "/insights/": ("?environment=",),
    "/insights/deployments": ("?figure=ended&environment=",),
    "/events/": ("?q=told",),
    "/events/export": ("?text=told", "?format=csv&text=told"),
}


def answer(client: Client, url: str) -> tuple[int, str]:
    """The status and what was said; of a stream only whether it lets in."""
    response = client.get(url)
    if url.partition("?")[0].endswith(STREAMS):
        return response.status_code, ""
    body = response.getvalue() if response.streaming else response.content
    if response.get("Content-Type") == "application/vnd.in-toto.bundle":  # what is signed is encoded there
        body = b"\n".join(base64.b64decode(json.loads(line)["payload"]) for line in body.splitlines())
    return response.status_code, body.decode()


def grants_of(scopes: tuple, roles: tuple[str, str]) -> list[Given]:
    return [(role, *scope) for role, scope in zip(roles, scopes, strict=True)]


def is_let_in(grants: list[Given], one: Address) -> bool:
    if one.act in WHOLE_ACTS:
        return sees(grants, WHOLE, WHOLE_ACTS[one.act])
    if one.act in SOME_ACTS and not sees(grants, None, SOME_ACTS[one.act]):
        return False
    if one.act is Act.DOWNLOAD_BACKUP:
        return sees(grants, one.owner, ("admin",))
    if one.url.startswith("/api/v1/freezes/state"):
        environment, application = re.findall(r"=(\w+)", one.url)
        return sees(grants, (application, environment))
    return sees(grants, one.owner)


def granted(world: World, grants: list[Given], words: set[str]) -> set[str]:
    return {one for one in words if sees(grants, world.words[one], world.needs.get(one, ALL_ROLES))}


@pytest.fixture(scope="module")
def told_to_everything(world: World, everything) -> dict[Address, tuple[int, set[str]]]:
    """What each address answers to who may see everything."""
    found = {}
    for one in addresses(world):
        status, text = answer(everything[1], one.url)
        if status != 405:  # a door that only changes something
            found[one] = status, world.found_in(text)
    return found


def test_the_table_reaches_every_door(told_to_everything) -> None:
    """Who may see everything is let in everywhere; else the comparison below would compare nothing."""
    refused = {one.url: status for one, (status, _) in told_to_everything.items() if status >= 400 or status < 200}
    assert {url for url, status in refused.items() if not url.partition("?")[0].endswith(STREAMS)} <= ALWAYS_REFUSED, refused
    assert len(told_to_everything) > 100


ALWAYS_REFUSED: set[str] = {"/api/v1/calendar"}  # without the span it needs


def test_every_word_is_shown_somewhere(world: World, told_to_everything) -> None:
    """A word nobody is ever shown would prove nothing."""
    shown = set().union(*(words for _, words in told_to_everything.values()))
    assert set(world.words) - shown == set()


ROLES = (("deployer", "viewer"), ("viewer", "admin"))


# What these show depends on what else there is (the newest, the most pressing, all of a release or none of it).
PARTLY = re.compile(r"(/api/v1)?/(|applications/|releases/\d+/(plan|readiness|rollouts))")


def is_owed(world: World, word: str) -> bool:
    """Whether who may see the thing must find it wherever an administrator does. Names of applications and environments
    stand beside things that are not always theirs, too."""
    owner = world.words[word]
    return owner == WHOLE or (isinstance(owner, tuple) and all(owner))


@pytest.mark.parametrize("scopes", pairs_of_scopes(), ids=str)
def test_two_grants_show_what_each_covers_and_nothing_more(world: World, told_to_everything, scopes) -> None:
    for number, roles in enumerate(ROLES):
        grants = grants_of(scopes, roles)
        _, client = person_with(grants, world, f"p{number}-{abs(hash(scopes))}")
        own, wrong = granted(world, grants, set(world.words)), []
        for one, (status, words) in told_to_everything.items():
            if number and one.act in (None, Act.VIEW):
                continue  # roles make no difference to looking
            if not one.url.startswith("/api/") and scopes not in TELLING:
                continue  # pages take their time, and ask the same queries
            got, text = answer(client, one.url)
            shown = world.found_in(text) - world.found_in(one.url)
            may = is_let_in(grants, one)
            owed = {word for word in words & own if is_owed(world, word)} if may and not PARTLY.fullmatch(one.url) else set()
            too_much, too_little = shown - own if may else shown, owed - shown
            if too_much or too_little or (got != status if may else got not in (302, 403, 404)):
                wrong.append((one.url, got, status if may else "nothing", too_much, too_little))
        told = "\n".join(map(str, wrong))
        assert not wrong, f"{grants}: (address, got, wanted, too much, too little)\n{told}"


def topics(world: World) -> list[tuple[str, object]]:
    """Every topic there is, and whose it is."""
    named = [("placement:{}:{}".format(*pair), pair) for pair in PAIRS]
    named += [(f"application:{name}:recent", (name, "")) for name in APPLICATIONS]
    named += [(f"application:{name}:commands", (name, "")) for name in APPLICATIONS]
    named += [(f"deployment:{one.pk}:facts", pair) for pair, one in world.deployments.items()]
    named += [(f"job:{one.pk}:{part}", pair) for pair, one in world.jobs.items() for part in ("facts", "outcome")]
    kinds = ("host", "state", "placements", "protection")
    named += [(f"environment:{place}:{kind}", ("", place)) for place, kind in product(ENVIRONMENTS, kinds)]
    parts = ("head", "matrix", "readiness", "rollouts", "sealing", "planned", "approvals", "graph")
    named += [
        (f"resource:{place}:{one.name}:{part}", ("", place))
        for place, one in world.resources.items()
        for part in ("state", "bindings", "backups")
    ]
    named += [(f"release:{world.releases['alone'].pk}:{part}", ("alpha", "development")) for part in parts]
    named += [(f"release:{world.releases['shared'].pk}:{part}", None) for part in parts]
    named += [
        (f"rollout:{one.pk}:progress", [(name, place) for name in APPLICATIONS]) for place, one in world.rollouts.items()
    ]
    plain = (
        "home:matrix",
        "home:running",
        "home:recent",
        "home:waiting",
        "home:alerts",
        "environments",
        "freezes",
        "resources",
    )
    return [*named, *((name, None) for name in (*plain, "applications", "alerts", "events", "releases", "calendar"))]


def test_every_kind_of_topic_is_asked_about(world: World) -> None:
    kinds = {id(topic.kind) for name, _ in topics(world) if (topic := topic_named(name)) is not None}
    assert len(kinds) == len(KINDS)


@pytest.mark.parametrize("scopes", pairs_of_scopes(), ids=str)
def test_what_pages_watch_shows_no_more_than_the_pages(world: World, scopes) -> None:
    grants = grants_of(scopes, ROLES[0])
    actor, _ = person_with(grants, world, "watcher")
    own, asked = granted(world, grants, set(world.words)), topics(world)
    allowed = {topic.name for part in batches(asked) for topic in watchable(actor, part)}
    assert allowed == {name for name, owner in asked if sees(grants, owner)}
    if scopes not in TELLING:
        return  # what is drawn asks what pages ask, and what is shown to too many is shown to one of these, too
    for name in sorted(allowed):
        topic = topic_named(name)
        assert topic is not None
        sent = render(topic, actor, "en", "UTC")
        assert world.found_in(str(sent)) <= own, (grants, name, world.found_in(str(sent)) - own)


def batches(asked: list[tuple[str, object]]) -> Iterator[list[str]]:
    names = [name for name, _ in asked]
    yield from (names[start : start + MOST_TOPICS] for start in range(0, len(names), MOST_TOPICS))


@pytest.mark.parametrize("scopes", pairs_of_scopes(), ids=str)
def test_a_calendar_feed_tells_what_its_owner_may_see(world: World, scopes) -> None:
    grants = grants_of(scopes, ROLES[0])
    actor, _ = person_with(grants, world, "calendar")
    with transaction.atomic():
        secret = make_feed(actor=actor)
    _, text = answer(Client(), reverse("calendar-feed", args=[secret]))
    unfolded = text.replace("\r\n ", "")
    assert world.found_in(unfolded) <= granted(world, grants, set(world.words)), (grants, unfolded)
    assert world.found_in(unfolded) >= {f"frozen-{one}-{place}-x" for one, place in PAIRS if sees(grants, (one, place))}


HALVES: list[Given] = [
    *((role, "alpha", "development") for role in ("admin", "deployer", "release_manager")),
    *((role, "beta", "production") for role in ("admin", "deployer", "release_manager")),
]
ALPHA_IN_PRODUCTION = {"application": "alpha", "environment": "production"}
WRITTEN_OUT = (  # what names the pair in its body
    ("/api/v1/deployments", ALPHA_IN_PRODUCTION),
    ("/api/v1/rollbacks", ALPHA_IN_PRODUCTION),
    ("/api/v1/promotions", {**ALPHA_IN_PRODUCTION, "from_environment": "development"}),
    ("/api/v1/promotions", {"application": "alpha", "environment": "development", "from_environment": "production"}),
)


def changing(world: World) -> Iterator[tuple[str, str, object]]:
    """Every (method, address, owner) that changes something of somebody's."""
    for pattern, callback in every_door():
        place = re.sub(r"[\^$]", "", pattern)
        if not place.startswith(NOT_GOT) and place != "api/v1/":
            methods = [one for one in permissions(callback) if one != "GET"]
            if not place.startswith("api/v1/"):
                methods = ["POST"]
            known = {url: owner for url, owner in filled(world, place) if owner not in (None, WHOLE)}
            yield from ((method, url, owner) for method, (url, owner) in product(methods, known.items()))


def test_two_halves_change_nothing_of_the_pair_they_do_not_make(world: World) -> None:
    """Of alpha in production, and beta in development, they are neither told anything nor may do anything."""
    _, client = person_with(HALVES, world, "halves")
    own, wrong, asked = granted(world, HALVES, set(world.words)), [], 0
    before = [Deployment.objects.count(), Run.objects.count(), list(Placement.objects.order_by("pk").values())]
    for method, url, owner in changing(world):
        if sees(HALVES, owner):
            continue
        kind, body = ("application/json", b"{}") if url.startswith("/api/") else ("application/x-www-form-urlencoded", b"")
        with transaction.atomic():
            response = client.generic(method, url, body, content_type=kind)
        asked += 1
        too_much = world.found_in(response.content.decode()) - world.found_in(url) - own
        if response.status_code not in (403, 404, 405, 422) or too_much:
            wrong.append((method, url, response.status_code, too_much))
    for url, body in WRITTEN_OUT:
        response = client.post(url, body, content_type="application/json")
        if response.status_code != 404 or world.found_in(response.content.decode()) - own:
            wrong.append(("POST", url, response.status_code, world.found_in(response.content.decode()) - own))
    assert not wrong, "\n".join(map(str, wrong))
    assert asked > 50
    assert before == [Deployment.objects.count(), Run.objects.count(), list(Placement.objects.order_by("pk").values())]
