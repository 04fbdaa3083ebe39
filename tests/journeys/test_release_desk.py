"""A release as its people see it: planned, filled, approved, started by the clock, watched, decided upon, taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.desk import (
    Desk,
    box,
    cell,
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
from tests.journeys.folders import page_only
from tests.journeys.steps import ENDS, made
from tests.services.browser import Joins, Person
from tests.services.gate import Ship
from tests.services.installation import Installation, wait_for

pytestmark = pytest.mark.browser
FRONT = "Harbour front"
APPROVAL = "#release-approvals article[aria-labelledby=approve-front]"
FOUND = ".digest, [data-copy]"  # a package that is found shows its digest


@pytest.fixture
def ship() -> Iterator[Ship]:
    with Ship() as one:
        yield one


def test_from_the_plan_to_the_way_back(
    admin: Person, joins: Joins, fairway: Installation, ship: Ship, tmp_path: Path
) -> None:
    desk = Desk(joins, fairway)
    target(fairway, "front", FRONT)
    made(fairway, "quay", page_only(tmp_path / "before" / "quay", "1.0"), "front")
    _needs_an_approval(admin)
    manager = desk.comes("manager", may_be_refused=True)
    deployer = desk.comes("deployer", may_be_refused=True)

    release = _plans(desk, manager)
    _fills(desk, deployer, release, tmp_path, ship)
    _says_what_needs_what(desk, deployer)
    _distributes(desk, deployer, release)
    _seals_and_schedules(desk, manager, release)
    _approves(desk, admin, manager, release)

    viewer = _starts_by_itself(desk, manager, release)
    deployer.go(viewer.page.url)
    desk.seen(deployer, "11-decision")
    ship.comes_in()
    deployer.button("Try again").click()
    turns(row(viewer.page, "ferry"), "Deployed")
    expect(box(viewer.page, "ferry", "Deployed")).to_be_visible()
    expect(viewer.page.locator("#release-head .page-title .status")).to_have_text("Released", timeout=ENDS)
    stayed(viewer.page)
    desk.seen(viewer, "12-released")
    assert "Page 2.0" in fairway.visit("quay.front.localhost").text
    assert "Page 1.5" in fairway.visit("ferry.front.localhost").text

    _falls_back(desk, deployer, release)
    wait_for(lambda: "Page 1.0" in fairway.visit("quay.front.localhost").text, "what ran before is served again")
    wait_for(lambda: fairway.visit("ferry.front.localhost").status != 200, "what was new is gone")


def _needs_an_approval(admin: Person) -> None:
    page = admin.go("/environments/front/protection")
    page.get_by_label("Number of approvals").fill("1")
    admin.button("Save").click()
    expect(page).to_have_url(re.compile("/environments/front/$"))


def _plans(desk: Desk, manager: Person) -> str:
    """Returns the release's path."""
    page = manager.go("/releases/")
    page.get_by_role("link", name="New release").first.click()
    page.get_by_label("Name", exact=True).fill("Harbour")
    page.get_by_label("Version", exact=True).fill("2026.11")
    page.get_by_label(re.compile("^Description")).fill("New cranes, and the quay in the winter's colours.")
    desk.seen(manager, "01-new")
    manager.button("Create the release").click()
    expect(page).to_have_url(re.compile(r"/releases/\d+$"))
    expect(page.locator("#release-matrix")).to_contain_text("A Deployer or an Admin adds them.")
    desk.seen(manager, "02-empty")
    return page.url.removeprefix(manager.address)


def _fills(desk: Desk, deployer: Person, release: str, folder: Path, ship: Ship) -> None:
    """One package by the form, two pasted; what is wrong with either is said and nothing is added."""
    page = deployer.go(release)
    page.get_by_role("link", name="Add a package").first.click()
    page.get_by_label("Name", exact=True).fill("quay")
    page.get_by_label("Version or URL").fill("not a version")
    deployer.button("Add the package").click()
    expect(page.locator(".error").first).to_contain_text("image reference")
    page.get_by_label("Version or URL").fill(page_source(folder / "quay", "2.0"))
    deployer.button("Add the package").click()
    expect(row(page, "quay")).to_be_visible()
    stays(page)
    expect(row(page, "quay").locator(FOUND).first).to_be_visible(timeout=ENDS)
    stayed(page)

    page.get_by_role("link", name="Paste packages").click()
    lines = f"name,version,needs\ncrane,{moody_source(folder / 'crane', '3.0', ship)},quay\n"
    lines += f"ferry,{page_source(folder / 'ferry', '1.5')},"
    page.get_by_label("Packages", exact=True).fill(f"{lines}nobody\n")
    deployer.button("Check").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 3: “nobody” is not a package of this release.")
    desk.seen(deployer, "03-pasted-wrong")
    page.get_by_label("Packages", exact=True).fill(f"{lines}\n")
    deployer.button("Check").click()
    deployer.button("Add 2 packages").click()
    for name in ("crane", "ferry"):
        expect(row(page, name).locator(FOUND).first).to_be_visible(timeout=ENDS)


def _says_what_needs_what(desk: Desk, deployer: Person) -> None:
    page = deployer.page
    page.get_by_role("link", name="Dependencies").click()
    page.locator("#depend select[name=package]").select_option(label="quay")
    page.locator("#depend select[name=needs]").select_option(label="crane")
    deployer.button("Add the dependency").click()
    expect(page.locator("#depend-error")).to_contain_text("quay → crane → quay")
    expect(page.locator(".tabs [aria-current]")).to_have_text("Dependencies")
    page.locator("#depend select[name=package]").select_option(label="ferry")
    page.locator("#depend select[name=needs]").select_option(label="crane")
    deployer.button("Add the dependency").click()
    expect(page.locator("#release-graph .graph-lines path")).to_have_count(2)
    strokes = page.locator(".graph-lines path").evaluate_all("all => all.map((one) => getComputedStyle(one).stroke)")
    assert "none" not in strokes
    desk.seen(deployer, "04-graph")


