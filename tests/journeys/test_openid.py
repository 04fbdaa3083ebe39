"""People arrive signed in at an application that asks Fairway by OpenID Connect, and leave it by signing out of Fairway."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.services.arriving import install_arriving
from tests.services.browser import Joins
from tests.services.installation import Installation

pytestmark = pytest.mark.browser


def test_people_arrive_signed_in_and_signing_out_ends_it(joins: Joins, fairway: Installation) -> None:
    number = install_arriving(fairway, "Arriving")
    fairway.live(number)
    address = f"http://arriving.development.localhost:{fairway.proxy_port}"
    people = fairway.sign_in["people"]

    viewer = joins(may_be_refused=True)
    page = viewer.page
    page.goto(f"{address}/")  # asked by the proxy first, then by the application; both lead to one sign-in
    expect(page.get_by_label("User name or e-mail")).to_be_visible()
    page.get_by_label("User name or e-mail").fill("viewer")
    page.get_by_label("Password").fill(people["viewer"])  # type: ignore[index]
    viewer.button("Sign in").click()
    expect(page.get_by_role("heading", name="Hello viewer")).to_be_visible()
    viewer.picture("openid-1-arrived")

    viewer.go("/accounts/logout/")
    viewer.button("Sign out").click()
    page.goto(f"{address}/")
    expect(page).to_have_url(re.compile(rf"^http://localhost:{fairway.port}/accounts/login/"))
    assert page.context.cookies(address), "the application's own cookie is still there, and opens nothing"
