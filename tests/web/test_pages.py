"""Every page: who gets in, who does not, what stands on it, and in how many queries."""

from __future__ import annotations

import json

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, get_resolver

from fairway.accounts.permissions import Permission, declared_permission
from fairway.accounts.rules import SYSTEM, Role
from fairway.activity.checking import continue_verification, head_file
from fairway.activity.models import ChainHead, Event
from fairway.activity.signing import sign_head
from fairway.applications.commands import create_application
from fairway.config.data import DataDirectory
from fairway.deployments.commands import progress
from fairway.deployments.commands.progress import append_log
from fairway.deployments.models import Deployment, Placement
from fairway.environments.commands import lock_environment, unlock_environment
from fairway.web.urls import urlpatterns
from tests.conftest import make_artifact, make_environment, make_person
from tests.web.conftest import live

PAGES = [
    "/", "/applications/", "/applications/hello/", "/applications/hello/deployments",
    "/applications/hello/configuration", "/applications/hello/events", "/applications/hello/commands",
    "/applications/hello/forge",
    "/applications/hello/logs", "/applications/hello/metrics", "/applications/hello/settings", "/deployments/",
    "/insights/", "/costs/", "/environments/", "/environments/staging/", "/resources/", "/freezes/", "/events/", "/alerts/",
    "/environments/staging/alerts", "/settings/profile",
    "/settings/tokens", "/palette",
]  # fmt: skip


def test_every_address_says_what_it_needs():
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        declared = declared_permission(pattern.callback)
        assert declared is not None, pattern
        for permission in [declared] if isinstance(declared, Permission) else declared.values():
            assert permission is not None, pattern
            assert permission.act is not None or len(permission.reason) > 5, pattern


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_sent_to_sign_in_and_come_back_to_the_page(admin, path, hello, staging):
    answer = Client().get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
    if path != "/":
        assert f"next={path}" in answer["Location"]


@pytest.mark.parametrize("role", list(Role))
def test_everybody_with_a_role_sees_the_pages(browse, hello, staging, role):
    live(hello, staging)
    browser = browse(make_person("somebody", role))
    for path in PAGES:
        assert browser.get(path).status_code == 200, path
    assert browser.get(f"/deployments/{Deployment.objects.get().pk}").status_code == 200


def test_somebody_without_any_role_sees_nothing(browse, hello, staging):
    browser = browse(make_person("nobody"))
    for path in PAGES[1:]:
        assert browser.get(path).status_code == 403, path


def test_what_a_person_may_not_see_looks_as_if_it_were_not_there(browse, hello, staging, production):
    one = live(hello, production)
    browser = browse(make_person("lou", Role.VIEWER, environment=staging))
    hidden = ["/environments/production/", "/applications/hello/configuration?environment=production"]
    hidden += [f"/deployments/{one.pk}{rest}" for rest in ("", "/log", "/log/raw", "/log/stream")]
    for path in [*hidden, "/applications/nothing/", "/environments/nowhere/", "/deployments/99999"]:
        assert browser.get(path).status_code == 404, path
    for path in ("/", "/applications/", "/deployments/", "/environments/", "/events/", "/palette", "/applications/hello/"):
        assert "roduction" not in browser.get(path).content.decode(), path


def test_a_fragment_is_the_part_of_its_page(viewer, browse, hello, staging):
    live(hello, staging)
    browser = browse(viewer)
    whole = browser.get("/").content.decode()
    part = browser.get("/", headers={"hx-request": "true", "hx-target": "home-recent"}).content.decode().strip()
    assert part.startswith('<section id="home-recent"')
    assert part[:60] in whole
    assert "<html" not in part


def test_history_is_filtered_by_its_address_and_paged(viewer, browse, hello, staging, production):
    Deployment.objects.bulk_create(_copies(live(hello, staging), 31))
    last = live(hello, production)
    browser = browse(viewer)
    assert "1–30 of 33" in browser.get("/deployments/").content.decode()
    second = browser.get("/deployments/?page=2&environment=staging").content.decode()
    assert "31–32 of 32" in second
    only = browser.get("/deployments/?outcome=live&environment=production").content.decode()
    assert f"#{last.pk}" in only
    assert "No deployment matches" in browser.get("/deployments/?person=nobody").content.decode()
    assert browser.get("/deployments/?since=nonsense&page=oops").status_code == 200


