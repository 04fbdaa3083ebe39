"""The catalogue over HTTP."""

from __future__ import annotations

import pytest

from fairway.applications.models import Application
from tests.api.conftest import Api

INSTALL = "/catalog/datasette/install"


def test_entries_are_listed_shown_and_installed(admin: Api, places: object) -> None:
    listed = admin.get("/catalog").json()
    assert {"datasette", "jupyterlab", "marimo"} <= {one["id"] for one in listed}
    made = admin.post(INSTALL, {"environment": "development", "name": "Team data", "answers": {"SITE_TITLE": "Sales"}})
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["application"], body["passwords"], body["deployment"]["status"]) == ("team-data", {}, "queued")
    shown = admin.get("/catalog/datasette").json()
    assert [one["application"] for one in shown["installed"]] == ["team-data"]
    assert (shown["ask"][0]["name"], shown["access"][0]) == ("SITE_TITLE", "signed_in")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"environment": "nowhere"}, 404, "nowhere"),
        ({"environment": "development", "access": "everybody"}, 422, "access"),
        ({"environment": "development", "answers": {"COLOUR": "red"}}, 422, "COLOUR"),
        ({"environment": "development", "answers": {"SITE_TITLE": 7}}, 422, "SITE_TITLE"),
        ({"environment": "development", "colour": "red"}, 422, "colour"),
        ({}, 422, "environment"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(admin: Api, places: object, body: dict, status: int, words: str) -> None:
    before = Application.objects.count()
    answer = admin.post(INSTALL, body)
    assert (answer.status_code, words in answer.content.decode()) == (status, True), answer.content
    assert Application.objects.count() == before


def test_what_is_not_there(admin: Api, places: object) -> None:
    assert admin.get("/catalog/solitaire").status_code == 404
    assert admin.post("/catalog/solitaire/install", {"environment": "development"}).status_code == 404