def _distributes(desk: Desk, deployer: Person, release: str) -> None:
    """All at once; then each Deploy says everything that is still missing."""
    page = deployer.go(release)
    stays_here = page.locator("li.target").filter(has_text=FRONT)
    stays_here.get_by_role("button", name="Distribute all").click()
    for name in ("quay", "crane", "ferry"):
        turns(cell(page, name, FRONT), "Distributed")
    here = cell(page, "ferry", FRONT)
    here.get_by_label(re.compile("^Actions for")).click()
    expect(here).to_contain_text("is not sealed")
    expect(here).to_contain_text("ferry needs crane, which is not Deployed")
    desk.seen(deployer, "05-why-not")


def _seals_and_schedules(desk: Desk, manager: Person, release: str) -> None:
    page = manager.go(f"{release}/plan")
    manager.button("Seal").click()
    expect(page.locator("#release-sealing .status")).to_have_text("Sealed")
    expect(page.locator(APPROVAL)).to_contain_text("You sealed it; somebody else has to approve it.")
    schedule(page, FRONT, datetime.now(UTC) - timedelta(days=1), "Schedule")
    expect(page.locator("#schedule .error")).to_contain_text("Lies in the past")
    schedule(page, FRONT, datetime.now(UTC) + timedelta(days=1), "Schedule")
    expect(page.locator("#release-planned")).to_contain_text("1 approval for Harbour front is missing.")
    desk.seen(manager, "06-scheduled")


def _approves(desk: Desk, admin: Person, manager: Person, release: str) -> None:
    """Somebody else does; who planned it sees it without a reload. Acting as Viewer, not even an Admin could."""
    stays(manager.page)
    page = admin.go(f"{release}/plan")
    page.locator("summary.acting").click()
    page.locator('form[action$="acting-as"]').get_by_role("button", name="Viewer").click()
    expect(page.locator("summary.acting")).to_contain_text("Viewer")
    is_offered_nothing(page)
    desk.seen(admin, "07-acting-as-viewer")
    page.locator("summary.acting").click()
    admin.button("All my roles").click()
    page.locator(f"{APPROVAL} [name=comment]").fill("Seen on the quay.")
    admin.button("Approve", page.locator(APPROVAL)).click()
    expect(page.locator(APPROVAL)).to_contain_text("1/1")
    expect(manager.page.locator(APPROVAL)).to_contain_text("Seen on the quay.", timeout=ENDS)
    expect(manager.page.locator("#release-planned .blockers")).to_have_count(0, timeout=ENDS)
    stayed(manager.page)
    manager.go(f"{release}/readiness")
    expect(manager.page.locator("section[aria-labelledby=ready-front] .status")).to_have_text("Clear")
    desk.seen(manager, "08-ready")


def _starts_by_itself(desk: Desk, manager: Person, release: str) -> Person:
    """Moved to the next minute; somebody who may only look sees it begin and stop, and is offered nothing."""
    page = manager.go(f"{release}/plan")
    soon = datetime.now(UTC) + timedelta(seconds=90)  # the minute that begins 30 to 90 seconds from now
    schedule(page, FRONT, soon, "Reschedule")
    viewer = desk.comes("viewer")
    watched = viewer.go(f"{release}/rollouts")
    watched.get_by_role("link", name=re.compile("Roll out #")).click()
    expect(watched.locator("#rollout-progress .status").first).to_have_text("Scheduled")
    expect(row(watched, "ferry")).to_contain_text("3")
    is_offered_nothing(watched)
    desk.seen(viewer, "09-before-it-starts")
    stays(watched)
    expect(watched.locator("#rollout-progress .status").first).not_to_have_text("Scheduled", timeout=2 * ENDS)
    turns(row(watched, "quay"), "Deployed")
    turns(row(watched, "crane"), "Failed")
    expect(box(watched, "crane", "Failed")).to_be_visible()
    expect(box(watched, "ferry", "Blocked")).to_be_visible(timeout=ENDS)
    expect(watched.locator("#decision-title")).to_have_text("It is waiting for a decision", timeout=ENDS)
    expect(watched.locator("#release-head")).to_contain_text("Needs a decision", timeout=ENDS)
    is_offered_nothing(watched)
    stayed(watched)
    desk.seen(viewer, "10-stopped")
    return viewer


def _falls_back(desk: Desk, deployer: Person, release: str) -> None:
    page = deployer.go(release)
    desk.seen(deployer, "13-deployed")
    page.locator("li.target").filter(has_text=FRONT).get_by_role("link", name="Fall back").click()
    expect(page.locator(".ahead li li").last).to_contain_text("1.0")
    desk.seen(deployer, "14-what-it-will-do")
    page.get_by_role("textbox", name="To confirm, type “front”").fill(
        "front"
    )  # the ferry has sailed there for the first time
    deployer.button("Fall back").click()
    expect(page.locator("#rollout-progress header .status")).to_have_text("Fallen back", timeout=ENDS)
    expect(row(page, "quay").locator('td[data-label="Before"]')).to_contain_text("1.0")
    desk.seen(deployer, "15-fallen-back")
