"""Sign-in providers by the API: write-only secrets, and what is wrong in words."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fairway.accounts.models import SignInProvider
from fairway.accounts.rules import Role
from tests.api.conftest import Api, person_with, token_of
from tests.services.lying_provider import CLIENT_ID, SECRET, Liar, lying_provider

pytestmark = pytest.mark.django_db
THERE = "/sign-in-providers/company"


@pytest.fixture
def liar(settings) -> Iterator[Liar]:
    settings.SIGN_IN_ADDRESSES = "any"
    with lying_provider() as one:
        yield one


def wanted(liar: Liar, **more: object) -> dict[str, object]:
    return {"name": "Company", "issuer": liar.issuer, "client_id": CLIENT_ID, "secret": SECRET, **more}


def test_a_provider_is_added_tried_replaced_and_removed(admin: Api, liar: Liar) -> None:
    roles = [{"group": "dev", "role": "deployer"}]
    everywhere = [{"group": "dev", "role": "deployer", "environment": "", "application": ""}]
    made = admin.put(THERE, wanted(liar, groups_claim="groups", roles=roles, domains=["Example.com"]))
    assert made.status_code == 200
    shown = made.json()
    assert (shown["has_secret"], shown["roles"], shown["domains"]) == (True, everywhere, ["example.com"])
    assert shown["redirect_uri"].endswith("/accounts/sign-in/company/callback")
    assert SECRET not in json.dumps(admin.get("/sign-in-providers").json())
    assert admin.post(f"{THERE}/trial").json() == {"signs_in_at": f"{liar.issuer}/auth"}
    kept = {name: value for name, value in wanted(liar, name="Firm").items() if name != "secret"}
    assert admin.put(THERE, kept).json()["name"] == "Firm"
    elsewhere = admin.put(THERE, {**kept, "issuer": "https://evil.example"})
    assert (elsewhere.status_code, elsewhere.json()["field"]) == (422, "secret")
    assert admin.delete(THERE).status_code == 204
    assert not SignInProvider.objects.exists()
    assert admin.get(THERE).status_code == 404


def test_a_trial_says_what_is_wrong(admin: Api, liar: Liar) -> None:
    admin.put(THERE, wanted(liar, secret="another"))
    tried = admin.post(f"{THERE}/trial")
    assert tried.status_code == 409
    assert tried.json()["detail"] == "The provider refused the client ID or the client secret."


def test_who_may_use_a_password(admin: Api, liar: Liar) -> None:
    assert admin.get("/password-policy").json() == {"passwords": "everybody", "emergency": [], "two_step_required": False}
    refused = admin.put("/password-policy", {"passwords": "nobody", "emergency": []})
    assert refused.status_code == 422
    refused = admin.put("/password-policy", {"passwords": "emergency", "emergency": ["nobody"]})
    assert (refused.status_code, refused.json()["field"]) == (422, "emergency")
    refused = admin.put("/password-policy", {"passwords": "emergency", "emergency": []})
    assert refused.status_code == 409
    assert "one must remain Admin everywhere" in refused.json()["detail"]
    assert admin.get("/password-policy").json()["passwords"] == "everybody"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEPLOYER, Role.RELEASE_MANAGER])
def test_only_administrators_see_or_change_them(liar: Liar, role: Role) -> None:
    api = Api(token_of(person_with(role, "grace")))
    assert api.get("/sign-in-providers").status_code == 403
    assert api.put(THERE, wanted(liar)).status_code == 403
    assert api.post(f"{THERE}/trial").status_code == 403
    assert api.delete(THERE).status_code == 403
