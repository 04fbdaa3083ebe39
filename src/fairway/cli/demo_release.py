"""Creates the demo's release: six packages with dependencies, three environments, partly deployed for real.

Everything is done through the public API.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fairway.cli.account import Account
from fairway.cli.client import Client
from fairway.cli.failures import Stop
from fairway.cli.sources import SourceOptions, body_of

NAME, VERSION = "Autumn", "2026.11"
ABOUT = "The shop's autumn release: a new catalogue, faster search, checkout in three steps."
NEEDS = {
    "accounts": (),
    "catalogue": (),
    "pricing": ("catalogue",),
    "search": ("catalogue",),
    "checkout": ("accounts", "pricing"),
    "storefront": ("checkout", "search"),
}
PAGES = {  # what each of them serves
    "accounts": "Who is who: customers, their addresses, their consent.",
    "catalogue": "What there is to buy: 1,240 things in 31 families.",
    "pricing": "What it costs today, and why.",
    "search": "Finds what the catalogue holds, also with a typing error.",
    "checkout": "From basket to order, in three steps.",
    "storefront": "What customers see first.",
}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Shop</title>
<link rel="icon" href="data:,">
</head>
<body>
<main>
  <p>Shop example</p>
  <h1>{title}</h1>
  <p>{words}</p>
</main>
</body>
</html>
"""
ON_STAGING = ("accounts", "catalogue", "pricing")  # deployed there; the others are only distributed
ENDED = {"live", "superseded", "succeeded", "failed", "errored", "cancelled"}
ROLLED_OUT = {"succeeded", "failed", "fallen_back", "cancelled", "needs_decision"}
PATIENCE = 120.0  # seconds; timeout of each wait


def seed(account: Account, say: Callable[[str], None]) -> bool:
    """Create the release unless it exists; returns whether it exists now. Never raises, because a demo works without it."""
    try:
        with Client(account) as client:
            if client.get("/releases"):
                return True
            _Desk(client).set_up()
    except (Stop, _DidNotWork) as stop:
        say(f"The demo's release could not be made: {stop}")
        return False
    return True


def _site(folder: Path, name: str) -> Path:
    """Write one of the shop's small sites to the folder."""
    (folder / "index.html").write_text(PAGE.format(title=name.capitalize(), words=PAGES[name]))
    (folder / "VERSION").write_text("2.0.0\n")
    return folder


class _DidNotWork(Exception):
    """A deployment or rollout failed or timed out."""


class _Desk:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.packages: dict[str, int] = {}

    def set_up(self) -> None:
        versions = self._built()
        self.client.patch("/environments/production", {"approvals_needed": 1, "needs_ready": True})
        self.release = self.client.post("/releases", self._words())["id"]
        for name in NEEDS:
            body = {"name": name, "application": name, "artifact": versions[name], "stage": "ready"}
            self.packages[name] = self.client.post(f"/releases/{self.release}/packages", body)["id"]
        for name, needed in ((name, one) for name, some in NEEDS.items() for one in some):
            self.client.put(f"/releases/{self.release}/packages/{self.packages[name]}/needs/{self.packages[needed]}", {})
        self._through_development()
        self._partly_on_staging()
        self._planned_for_production()

    def _words(self) -> dict[str, Any]:
        people = {one["username"] for one in self.client.get("/people")}
        manager = {"manager": "manager"} if "manager" in people else {}
        deputy = {"deputy": "admin"} if manager else {}
        return {"name": NAME, "version": VERSION, "description": ABOUT, **manager, **deputy}

    def _built(self) -> dict[str, int]:
        """Deploy each application to development once; returns the numbers of the artifacts."""
        numbers = {}
        for name in NEEDS:
            with contextlib.suppress(Stop), tempfile.TemporaryDirectory() as folder:  # Stop: it exists already
                source = body_of(self.client, SourceOptions(path=_site(Path(folder), name), is_quiet=True))
                self.client.post("/applications", {"name": name, "source": source})
            wanted = {"application": name, "environment": "development", "reason": "demo"}
            numbers[name] = self.client.post("/deployments", wanted)["id"]
        return {name: self._artifact_of(number) for name, number in numbers.items()}

    def _artifact_of(self, number: int) -> int:
        one = self._ended(number)
        if one["artifact"] is None:
            raise _DidNotWork(f"deployment #{number} {one['status']}: {one['sentence']}")
        return int(one["artifact"])

    def _ended(self, number: int) -> dict[str, Any]:
        return self._until(f"/deployments/{number}", lambda one: one["status"] in ENDED)

    def _through_development(self) -> None:
        made = self.client.post(f"/releases/{self.release}/environments/development/rollouts", {"reason": "first try"})
        self._until(f"/rollouts/{made['id']}", lambda one: one["status"] in ROLLED_OUT)

    def _partly_on_staging(self) -> None:
        here = f"/releases/{self.release}"
        self.client.post(f"{here}/environments/staging/distribution")
        self._until(here, lambda one: all(self._on_staging(one, name) != "distributing" for name in NEEDS))
        for name in ON_STAGING:
            path = f"{here}/packages/{self.packages[name]}/environments/staging/deployment"
            self._ended(self.client.post(path, {"reason": "rehearsal"})["id"])

    def _on_staging(self, release: dict[str, Any], name: str) -> str:
        package = next(one for one in release["matrix"] if one["name"] == name)
        status: str = next(one["status"] for one in package["targets"] if one["environment"] == "staging")
        return status

    def _planned_for_production(self) -> None:
        """Seal the release and schedule it in a week, so that it waits for an approval."""
        self.client.post(f"/releases/{self.release}/seal")
        day = datetime.now().astimezone() + timedelta(days=7)
        when = {"at": f"{day:%Y-%m-%dT20:00}", "zone": "Europe/Paris", "start_by_minutes": 120}
        self.client.post(f"/releases/{self.release}/environments/production/schedule", when)

    def _until(self, path: str, is_over: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        began = time.monotonic()
        while True:
            found: dict[str, Any] = self.client.get(path)
            if is_over(found):
                return found
            if time.monotonic() - began > PATIENCE:
                raise _DidNotWork(f"{path} took more than {PATIENCE:.0f} s.")
            time.sleep(0.2)
