"""A certified provider, which does everything right, knows the client, and refuses what it must."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from fairway.drivers.identity.asking import Line
from fairway.drivers.identity.contract import Client, Proof
from fairway.drivers.identity.openid import authorization_url, discover, redeem, try_out
from fairway.drivers.identity.trouble import Trouble, Untrusted
from tests.services.openid import registered

pytestmark = pytest.mark.node
LINE = Line(policy=None, seconds=60)
BACK = "http://localhost:9/accounts/sign-in/company/callback"


def signed_in(url: str, who: str) -> dict[str, str]:
    """Go there as a browser does, say who one is, and return what the provider sends the browser back with."""
    with httpx.Client(trust_env=False, timeout=60) as browser:
        answer = browser.get(url)
        while not url.startswith(BACK):
            if answer.has_redirect_location:
                url = str(answer.url.join(answer.headers["location"]))
                answer = answer if url.startswith(BACK) else browser.get(url)
            else:
                assert answer.status_code == 200, answer.text
                answer = browser.post(answer.url, data={"who": who})  # the page that asks
    return dict(parse_qsl(urlsplit(url).query))


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_somebody_signs_in(method: str) -> None:
    known = registered(BACK, method=method)
    client = Client(known.issuer, known.client_id, known.secret, BACK, "openid email profile groups", "groups")
    assert try_out(client, LINE).startswith(known.issuer)
    provider, proof = discover(known.issuer, LINE), Proof.new()
    brought = signed_in(authorization_url(provider, client, proof), "grace+dev+ops")
    assert brought["state"] == proof.state
    assert provider.names_itself
    assert brought["iss"] == known.issuer
    found = redeem(provider, client, proof, brought["code"], LINE)
    assert (found.issuer, found.subject, found.verified_email) == (known.issuer, "grace", "grace@example.com")
    assert found.groups == {"dev", "ops"}
    with pytest.raises(Untrusted) as again:
        redeem(provider, client, proof, brought["code"], LINE)
    assert again.value.trouble is Trouble.CODE_REFUSED


def test_a_stolen_code_is_worth_nothing_without_the_verifier() -> None:
    known = registered(BACK)
    client, proof = Client(known.issuer, known.client_id, known.secret, BACK), Proof.new()
    provider = discover(known.issuer, LINE)
    brought = signed_in(authorization_url(provider, client, proof), "grace")
    other = Proof(proof.state, proof.nonce, Proof.new().verifier)
    with pytest.raises(Untrusted) as problem:
        redeem(provider, client, other, brought["code"], LINE)
    assert problem.value.trouble is Trouble.CODE_REFUSED


def test_a_wrong_secret_is_told_before_anybody_signs_in() -> None:
    known = registered(BACK)
    with pytest.raises(Untrusted) as problem:
        try_out(Client(known.issuer, known.client_id, "another-secret", BACK), LINE)
    assert problem.value.trouble is Trouble.CLIENT_REFUSED
