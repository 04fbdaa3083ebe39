"""The Docker host over SSH on the pages: given, shown, confirmed by who may, and told in the reader's language."""

from __future__ import annotations

import pytest

from fairway.activity.models import Event
from fairway.drivers.hosts.keys import fingerprint
from fairway.environments import hosts
from fairway.environments.models import Environment, Host
from fairway.shared.keypairs import new_key_pair
from fairway.web import live_fragments

ADDRESS = "ssh://deploy@docker.example.com"
KEY, OTHER = (" ".join(new_key_pair("x")[1].split()[:2]) for _ in range(2))
NEW = {
    "name": "Far",
    "slug": "",
    "host": "far.example.com",
    "description": "",
    "runtime": "docker",
    "position": "",
    "docker_host": ADDRESS,
}


@pytest.fixture
def far(admin, browse) -> Environment:
    assert browse(admin).post("/environments/new", NEW).status_code == 302
    return Environment.objects.get(slug="far")


def test_the_form_takes_the_address_and_says_what_is_wrong_with_it(admin, browse, far):
    assert far.options == {"host": ADDRESS}
    wrong = browse(admin).post("/environments/new", {**NEW, "name": "Wrong", "docker_host": "ssh://-oProxyCommand=x@h"})
    assert wrong.status_code == 422
    assert "is not the address of a Docker host" in wrong.content.decode()
    assert ADDRESS in browse(admin).get("/environments/far/edit").content.decode()
    browse(admin).post("/environments/far/edit", {**NEW, "docker_host": ""})
    far.refresh_from_db()
    assert far.options == {}


def test_the_key_is_confirmed_by_an_admin_and_by_nobody_else(admin, viewer, browse, far):
    page = browse(admin).get("/environments/far/").content.decode()
    assert "is being asked for its key" in page
    assert Host.objects.get().public_key in page
    hosts.record_offered_key(host=Host.objects.get(), key=KEY)
    page = browse(admin).get("/environments/far/").content.decode()
    assert fingerprint(KEY) in page
    assert "/environments/far/host/key" in page

    seen = browse(viewer).get("/environments/far/").content.decode()
    assert fingerprint(KEY) in seen
    assert "/environments/far/host/key" not in seen
    assert browse(viewer).post("/environments/far/host/key", {"fingerprint": fingerprint(KEY)}).status_code == 403
    browse(admin).post("/environments/far/host/key", {"fingerprint": fingerprint(OTHER)})
    assert Host.objects.get().host_key == ""

    browse(admin).post("/environments/far/host/key", {"fingerprint": fingerprint(KEY)})
    assert (Host.objects.get().host_key, Host.objects.get().confirmed_by) == (KEY, "ada")
    browse(admin).post("/environments/far/host/look")
    assert Host.objects.get().look_wanted_at is not None
    assert browse(admin).post("/environments/far/host/look").status_code == 302


def test_a_changed_key_is_trusted_by_name_only(admin, browse, far):
    Host.objects.update(host_key=KEY, offered_key=OTHER)
    page = browse(admin).get("/environments/far/").content.decode()
    assert "Nothing is sent there" in page
    assert 'data-confirm="far"' in page


def test_an_open_page_follows_and_speaks_the_readers_language(admin, far):
    topic = live_fragments.topic_named("environment:far:host")
    assert fingerprint(KEY) not in live_fragments.render(topic, admin, "en", "UTC")["html"]
    hosts.record_offered_key(host=Host.objects.get(), key=KEY)
    assert live_fragments.subjects_of(Event.objects.latest("pk")) & topic.subjects
    assert "is not confirmed yet" in live_fragments.render(topic, admin, "en", "UTC")["html"]
    assert "pas encore confirmée" in live_fragments.render(topic, admin, "fr", "UTC")["html"]
