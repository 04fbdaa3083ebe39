"""Whom a provider lets in, which roles its groups give, and what newcomers are called."""

from __future__ import annotations

from itertools import islice

import pytest

from fairway.accounts.rules import Role
from fairway.accounts.sign_in_rules import (
    Terms,
    Why,
    domain_of,
    is_open,
    parse_domains,
    parse_groups,
    parse_issuer,
    parse_role_lines,
    roles_of,
    usernames_for,
    why_not_let_in,
)
from fairway.shared.names import Invalid, parse_username

OPEN, CLOSED = Terms(creates_people=True), Terms()
COMPANY = Terms(domains=frozenset({"example.com"}), creates_people=True)


def why(terms: Terms, email: str = "ada@example.com", **about: bool) -> Why | None:
    return why_not_let_in(terms, email, **{"is_linked": False, "is_active": False, "is_taken": False, **about})


def test_people_who_are_linked() -> None:
    assert why(CLOSED, is_linked=True, is_active=True) is None
    assert why(CLOSED, is_linked=True, is_active=False) is Why.DEACTIVATED
    assert why(OPEN, is_linked=True, is_active=True, is_taken=True) is None  # by their own account


def test_newcomers() -> None:
    assert why(CLOSED) is Why.UNKNOWN
    assert why(OPEN) is None
    assert why(OPEN, "") is None
    assert why(OPEN, is_taken=True) is Why.TAKEN
    assert why(CLOSED, is_taken=True) is Why.TAKEN


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("ada@example.com", None),
        ("ada@EXAMPLE.com", None),
        ("", Why.NO_EMAIL),
        ("ada@evil.example", Why.DOMAIN),
        ("ada@sub.example.com", Why.DOMAIN),
        ("ada@notexample.com", Why.DOMAIN),
        ("ada@example.com@evil.example", Why.DOMAIN),
        ("example.com", Why.DOMAIN),
    ],
)
def test_domains(email: str, expected: Why | None) -> None:
    assert why(COMPANY, email) is expected
    assert why(COMPANY, email, is_linked=True, is_active=True) is expected  # also for whoever has an account


def test_members_only() -> None:
    terms = Terms(groups=frozenset({"acme", "acme/platform"}), creates_people=True)
    assert why_not_let_in(terms, "", {"acme"}, is_linked=False, is_active=False, is_taken=False) is None
    for groups in (frozenset(), frozenset({"Acme"}), frozenset({"acme/platform/x", "acm"})):
        assert why_not_let_in(terms, "", groups, is_linked=True, is_active=True, is_taken=False) is Why.GROUP


def test_names_of_groups() -> None:
    assert parse_groups(["b", " a ", "", "b"]) == ["a", "b"]
    with pytest.raises(Invalid):
        parse_groups([str(number) for number in range(201)])


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("https://github.com", True),
        ("https://GitHub.com/", True),
        ("https://gitlab.com", True),
        ("https://accounts.google.com", True),
        ("https://login.microsoftonline.com/common/v2.0", True),
        ("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", True),
        ("https://login.microsoftonline.com/6a1b4f0e-0000-4000-8000-1234567890ab/v2.0", False),
        ("https://login.example.com/common", False),
        ("https://github.com.example.com", False),
    ],
)
def test_where_anybody_gets_an_account(issuer: str, expected: bool) -> None:
    assert is_open(issuer) is expected


def test_groups_give_roles_exactly() -> None:
    mapping = [("dev", Role.DEPLOYER), ("release", Role.RELEASE_MANAGER), ("ops", Role.DEPLOYER)]
    assert roles_of({"dev", "ops", "other"}, mapping) == {Role.DEPLOYER}
    assert roles_of({"DEV", "de", "development"}, mapping) == frozenset()


@pytest.mark.parametrize(
    ("wishes", "names"),
    [
        (("ada", "ada@example.com", ""), ["ada", "ada-2", "ada-3"]),
        (("ada@example.com", "", ""), ["ada", "ada-2", "ada-3"]),
        (("", "grace.hopper@example.com", ""), ["grace.hopper", "grace.hopper-2", "grace.hopper-3"]),
        (("", "", "Ada Lovelace"), ["Ada-Lovelace", "Ada-Lovelace-2", "Ada-Lovelace-3"]),
        (("Fairway", "system@example.com", ""), ["person", "person-2", "person-3"]),
        (("Жанна", "", ""), ["person", "person-2", "person-3"]),
        (("x" * 500, "", ""), ["x" * 52, "x" * 52 + "-2", "x" * 52 + "-3"]),
        (("../etc", "", ""), ["etc", "etc-2", "etc-3"]),
    ],
)
def test_what_newcomers_are_called(wishes: tuple[str, ...], names: list[str]) -> None:
    found = list(islice(usernames_for(*wishes), 3))
    assert found == names
    assert [parse_username(name) for name in found] == names


def test_issuers() -> None:
    assert parse_issuer(" https://accounts.google.com ") == "https://accounts.google.com"
    assert parse_issuer("https://x.example/.well-known/openid-configuration") == "https://x.example"
    assert parse_issuer("https://x.example/realms/a/") == "https://x.example/realms/a/"  # the slash is part of it
    for bad in (
        "",
        "accounts.google.com",
        "ftp://x",
        "https://",
        "https://a b",
        "https://x:y",
        "https://x?y",
        "https://u@x",
    ):
        with pytest.raises(Invalid):
            parse_issuer(bad)


def test_domains_are_read_in_one_spelling() -> None:
    assert parse_domains(["@Example.COM", "example.com", " münchen.example "]) == ["example.com", "xn--mnchen-3ya.example"]
    with pytest.raises(Invalid):
        parse_domains(["*.example.com"])


def test_role_lines() -> None:
    assert parse_role_lines("dev = deployer\n\n cn=ops,dc=x = admin\ndev = deployer") == [
        ["dev", "deployer"],
        ["cn=ops,dc=x", "admin"],
    ]
    for bad in ("dev", "dev = owner", " = admin"):
        with pytest.raises(Invalid):
            parse_role_lines(bad)


def test_domain_of() -> None:
    assert (domain_of("a@b"), domain_of("a"), domain_of("a@b@C")) == ("b", "", "c")
