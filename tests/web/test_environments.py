"""Environments: made, changed, locked, unlocked, deleted, by whom it is allowed to."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from fairway.activity.models import Event
from fairway.environments.models import Environment
from tests.web.conftest import live

NEW = {"name": "Quality", "slug": "", "host": "quality.example.com", "description": "", "runtime": "process", "position": ""}


def test_a_new_environment_comes_last_and_is_an_event(admin, browse, staging):
    answer = browse(admin).post("/environments/new", NEW)
    assert answer["Location"] == "/environments/quality/"
    made = Environment.objects.get(slug="quality")
    assert made.position > staging.position
    assert Event.objects.filter(verb="environment.created").count() == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"host": "no dots"}, "not a host name"), ({"slug": "Bad Slug"}, "only a–z"), ({"slug": "staging"}, "exists already")],
)
def test_a_bad_environment_is_told_beside_its_field(admin, browse, staging, change, sentence):
    answer = browse(admin).post("/environments/new", {**NEW, **change})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert Environment.objects.count() == 1


def test_editing_keeps_what_the_form_does_not_show(admin, browse):
    one = Environment.objects.create(
        slug="quality", name="Quality", host="q.example.com", runtime="process", options={"memory_mb": 64}, lane="own"
    )
    answer = browse(admin).post("/environments/quality/edit", {**NEW, "name": "Testing", "host": "q.example.com"})
    assert answer.status_code == 302
    one.refresh_from_db()
    assert (one.name, one.options, one.lane) == ("Testing", {"memory_mb": 64}, "own")


def test_walls_that_must_stand_and_folders_to_read_are_asked_for(admin, browse, staging):
    wanted = {"require": ["user", "files"], "reads": "/srv/data\n\n /srv/models "}
    assert browse(admin).post("/environments/new", {**NEW, **wanted}).status_code == 302
    made = Environment.objects.get(slug="quality")
    assert made.options == {"require": ["user", "files"], "reads": ["/srv/data", "/srv/models"]}
    shown = browse(admin).get("/environments/quality/edit").content.decode()
    assert "/srv/data\n/srv/models" in shown
    assert len(re.findall(r'name="require"[^>]* checked', shown)) == 2
    assert browse(admin).post("/environments/quality/edit", {**NEW, "reads": "srv"}).status_code == 422
    assert browse(admin).post("/environments/quality/edit", {**NEW, "require": ["moat"]}).status_code == 422
    assert browse(admin).post("/environments/quality/edit", NEW).status_code == 302
    made.refresh_from_db()
    assert made.options == {}


def test_a_lock_needs_a_reason_and_an_end_in_the_future(manager, browse, staging):
    browser, url = browse(manager), "/environments/staging/lock"
    assert "is empty" in browser.post(url, {"reason": " "}).content.decode()
    past = (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    refused = browser.post(url, {"reason": "Fair", "until": past})
    assert refused.status_code == 422
    assert "is in the past" in refused.content.decode()
    assert 'value="Fair"' in refused.content.decode()
    assert browser.post(url, {"reason": "Fair", "until": "soon"}).status_code == 422
    staging.refresh_from_db()
    assert staging.lock is None


def test_lock_and_unlock_show_who_why_and_until(manager, browse, hello, staging):
    browser = browse(manager)
    until = (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    assert browser.post("/environments/staging/lock", {"reason": "Stocktaking", "until": until}).status_code == 302
    page = browser.get("/environments/staging/").content.decode()
    assert "Stocktaking" in page
    assert "Ends automatically" in page
    assert "Your lock of Staging ends soon" in browser.get("/").content.decode()
    browser.post("/environments/staging/unlock")
    assert "Stocktaking" not in browser.get("/environments/").content.decode()
    noted = Event.objects.filter(verb__startswith="environment.").order_by("pk")
    assert list(noted.values_list("verb", flat=True)) == [
        "environment.locked",
        "environment.unlocked",
    ]


def test_an_environment_in_use_is_not_deleted_and_says_why(admin, browse, hello, staging):
    live(hello, staging)
    browser = browse(admin)
    assert "Hello is deployed there." in browser.get("/environments/staging/").content.decode()
    answer = browser.post("/environments/staging/deletion", {"confirm": "staging"})
    assert answer.status_code == 409
    assert "Hello is deployed there." in answer.content.decode()
    staging.refresh_from_db()
    assert staging.deleted_at is None


def test_an_empty_environment_is_deleted_by_name(admin, browse, staging):
    browser = browse(admin)
    assert browser.post("/environments/staging/deletion", {}).status_code == 422
    assert browser.post("/environments/staging/deletion", {"confirm": "staging"})["Location"] == "/environments/"
    assert browser.get("/environments/staging/").status_code == 404


@pytest.mark.parametrize("path", ["/environments/new", "/environments/staging/edit", "/environments/staging/deletion"])
def test_only_administrators_manage_environments(manager, deployer, viewer, browse, staging, path):
    for person in (manager, deployer, viewer):
        assert browse(person).post(path, {**NEW, "confirm": "staging"}).status_code == 403
    assert Environment.objects.count() == 1


@pytest.mark.parametrize("act", ["lock", "unlock"])
def test_deployers_and_viewers_do_not_lock(deployer, viewer, browse, staging, act):
    for person in (deployer, viewer):
        assert browse(person).post(f"/environments/staging/{act}", {"reason": "No"}).status_code == 403
    assert {event.verb for event in Event.objects.all()} == {"person.refused"}


def test_a_runtime_that_is_not_there_says_so(admin, browse):
    Environment.objects.create(slug="old", name="Old", host="old.localhost", runtime="gone")
    page = browse(admin).get("/environments/old/").content.decode()
    assert "No runtime called “gone” is installed here" in page
