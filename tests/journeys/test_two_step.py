"""Somebody protects their account and signs in with a code, then with a recovery code."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.steps import PASSWORD, invited
from tests.services.authenticator import HALF_MINUTE, code_for
from tests.services.browser import Joins, Person

pytestmark = pytest.mark.browser


def test_somebody_protects_their_account(admin: Person, joins: Joins, tmp_path: Path) -> None:
    grace = invited(admin, joins, "grace.two", "Viewer")
    page = grace.go("/settings/profile")
    page.get_by_role("link", name="Set it up").click()
    expect(page.get_by_role("img", name="QR code for your authenticator app")).to_be_visible()
    secret = page.get_by_role("button", name="Copy the key").get_attribute("data-copy") or ""
    grace.picture("two-step-1-set-up")
    page.get_by_label("Code", exact=True).fill(code_for(secret, time.time()))
    page.get_by_role("region", name="Set up an authenticator app").get_by_label("Your password").fill(PASSWORD)
    grace.button("Turn it on").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    codes = page.locator(".recovery-codes code").all_inner_texts()
    with page.expect_download() as kept:
        page.get_by_role("link", name="Download").click()
    assert kept.value.suggested_filename == "fairway-recovery-codes.txt"
    kept.value.save_as(tmp_path / "codes.txt")
    assert (tmp_path / "codes.txt").read_text().split() == codes
    grace.picture("two-step-2-codes")
    page.get_by_role("link", name="I have saved them, continue").click()
    expect(page.get_by_text("10 codes are left.")).to_be_visible()

    later = joins(may_be_refused=True)
    page = _asked_for_code(later)
    later.picture("two-step-3-code")
    page.get_by_label("Code", exact=True).fill("000000")
    later.button("Sign in").click()
    expect(page.locator(".error")).to_contain_text("Is wrong, too old, or was used already")
    page.get_by_label("Code", exact=True).fill(code_for(secret, time.time() + HALF_MINUTE))  # the one of now may be used up
    later.button("Sign in").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()

    without_phone = joins()
    page = _asked_for_code(without_phone)
    page.get_by_label("Code", exact=True).fill(codes[0])
    without_phone.button("Sign in").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    page = without_phone.go("/settings/profile/two-step")
    expect(page.get_by_text("9 codes are left.")).to_be_visible()


def _asked_for_code(person: Person) -> Page:
    page = person.go("/accounts/login/")
    page.get_by_label("User name or e-mail").fill("grace.two")
    page.get_by_label("Password").fill(PASSWORD)
    person.button("Sign in").click()
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
    return page
