"""From the settings to signed in: an administrator sets up the company's provider; its people come in with their roles.

All of it by https, through Fairway's own proxy.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.services.browser import Joins, Person, joining
from tests.services.installation import Installation
from tests.services.openid import registered
from tests.services.ports import free_port
from tests.services.waiting import PATIENCE

URL = "FAIRWAY_PUBLIC_URL"
pytestmark = [pytest.mark.browser, pytest.mark.node]


@pytest.fixture(scope="module")
def house() -> Iterator[Installation]:
    """A Fairway that may connect to this machine, where the provider is."""
    with tempfile.TemporaryDirectory(prefix="fairway-j-") as folder:
        port = free_port()
        environ = {
            "FAIRWAY_SIGN_IN_ADDRESSES": "any",
            URL: f"https://fairway.localhost:{port}",
            "FAIRWAY_PROXY_TLS_PORT": str(port),
            "FAIRWAY_PROXY_TLS_ISSUER": "internal",
        }
        one = Installation(Path(folder) / "data", environ=environ)
        try:
            yield one.start()
        finally:
            one.stop()


@pytest.fixture
def comers(browser: Browser, house: Installation) -> Iterator[Joins]:
    yield from joining(browser, house.environ[URL])


def _at_the_company(person: Person, who: str) -> None:
    person.page.get_by_label("Who are you?").fill(who)
    person.button("Sign in there").click()


def test_the_company_signs_in_with_what_it_has(house: Installation, comers: Joins) -> None:
    admin = comers(may_be_refused=True)
    admin.sign_in(house.sign_in["username"], house.sign_in["password"])
    page = admin.go("/settings/sign-in")
    expect(page.get_by_role("heading", name="No sign-in providers")).to_be_visible()
    page.get_by_role("link", name="New provider").click()
    known = registered(f"{house.environ[URL]}/accounts/sign-in/company/callback")
    for label, value in {
        "Name": "The company",
        "Short name": "company",
        "Issuer": f"{known.issuer}/",
        "Client ID": known.client_id,
        "Client secret": known.secret,
        "Scopes": "openid email profile groups",
        "Claim with groups": "groups",
        "Roles of groups": "dev = deployer\nops = admin",
    }.items():
        page.get_by_label(re.compile(f"^{label}")).first.fill(value)
    page.get_by_label("Who is let in").select_option("anybody")
    admin.picture("sign-in-1-new")
    admin.button("Save").click()
    expect(page.locator(".code-line code")).to_have_text(f"{house.environ[URL]}/accounts/sign-in/company/callback")

    admin.button("Try it").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter exactly what it calls itself")
    admin.picture("sign-in-2-tried-wrong")
    page.get_by_label("Issuer").fill(known.issuer)
    page.get_by_label("Client secret").fill(known.secret)
    admin.button("Save").click()
    expect(page.locator(".code-line code")).to_be_visible()
    admin.button("Try it").click()
    expect(page.locator("#trial [role=status]")).to_contain_text("The provider answers")
    admin.picture("sign-in-3-tried-right")

    grace = comers()
    grace.go("/releases/?state=open")
    grace.picture("sign-in-4-page")
    grace.button("Continue with The company").click()
    _at_the_company(grace, "grace+dev")
    expect(grace.page.get_by_role("navigation", name="Main")).to_be_visible()
    assert grace.page.url == f"{house.environ[URL]}/releases/?state=open"
    grace.go("/settings/profile")
    expect(grace.page.locator("#roles-title").locator("xpath=ancestor::section")).to_contain_text("Deployer")
    expect(grace.page.locator("#identities-title").locator("xpath=ancestor::section")).to_contain_text("The company")
    grace.picture("sign-in-5-profile")

    later = comers()
    later.go("/accounts/login/")
    later.button("Continue with The company").click()
    _at_the_company(later, "grace+ops")
    later.go("/settings/profile")
    expect(later.page.locator("#roles-title").locator("xpath=ancestor::section")).to_contain_text("Admin")
    expect(later.page.locator("#roles-title").locator("xpath=ancestor::section")).not_to_contain_text("Deployer")


def test_somebody_who_has_an_account_connects_it(house: Installation, comers: Joins) -> None:
    admin = comers()
    admin.sign_in(house.sign_in["username"], house.sign_in["password"])
    page = admin.go("/settings/profile")
    admin.button("Connect The company").click()
    _at_the_company(admin, "boss")
    expect(page.get_by_role("button", name="Disconnect The company")).to_be_visible()

    again = comers()
    again.go("/accounts/login/")
    again.button("Continue with The company").click()
    _at_the_company(again, "boss")
    expect(again.page.get_by_role("navigation", name="Main")).to_be_visible()
    again.go("/settings/profile")
    expect(again.page.locator("#roles-title").locator("xpath=ancestor::section")).to_contain_text("Admin")


def test_whoever_has_an_account_with_that_address_is_told_what_to_do(house: Installation, comers: Joins) -> None:
    admin = comers()
    admin.sign_in(house.sign_in["username"], house.sign_in["password"])
    page = admin.go("/settings/people/new")
    page.get_by_label("User name").fill("linus")
    page.get_by_label("E-mail").fill("linus@example.com")
    admin.button("Create and get the link").click()
    expect(page.locator(".code-line code")).to_be_visible()

    linus = comers(may_be_refused=True, language="fr")
    linus.go("/accounts/login/")
    linus.button("Continuer avec The company").click()
    _at_the_company(linus, "linus+ops")
    expect(linus.page.get_by_role("alert")).to_contain_text("Un compte existe déjà avec votre adresse")
    linus.picture("sign-in-6-refused")


def test_who_comes_through_the_proxy_is_known_by_their_own_address(house: Installation) -> None:
    """Fairway hears all of them from the proxy; what they themselves say about it is not believed."""
    folder = house.data / "caddy" / "storage" / "pki" / "authorities" / "local"
    context = ssl.create_default_context(cafile=str(folder / "root.crt"))
    address = house.environ[URL].removeprefix("https://")
    plain = socket.create_connection(("127.0.0.1", int(house.environ["FAIRWAY_PROXY_TLS_PORT"])), PATIENCE, ("127.0.0.9", 0))
    with plain, context.wrap_socket(plain, server_hostname="fairway.localhost") as secured:
        connection = http.client.HTTPSConnection(address, context=context)
        connection.sock = secured
        forged = {"X-Forwarded-For": "6.6.6.6", "X-Fairway-Pages": "guessed", "Authorization": "Bearer stolen"}
        connection.request("GET", "/api/v1/environments", headers=forged)
        answer = connection.getresponse()
        assert (answer.status, answer.read() != b"") == (401, True)
    refused = house.call("GET", "/events?verb=token.refused")["items"]
    assert [event["address"] for event in refused] == ["127.0.0.9"]
