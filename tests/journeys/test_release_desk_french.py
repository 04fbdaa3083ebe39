"""The same desk in French: sealed, approved, rolled out, all of it taken back; and the calendar with its address."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from icalendar import Calendar
from playwright.sync_api import expect

from tests.journeys.desk import (
    Desk,
    box,
    described,
    is_offered_nothing,
    moody_source,
    page_source,
    row,
    schedule,
    stayed,
    stays,
    target,
    turns,
)
from tests.journeys.steps import ENDS
from tests.services.browser import Joins
from tests.services.gate import Ship
from tests.services.installation import Installation, ask, wait_for

pytestmark = pytest.mark.browser


def test_une_livraison_est_approuvee_deployee_et_ramenee_en_arriere(
    joins: Joins, fairway: Installation, tmp_path: Path
) -> None:
    desk = Desk(joins, fairway, "fr")
    target(fairway, "rade", "Rade")
    fairway.call("PATCH", "/environments/rade", {"approvals_needed": 1})
    packages = f"  mole: {page_source(tmp_path / 'mole', '1.0')}\n"
    with Ship() as ship:  # it never comes in
        packages += f"  phare:\n    source: {moody_source(tmp_path / 'phare', '2.0', ship)}\n    needs: [mole]\n"
    number = described(fairway, "Rade", "rade", packages)

    manager = desk.comes("manager")
    page = manager.go(f"/releases/{number}/plan")
    manager.button("Sceller").click()
    expect(page.locator("#release-sealing")).to_contain_text("manager")
    desk.seen(manager, "01-plan")
    admin = desk.comes("admin")
    admin.go(f"/releases/{number}/plan")
    admin.button("Approuver").click()
    desk.seen(admin, "02-approuvee")

    deployer = desk.comes("deployer")
    page = deployer.go(f"/releases/{number}")
    desk.seen(deployer, "03-paquets")
    page.get_by_role("link", name="Déployer la livraison").click()
    desk.seen(deployer, "04-avant")
    deployer.button("Déployer la livraison").click()
    expect(page.locator("#rollout-progress")).to_be_visible()
    viewer = desk.comes("viewer")
    watched = viewer.go(page.url)
    stays(watched)
    turns(row(watched, "mole"), "Déployé")
    turns(row(watched, "phare"), "Échoué")
    expect(box(watched, "mole", "Déployé")).to_be_visible()
    is_offered_nothing(watched)
    expect(deployer.button("Retour arrière complet")).to_be_visible(timeout=ENDS)
    desk.seen(deployer, "05-decision")
    deployer.button("Retour arrière complet").click()
    wait_for(lambda: fairway.visit("mole.rade.localhost").status != 200, "what was new is gone")
    expect(watched.locator("#decision-title")).to_have_count(0, timeout=ENDS)
    stayed(watched)
    desk.seen(viewer, "06-retour-arriere")


def test_le_calendrier_montre_un_conflit_et_a_une_adresse(joins: Joins, fairway: Installation, tmp_path: Path) -> None:
    desk = Desk(joins, fairway, "fr")
    target(fairway, "cale", "Cale")
    number = described(fairway, "Cale", "cale", f"  bouee: {page_source(tmp_path / 'bouee', '1.0')}\n")
    at = (datetime.now(UTC) + timedelta(days=1)).replace(hour=20, minute=0)
    manager = desk.comes("manager")
    page = manager.go(f"/releases/{number}/plan")
    schedule(page, "Cale", at, "Planifier")
    expect(page.locator("#release-planned")).to_contain_text("20:00")

    day = at.date().isoformat()
    page = manager.go(f"/calendar/?at={day}&environment=cale")
    entry = page.locator(".entry[data-kind=release]")
    expect(entry).to_contain_text("Cale")
    expect(entry.locator(".entry-conflict")).to_have_count(0)
    stays(page)
    window = {"kind": "deny", "name": "Régate", "reason": "Régate", "zone": "UTC", "environments": ["cale"]}
    fairway.call("POST", "/freezes", {**window, "starts": f"{day}T18:00", "ends": f"{day}T22:00"})
    expect(entry.locator(".entry-conflict")).to_contain_text("Régate", timeout=ENDS)
    stayed(page)
    desk.seen(manager, "07-mois")
    page.get_by_role("link", name="Semaine").click()
    expect(page.locator(".entry[data-conflict]")).to_contain_text("Cale")
    desk.seen(manager, "08-semaine")

    page.locator('form[action$="/calendar/feed"] button').click()
    address = page.locator("code", has_text=re.compile(r"\.ics$")).inner_text()
    path = address.removeprefix(manager.address)
    read = ask(fairway.port, "GET", path, {"Host": f"localhost:{fairway.port}"})
    titles = [str(event.get("summary")) for event in Calendar.from_ical(read.text).walk("VEVENT")]
    assert any("Cale" in title for title in titles), titles
    desk.seen(manager, "09-adresse")
    page.locator('form[action$="/revocation"] button').click()
    expect(page.locator('form[action$="/revocation"]')).to_have_count(0)
    assert ask(fairway.port, "GET", path, {"Host": f"localhost:{fairway.port}"}).status == 404
