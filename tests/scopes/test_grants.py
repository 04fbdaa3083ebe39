"""The permission function against the plain model: every act, every two grants, every subject. No database."""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import pytest

from fairway.accounts.rules import OF_THE_WHOLE, ROLES_FOR, Act, Actor, Grant, Reach, Role, may, may_somewhere, reach_of
from tests.scopes.model import APPLICATIONS, ENVIRONMENTS, ROLES, SCOPES, WHOLE, Given, Scope, sees

GRANTS: list[Given] = [(role, *scope) for role, scope in product(ROLES, SCOPES)]
SUBJECTS = [(one, place) for one in ("", *APPLICATIONS) for place in ("", *ENVIRONMENTS)]


def actor(*grants: Given) -> Actor:
    return Actor(1, "ada", tuple(Grant(Role(role), place or "", one or "") for role, one, place in grants))


def is_granted(grants: tuple[Given, ...], roles: frozenset[Role], application: str, environment: str) -> bool:
    """One grant of a fitting role that speaks of both; of nothing in particular only one that is not narrowed there."""
    return any(
        role in roles and one in (None, application or "-") and place in (None, environment or "-")
        for role, one, place in grants
    )


@pytest.mark.parametrize("roles", sorted(set(ROLES_FOR.values()), key=sorted), ids=lambda roles: "+".join(sorted(roles)))
def test_two_grants_allow_what_either_allows_and_nothing_more(roles) -> None:
    acts = [act for act, needed in ROLES_FOR.items() if needed == roles and act not in {Act.OWN_ACCOUNT, Act.CHANGE_ACCOUNT}]
    for grants in combinations_with_replacement(GRANTS, 2):
        who = actor(*grants)
        for act, (application, environment) in product(acts[:2], SUBJECTS):
            wanted = is_granted(grants, roles, application, environment)
            assert may(who, act, application=application, environment=environment) == wanted, (grants, act, application)


def test_acts_on_the_whole_are_not_held_in_part() -> None:
    for grants, act in product(combinations_with_replacement(GRANTS, 2), OF_THE_WHOLE):
        assert may_somewhere(actor(*grants), act) == sees(grants, WHOLE, ROLES_FOR[act]), (grants, act)


def test_what_is_met_is_what_either_meets() -> None:
    for first, second in combinations_with_replacement(SCOPES, 2):
        grants: list[Given] = [("viewer", *first), ("viewer", *second)]
        reach = reach_of(actor(*grants))
        assert {one for one in APPLICATIONS if reach.meets_application(one)} == {
            one for one in APPLICATIONS if sees(grants, (one, ""))
        }
        assert {one for one in ENVIRONMENTS if reach.meets_environment(one)} == {
            one for one in ENVIRONMENTS if sees(grants, ("", one))
        }


def test_acting_as_a_role_keeps_the_pairs_of_the_grants_that_hold_it() -> None:
    both = Actor(1, "ada", (Grant(Role.DEPLOYER, "development", "alpha"), Grant(Role.VIEWER, "production", "beta")))
    assert reach_of(Actor(1, "ada", both.grants, acting_as=Role.DEPLOYER)).pairs == {("alpha", "development")}
    assert reach_of(Actor(1, "ada", both.grants, acting_as=Role.VIEWER)).pairs == reach_of(both).pairs


def reach(*pairs: Scope) -> Reach:
    return Reach(frozenset((one or "", place or "") for one, place in pairs))


def test_a_reach_holds_another_pair_by_pair() -> None:
    halves = reach(("alpha", "development"), ("beta", "production"))
    assert reach(("alpha", None)).holds(reach(("alpha", "production")))
    assert not halves.holds(reach(("alpha", "production")))
    assert not halves.holds(reach(("alpha", None)))
    assert halves.holds(halves)
    assert halves.meets(reach(("alpha", None)))
    assert not halves.meets(reach(("alpha", "production")))
    assert not reach().meets(reach((None, None)))