def test_a_log_is_read_in_pages_and_as_text(viewer, browse, hello, staging):
    one = live(hello, staging)
    lines = [(number, float(number), "start", "stdout", f"line {number}") for number in range(1, 6002)]
    append_log(deployment_id=one.pk, lines=lines[:3000])
    append_log(deployment_id=one.pk, lines=lines[3000:])
    browser = browse(viewer)
    first = json.loads(browser.get(f"/deployments/{one.pk}/log").content)
    assert (len(first["lines"]), first["next"], first["is_complete"]) == (5000, 5000, True)
    rest = json.loads(browser.get(f"/deployments/{one.pk}/log?after=5000").content)
    assert (rest["lines"][0]["n"], rest["lines"][-1]["n"], rest["next"]) == (5001, 6001, None)
    raw = b"".join(browser.get(f"/deployments/{one.pk}/log/raw").streaming_content).decode().splitlines()
    assert len(raw) == 6001
    assert raw[-1].endswith("line 6001")


def test_events_are_sentences_with_what_changed(admin, manager, browse, staging):
    lock_environment(actor=manager, environment=staging, reason="Stocktaking")
    browser = browse(admin)
    page = browser.get("/events/").content.decode()
    assert "<strong>max</strong> locked the environment" in page
    assert "“Stocktaking”" in page
    assert "has not been checked" in page
    newest = continue_verification().front_id
    assert f"verified up to event {newest}" in browser.get("/events/").content.decode()
    assert "No event matches" in browser.get("/events/?act=token").content.decode()
    assert "Stocktaking" in browser.get("/events/?q=stock").content.decode()


def test_an_edited_chain_is_told_on_the_page(admin, browse, staging):
    lock_environment(actor=admin, environment=staging, reason="Stocktaking")
    continue_verification()
    first = Event.objects.earliest("pk")
    Event.objects.update(comment="Nothing happened")
    browser = browse(admin)
    browser.post("/events/verification")
    continue_verification()
    page = browser.get("/events/").content.decode()
    assert f"The chain is broken at event {first.pk}" in page
    assert 'role="alert"' in page


def test_an_older_backup_is_acknowledged_on_the_page_by_an_administrator_only(
    admin, viewer, browse, staging, settings, tmp_path
):
    settings.DATA = DataDirectory(tmp_path / "data")
    lock_environment(actor=admin, environment=staging, reason="Stocktaking")
    kept = Event.objects.latest("pk")
    unlock_environment(actor=admin, environment=staging)
    sign_head(head_file())
    Event.objects.filter(pk__gt=kept.pk).delete()
    ChainHead.objects.update(event_id=kept.pk, hash=kept.hash)
    continue_verification()
    for actor, may_acknowledge in ((viewer, False), (admin, True)):
        page = browse(actor).get("/events/").content.decode()
        assert f"Events after number {kept.pk} are missing" in page
        assert ("Was an older backup restored on purpose?" in page) is may_acknowledge
        assert ("Check now" in page) is may_acknowledge
    assert browse(viewer).post("/events/acknowledgement", {"reason": "because"}).status_code == 403
    browser = browse(admin)
    told = browser.post("/events/acknowledgement", {"reason": " "}, follow=True).content.decode()
    assert "is missing or too long; give a reason" in told
    told = browser.post("/events/acknowledgement", {"reason": "The disk died"}, follow=True).content.decode()
    assert "The disk died" in told
    continue_verification()
    page = browser.get("/events/").content.decode()
    assert "An unbroken chain" in page
    assert "acknowledged the missing events from" in page


def test_steps_are_hidden_until_asked_for_and_the_exports_follow_the_filters(admin, browse, hello, staging):
    live(hello, staging)
    browser = browse(admin)
    with transaction.atomic():
        progress.step_started(Deployment.objects.get(), "prepare", 1)
    assert "started a step of the deployment" not in browser.get("/events/").content.decode()
    assert "started a step of the deployment" in browser.get("/events/?steps=1").content.decode()
    assert "started a step of the deployment" in browser.get("/events/?severity=detail").content.decode()
    page = browser.get("/events/?act=deployment&q=hello&person=ada").content.decode()
    assert "person=ada&amp;verb=deployment&amp;severity=info&amp;text=hello&amp;format=csv" in page
    assert "No event matches" in browser.get("/events/?act=token").content.decode()


