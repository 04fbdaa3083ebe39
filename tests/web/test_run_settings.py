"""How an application runs, as a person changes it on its settings page."""

from __future__ import annotations

import pytest

RUN = {"section": "spec", "name": "Hello", "command": "", "port": "", "health": "", "memory_mb": "", "cpus": ""}


def save(browse, admin, **changes):
    return browse(admin).post("/applications/hello/settings", {**RUN, "release": "", "sticky": "", "volumes": "", **changes})


def test_release_command_sticky_sessions_and_volumes_are_saved_and_shown(admin, browse, hello):
    answer = save(browse, admin, release="python manage.py migrate", sticky="on", volumes="media: /media\n\ndata:/data\n")
    assert answer.status_code == 302
    hello.refresh_from_db()
    assert hello.spec == {
        "release": ["python", "manage.py", "migrate"],
        "sticky": True,
        "volumes": [["media", "/media"], ["data", "/data"]],
    }
    page = browse(admin).get("/applications/hello/settings").content.decode()
    assert 'value="python manage.py migrate"' in page
    assert "media: /media\ndata: /data" in page
    assert '<option value="on" selected>' in page


def test_other_services_are_lines_as_in_a_procfile(admin, browse, hello):
    assert save(browse, admin, services="worker: TICK=2 python worker.py\nbeat: python beat.py").status_code == 302
    hello.refresh_from_db()
    worker = {"command": ["python", "worker.py"], "environment": {"TICK": "2"}}
    assert hello.spec == {"services": {"worker": worker, "beat": {"command": ["python", "beat.py"]}}}
    page = browse(admin).get("/applications/hello/settings").content.decode()
    assert "worker: TICK=2 python worker.py\nbeat: python beat.py" in page
    wrong = save(browse, admin, services="worker")
    assert wrong.status_code == 422
    assert "“worker” is not “name: command”" in wrong.content.decode()
    hello.spec = {"services": {}}
    hello.save()
    save(browse, admin)
    hello.refresh_from_db()
    assert hello.spec == {"services": {}}, "who said that there are none is not asked again"


def test_services_with_an_image_are_no_lines_and_stay(admin, browse, hello):
    database = {"image": "postgres:16", "volumes": [["data", "/d"]]}
    hello.spec = {"services": {"db": database, "old": {"command": ["python", "old.py"]}}}
    hello.save()
    page = browse(admin).get("/applications/hello/settings").content.decode()
    assert "old: python old.py" in page
    assert "db:" not in page
    assert save(browse, admin, services="worker: python worker.py").status_code == 302
    hello.refresh_from_db()
    assert hello.spec == {"services": {"db": database, "worker": {"command": ["python", "worker.py"]}}}
    assert save(browse, admin).status_code == 302
    hello.refresh_from_db()
    assert hello.spec == {"services": {"db": database}}


def test_empty_fields_go_back_to_what_is_detected(admin, browse, hello):
    save(browse, admin, release="x", sticky="off", volumes="a: /a")
    hello.refresh_from_db()
    assert hello.spec["sticky"] is False
    assert save(browse, admin).status_code == 302
    hello.refresh_from_db()
    assert hello.spec is None


def test_a_release_command_switched_off_through_the_api_stays_off(admin, browse, hello):
    hello.spec = {"release": None}
    hello.save()
    save(browse, admin, port="9000")
    hello.refresh_from_db()
    assert hello.spec == {"release": None, "port": 9000}


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("volumes", "no-colon", "“no-colon” is not a volume; write a name and a folder"),
        ("volumes", "data: data", "must be an absolute folder such as “/data”"),
        ("volumes", "Bad Name: /data", "Bad Name"),
        ("release", "a | b", "“|”"),
        ("sticky", "perhaps", "perhaps"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_changes_nothing(admin, browse, hello, field, value, sentence):
    answer = save(browse, admin, **{field: value})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert f'id="id_{field}_error"' in page
    hello.refresh_from_db()
    assert hello.spec is None
