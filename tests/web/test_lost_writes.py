"""The application's page says what its next deployment loses, offers a volume, and can be told to be quiet."""

from __future__ import annotations

import pytest

from fairway.deployments.commands import requests
from fairway.deployments.models import Placement
from tests.conftest import make_artifact
from tests.web.conftest import finish

PLACES = [{"name": "db.sqlite3", "files": 1, "target": ""}, {"name": "uploads/", "files": 3, "target": "/uploads"}]


@pytest.fixture
def writing(hello, staging, deployer):
    one = requests.request_deployment(actor=deployer, application=hello, environment=staging, artifact=make_artifact(hello))
    finish(one)
    Placement.objects.filter(application=hello).update(writes=PLACES)
    return Placement.objects.get(application=hello)


def page(browse, who, path="/applications/hello/"):
    return browse(who).get(path).content.decode()


def test_it_is_said_and_a_volume_is_offered_with_its_target_filled_in(writing, browse, admin):
    shown = page(browse, admin)
    assert "It writes files that will be lost at the next deployment: db.sqlite3, uploads/ (3 files)." in shown
    assert "/applications/hello/settings?keep=staging" in shown
    assert "uploads: /uploads</textarea>" in page(browse, admin, "/applications/hello/settings?keep=staging")
    assert "uploads: /uploads" not in page(browse, admin, "/applications/hello/settings?keep=nowhere")


def test_put_aside_it_is_not_said_again_until_something_else_is_written(writing, browse, admin):
    assert browse(admin).post("/applications/hello/in/staging/dismiss-writes").status_code == 302
    assert "will be lost at the next deployment" not in page(browse, admin)
    Placement.objects.filter(pk=writing.pk).update(writes=[*PLACES, {"name": "new.db", "files": 1, "target": ""}])
    shown = page(browse, admin)
    assert "lost at the next deployment: new.db." in shown
    assert "Have them written to a folder of their own" in shown


def test_who_may_not_edit_is_told_and_offered_nothing(writing, browse, viewer):
    shown = page(browse, viewer)
    assert "will be lost at the next deployment" in shown
    assert "?keep=" not in shown
    assert browse(viewer).post("/applications/hello/in/staging/dismiss-writes").status_code == 403
