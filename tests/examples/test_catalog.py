"""Every entry of the catalogue, for real: installed, closed to strangers, open to colleagues, its data kept by a new
version, and nothing left when it is removed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from fairway.catalog.rules import Entry
from fairway.catalog.shelf import entries
from tests.services.installation import Installation
from tests.services.waiting import wait_for

HERE = "development"
BUILD_SECONDS = 500  # nearly a gigabyte for marimo, with nothing cached, on a busy machine
ADA = {"X-Fairway-User": "ada", "X-Fairway-Name": "Ada Lovelace"}


@dataclass
class Place:
    """An installed entry; `inside` asks it as the proxy would for a person that it let in."""

    fairway: Installation
    slug: str

    @property
    def host(self) -> str:
        return f"{self.slug}.{HERE}.localhost"

    def inside(self) -> httpx.Client:
        (folder,) = self.fairway.instances(self.slug, HERE)
        port = json.loads((folder / "instance.json").read_text())["port"]
        base = f"http://127.0.0.1:{port}"
        return httpx.Client(base_url=base, headers={**ADA, "Host": self.host}, trust_env=False, timeout=60)

    def run(self, program: str) -> None:
        """Run a line of Python once, with the application's bytes and volumes."""
        path = f"/applications/{self.slug}/environments/{HERE}/jobs"
        number = self.fairway.call("POST", path, {"command": ["python", "-c", program]})["id"]
        wait_for(lambda: self.fairway.call("GET", f"/jobs/{number}")["finished_at"], "the command has run")
        ended = self.fairway.call("GET", f"/jobs/{number}")
        assert ended["status"] == "succeeded", ended


def a_notebook_runs_and_is_kept(place: Place) -> Callable[[Place], None]:
    with place.inside() as lab:
        assert lab.get("/lab").status_code == 200
        assert lab.get("/api/me").json()["identity"]["display_name"] == "Ada Lovelace"
        nobody = lab.get("/api/contents", headers={"X-Fairway-User": ""})
        assert nobody.status_code in (302, 403)
        safe = {"X-XSRFToken": lab.cookies["_xsrf"]}
        kernel = f"/api/kernels/{lab.post('/api/kernels', headers=safe).json()['id']}"
        wait_for(lambda: lab.get(kernel).json()["execution_state"] in ("idle", "starting"), "a kernel runs")
        lab.delete(kernel, headers=safe)
        body = {"type": "file", "format": "text", "content": "kept"}
        assert lab.put("/api/contents/note.txt", json=body, headers=safe).status_code == 201

    def kept(later: Place) -> None:
        with later.inside() as lab:
            assert lab.get("/api/contents/note.txt").json()["content"] == "kept"

    return kept


def a_notebook_is_kept(place: Place) -> Callable[[Place], None]:
    place.run("import os; open(os.environ['VOLUME_WORK'] + '/sums.py', 'w').write('import marimo\\napp = marimo.App()\\n')")

    def kept(later: Place) -> None:
        with later.inside() as marimo:
            assert "marimo" in marimo.get("/").text
        later.run("import os; assert os.path.exists(os.environ['VOLUME_WORK'] + '/sums.py')")

    kept(place)
    return kept


def a_table_is_shown_and_kept(place: Place) -> Callable[[Place], None]:
    with place.inside() as site:
        first = site.get("/")
        assert ("Sales figures" in first.text, "Upload CSV" in first.text) == (True, True)
        assert "Upload CSV" not in site.get("/", headers={"X-Fairway-User": ""}).text
        form = site.get("/-/upload-csvs").text
        token = re.search(r'name="csrftoken" value="([^"]+)"', form)
        assert token is not None
        file = {"csv": ("boats.csv", "name,length\nGull,7\nTern,9\n", "text/csv")}
        sent = site.post("/-/upload-csvs", files=file, data={"csrftoken": token[1], "xhr": "1"})
        assert sent.status_code == 200, sent.text

    def kept(later: Place) -> None:
        with later.inside() as site:
            wait_for(lambda: site.get("/tables/boats.json").status_code == 200, "the table is there")
            rows = site.get("/tables/boats.json?_shape=array").json()
            assert [(row["name"], row["length"]) for row in rows] == [("Gull", 7), ("Tern", 9)]

    kept(place)
    return kept


USED: dict[str, tuple[dict[str, str], Callable[[Place], Callable[[Place], None]]]] = {
    "datasette": ({"SITE_TITLE": "Sales figures"}, a_table_is_shown_and_kept),
    "jupyterlab": ({}, a_notebook_runs_and_is_kept),
    "marimo": ({}, a_notebook_is_kept),
}


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.id)
def test_it_is_installed_used_renewed_and_removed(fairway: Installation, entry: Entry) -> None:
    answers, used = USED[entry.id]  # an entry without a way to use it here is not done
    assert "process" in entry.checked
    wanted: dict[str, Any] = {"environment": HERE, "name": f"Cat {entry.id}", "answers": answers}
    made = fairway.call("POST", f"/catalog/{entry.id}/install", wanted)
    place = Place(fairway, made["application"])
    fairway.live(made["deployment"]["id"], BUILD_SECONDS)

    stranger = fairway.visit(place.host, entry.page, **{"X-Fairway-User": "ada", "Accept": "text/html"})
    assert (stranger.status, "/access/enter" in stranger.headers["location"]) == (302, True), "a header opens nothing"
    kept = used(place)

    fairway.live(fairway.deploy(place.slug, HERE, reason="a new version"), BUILD_SECONDS)
    kept(place)
    lost = fairway.call("GET", f"/events?application={place.slug}&limit=100")
    assert "placement.writes_seen" not in {event["verb"] for event in lost["items"]}, "it writes only where it is kept"

    fairway.call("DELETE", f"/applications/{place.slug}?confirmed={place.slug}&volumes=true")
    wait_for(lambda: not fairway.instances(place.slug, HERE), "it is gone")
    volumes = fairway.data / "process" / "volumes"
    wait_for(lambda: not list(volumes.glob(f"{place.slug}.*")), "its data is gone")
