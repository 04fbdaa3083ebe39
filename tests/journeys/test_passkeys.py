"""Somebody adds a passkey in a real browser and signs in with it, alone and after the password."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.steps import PASSWORD, invited
from tests.services.browser import Joins, Person

pytestmark = pytest.mark.browser
OPTIONS = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def test_somebody_signs_in_with_a_passkey(admin: Person, joins: Joins) -> None:
    grace = invited(admin, joins, "grace.key", "Viewer")
    grace.may_be_refused = True
    page = grace.go("/settings/profile/two-step")
    key = _Virtual(page)
    page.locator("#passkeys").get_by_label("Name").fill("laptop")
    page.locator("#passkeys").get_by_label("Your password").fill("wrong wrong wrong")
    grace.button("Add a passkey").click()
    expect(page.locator("#passkeys [role=alert]")).to_contain_text("This is not your password")
    page.locator("#passkeys").get_by_label("Your password").fill(PASSWORD)
    grace.picture("passkeys-1-new")
    grace.button("Add a passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have saved them, continue").click()
    expect(page.locator("#passkeys").get_by_text("laptop", exact=True)).to_be_visible()
    grace.picture("passkeys-2-added")
    made = key.credentials()
    assert len(made) == 1

    later = joins()
    page = later.go("/accounts/login/")
    _Virtual(page, made)
    later.picture("passkeys-3-sign-in")
    later.button("Use a passkey").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()

    after_password = joins()
    page = after_password.go("/accounts/login/")
    key = _Virtual(page)  # one without the passkey
    page.get_by_label("User name or e-mail").fill("grace.key")
    page.get_by_label("Password").fill(PASSWORD)
    after_password.button("Sign in").click()
    expect(page.get_by_role("heading", name="The second step")).to_be_visible()
    after_password.picture("passkeys-4-second-step")
    key.add(made, count=50)
    after_password.button("Use a passkey").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


class _Virtual:
    """Chromium's virtual authenticator in one page, with the passkeys of another."""

    def __init__(self, page: Page, made: list[dict] | None = None) -> None:
        self.devtools = page.context.new_cdp_session(page)
        self.devtools.send("WebAuthn.enable")
        self.number = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": OPTIONS})["authenticatorId"]
        self.add(made or [], count=20)

    def add(self, made: list[dict], *, count: int) -> None:
        for one in made:
            credential = {**one, "signCount": count}
            self.devtools.send("WebAuthn.addCredential", {"authenticatorId": self.number, "credential": credential})

    def credentials(self) -> list[dict]:
        return self.devtools.send("WebAuthn.getCredentials", {"authenticatorId": self.number})["credentials"]
