"""Providers that are set where Fairway is started: saved once, changed only there, and never in the way of a start."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.accounts.environment_providers import given_by, take_from_environment
from fairway.accounts.models import SignInProvider
from fairway.accounts.provider_commands import remove_provider, save_provider
from fairway.accounts.rules import Actor
from fairway.accounts.sign_in_providers import client_of
from fairway.activity.models import Event
from fairway.shared.names import Invalid

pytestmark = pytest.mark.django_db
GITHUB = {
    "FAIRWAY_SIGN_IN_GITHUB_CLIENT_ID": "Ov23li",
    "FAIRWAY_SIGN_IN_GITHUB_CLIENT_SECRET": "hush hush",
    "FAIRWAY_SIGN_IN_GITHUB_GROUPS": "Acme, acme/platform",
    "FAIRWAY_SIGN_IN_GITHUB_ROLES": "acme/platform = deployer, acme=viewer",
    "FAIRWAY_SIGN_IN_GITHUB_ADMITS": "anybody",
}
COMPANY = {
    "FAIRWAY_SIGN_IN_OUR_COMPANY_ISSUER": "https://login.test",
    "FAIRWAY_SIGN_IN_OUR_COMPANY_TITLE": "Our company",
    "FAIRWAY_SIGN_IN_OUR_COMPANY_CLIENT_ID": "fairway",
}


def test_variables_are_told_apart() -> None:
    assert given_by({**COMPANY, "FAIRWAY_SIGN_IN_ADDRESSES": "any", "FAIRWAY_SIGN_IN_A_GROUPS_CLAIM": "x", "PATH": "/"}) == {
        "our-company": {"ISSUER": "https://login.test", "TITLE": "Our company", "CLIENT_ID": "fairway"},
        "a": {"GROUPS_CLAIM": "x"},
    }


def test_github_needs_little(admin: Actor) -> None:
    assert take_from_environment(GITHUB) == []
    row = SignInProvider.objects.get()
    assert (row.slug, row.kind, row.name, row.issuer) == ("github", "github", "GitHub", "https://github.com")
    assert (row.required_groups, row.roles) == (
        ["acme", "acme/platform"],
        [["acme/platform", "deployer"], ["acme", "viewer"]],
    )
    assert client_of(row).client_secret == "hush hush"
    event = Event.objects.get(verb="sign_in.provider_saved")
    assert (event.identified_by, "hush" in str(event.after)) == ("environment", False)


def test_the_first_start_takes_them_before_there_is_anybody() -> None:
    assert take_from_environment(GITHUB) == []
    assert SignInProvider.objects.filter(slug="github").exists()


def test_the_next_start_changes_and_records_only_what_differs(admin: Actor) -> None:
    take_from_environment(GITHUB)
    take_from_environment(GITHUB)
    assert Event.objects.filter(verb="sign_in.provider_saved").count() == 1
    take_from_environment({**GITHUB, "FAIRWAY_SIGN_IN_GITHUB_CLIENT_SECRET": "another"})
    assert Event.objects.filter(verb="sign_in.provider_saved").count() == 2
    assert client_of(SignInProvider.objects.get()).client_secret == "another"


def test_the_secret_may_be_in_a_file(admin: Actor, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the file\n")
    given = {**COMPANY, "FAIRWAY_SIGN_IN_OUR_COMPANY_CLIENT_SECRET_FILE": str(tmp_path / "secret")}
    assert take_from_environment(given) == []
    row = SignInProvider.objects.get()
    assert (row.slug, row.name, client_of(row).client_secret) == ("our-company", "Our company", "of the file")
    (wrong,) = take_from_environment({**given, "FAIRWAY_SIGN_IN_OUR_COMPANY_CLIENT_SECRET_FILE": "/nowhere"})
    assert "cannot be read from “/nowhere”" in wrong


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CLIENT_SECRET", "", "secret is missing"),
        ("CLIENT_ID", "", "client_id"),
        ("KIND", "saml", "must be openid or github"),
        ("ROLES", "acme", "is not a pair"),
        ("GROUPS", "", "would let in everybody"),
        ("ADMITS", "everybody", "must be linked or anybody"),
        ("ISSUER", "github.com", "must start with https://"),
    ],
)
def test_what_is_wrong_is_said_and_saves_nothing(admin: Actor, variable: str, value: str, said: str) -> None:
    (wrong,) = take_from_environment({**GITHUB, f"FAIRWAY_SIGN_IN_GITHUB_{variable}": value})
    assert said in wrong
    assert "“github”" in wrong
    assert not SignInProvider.objects.exists()


def test_it_is_changed_where_it_is_set_until_it_is_set_no_more(admin: Actor) -> None:
    take_from_environment(GITHUB)
    change = {"name": "Mine", "issuer": "https://github.com", "client_id": "Ov23li", "kind": "github"}
    with pytest.raises(Invalid, match="is set where Fairway is started"):
        save_provider(actor=admin, slug="github", **change)
    with pytest.raises(Invalid, match="is set where Fairway is started"):
        remove_provider(actor=admin, slug="github")
    assert take_from_environment({}) == []
    assert save_provider(actor=admin, slug="github", **change).name == "Mine"
    remove_provider(actor=admin, slug="github")


def test_a_name_that_is_none_keeps_nothing_from_starting(admin: Actor) -> None:
    given = {"FAIRWAY_SIGN_IN_1ST_CLIENT_ID": "x", **COMPANY, "FAIRWAY_SIGN_IN_OUR_COMPANY_CLIENT_SECRET": "hush hush"}
    (wrong,) = take_from_environment(given)
    assert "“1st”" in wrong
    assert SignInProvider.objects.get().slug == "our-company"