def test_the_palette_reaches_what_one_may_see(viewer, browse, hello, staging):
    items = json.loads(browse(viewer).get("/palette").content)["items"]
    urls = {item["url"] for item in items}
    assert {"/applications/hello/", "/environments/staging/", "/events/"} <= urls
    assert "/applications/new" not in urls
    assert any("target" in item["keywords"] for item in items if item["url"] == "/environments/staging/")
    resolve = get_resolver().resolve
    assert all(resolve(url.partition("?")[0]) for url in urls)


def test_a_deployment_target_is_an_environment(viewer, browse, staging):
    browser = browse(viewer)
    assert browser.get("/targets/")["Location"] == "/environments/"
    assert browser.get("/targets/staging/")["Location"] == "/environments/staging/"
    assert "deployment target" in browser.get("/environments/staging/").content.decode()


def test_health_says_only_that_we_are_well(db, client):
    answer = client.get("/healthz")
    assert json.loads(answer.content)["status"] == "ok"


def test_a_broken_page_is_a_page(viewer, browse, monkeypatch):
    monkeypatch.setattr("fairway.web.views.home.home_shown", lambda actor: 1 / 0)
    browser = browse(viewer)
    browser.raise_request_exception = False
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.content.decode()


def test_no_page_asks_more_with_more_rows(admin, browse, django_assert_max_num_queries):
    """At most 19 queries on home, 17 on the others; here with 8 applications and a few hundred deployments."""
    environments = [make_environment(slug, position=10 * at) for at, slug in enumerate(("one", "two", "three"))]
    for number in range(8):
        source = {"image": f"registry.test/app{number}:1"}
        application = create_application(actor=SYSTEM, name=f"App {number}", source_kind="image", source=source)
        artifact = make_artifact(application)
        for environment in environments:
            one = live(application, environment, artifact)
            Deployment.objects.bulk_create(_copies(one, 14))
        if number % 4 == 0:
            browse(admin).post(f"/applications/app-{number}/in/one/deploy")
    Placement.objects.filter(application__slug="app-1").update(current=None)
    browser = browse(admin)
    assert Deployment.objects.count() > 350
    for path in ("/", "/deployments/", "/deployments/?outcome=live", "/applications/", "/environments/", "/events/"):
        with django_assert_max_num_queries(19 if path == "/" else 17):
            assert browser.get(path).status_code == 200
    with django_assert_max_num_queries(23):
        browser.get("/applications/app-0/")


def _copies(one: Deployment, count: int) -> list[Deployment]:
    fields = {field.attname: getattr(one, field.attname) for field in Deployment._meta.concrete_fields}
    del fields["id"], fields["run_id"]
    return [Deployment(**fields) for _ in range(count)]


SUBJECTS = ("application", "environment", "placement", "deployment", "release", "package", "configuration", "run", "freeze")


@pytest.mark.parametrize("path", ["/", "/applications/", "/applications/hello/", "/environments/", "/environments/staging/",
                                  "/releases/", "/calendar/"])  # fmt: skip
def test_a_page_knows_the_newest_event_before_it_reads_anything(manager, browse, hello, staging, path):
    """Else what happens between the two is neither on the page nor told to it: it would be shown as it was for ever."""
    asked: list[str] = []

    def heard(execute, sql, params, many, context):
        asked.append(sql)
        return execute(sql, params, many, context)

    browser = browse(manager)
    with connection.execute_wrapper(heard):
        assert browser.get(path, follow=True).status_code == 200
    tables = [f'FROM "fairway_{name}' for name in SUBJECTS]
    read = next(number for number, sql in enumerate(asked) if any(table in sql for table in tables))
    newest = next(number for number, sql in enumerate(asked) if 'FROM "fairway_chainhead"' in sql)
    assert newest < read
