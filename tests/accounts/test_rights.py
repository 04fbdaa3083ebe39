"""What follows from grants, compared with `may`; and since when they are held."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fairway
from fairway.accounts.rights import (
    ABOUT,
    About,
    Extent,
    granting,
    names_application,
    names_environment,
    parse_act,
    right_to,
    rights_of,
    short_name,
)
from fairway.accounts.rules import Act, Actor, Grant, Role, may
from fairway.shared.names import Invalid

ENVIRONMENTS = ("development", "staging", "production")
APPLICATIONS = ("shop", "blog")

grants = st.lists(
    st.builds(Grant, st.sampled_from(Role), st.sampled_from(("", *ENVIRONMENTS)), st.sampled_from(("", *APPLICATIONS))),
    max_size=5,
    unique=True,
)
actors = st.builds(
    lambda held, role: Actor(1, "ada", tuple(held), acting_as=role), grants, st.one_of(st.none(), st.sampled_from(Role))
)


@given(actors)
def test_rights_agree_with_the_permission_function(actor: Actor) -> None:
    seen = set()
    for right in rights_of(actor, ENVIRONMENTS):
        seen.add((right.act, right.environment))
        for application in ("", "wiki", *APPLICATIONS) if names_application(right.act) else ("",):
            allowed = may(actor, right.act, application=application, environment=right.environment)
            assert bool(right.of(application)) == allowed, (right.act, right.environment, application)
            assert right.of(application) == tuple(dict.fromkeys(right.of(application))), "each grant once"
        assert (right.extent == Extent.ALL) == may(actor, right.act, environment=right.environment)
        assert (right.extent == Extent.NONE) == (not right.by)
    assert seen == {(act, place) for act in Act for place in (ENVIRONMENTS if names_environment(act) else ("",))}


@given(actors, st.sampled_from(Act), st.sampled_from(("", *ENVIRONMENTS)), st.sampled_from(("", *APPLICATIONS)))
def test_the_grants_that_are_named_suffice_and_no_other_does(
    actor: Actor, act: Act, environment: str, application: str
) -> None:
    where = {"application": application, "environment": environment}
    named = granting(actor, act, **where)
    assert may(Actor(1, "ada", named, acting_as=actor.acting_as), act, **where) == may(actor, act, **where)
    others = tuple(grant for grant in actor.grants if grant not in named)
    assert not may(Actor(1, "ada", others, acting_as=actor.acting_as), act, **where)


def test_a_right_names_the_applications_to_which_it_is_limited() -> None:
    in_staging = Grant(Role.DEPLOYER, "staging", "shop")
    actor = Actor(1, "ada", (in_staging, Grant(Role.VIEWER)))
    right = right_to(actor, Act.DEPLOY, "staging")
    assert (right.extent, right.applications, right.by) == (Extent.SOME, ("shop",), (in_staging,))
    assert right_to(actor, Act.VIEW, "staging").extent == Extent.ALL
    assert right_to(actor, Act.DEPLOY, "production").extent == Extent.NONE
    assert right_to(actor, Act.EDIT_APPLICATION).extent == Extent.NONE, "an application belongs to no environment"


def test_every_act_is_found_by_the_names_people_type() -> None:
    assert {act for act in Act if parse_act(short_name(act)) == act == parse_act(act.value)} == set(Act)
    assert parse_act("Roll_Back") == Act.ROLL_BACK
    with pytest.raises(Invalid, match=r"“fly” is not an act; use one of .*deploy, .*lock-environment"):
        parse_act("fly")
    assert set(ABOUT) == set(Act)
    assert ABOUT[Act.DEPLOY] == About.PLACEMENT


def asked_in_commands() -> Iterator[tuple[Act, frozenset[str], str]]:
    """Each `require(actor, Act.…, …)` of the commands: the act, what it names, and where it is written."""
    for file in Path(fairway.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != "require":
                continue
            act, named = node.args[1], [one.arg for one in node.keywords]
            if isinstance(act, ast.Attribute) and None not in named:
                yield Act[act.attr], frozenset(map(str, named)), f"{file.name}:{node.lineno}"


def test_an_act_is_about_what_its_commands_name() -> None:
    """A right is read with what a command would name; else the page would promise what the command refuses."""
    names = {
        About.NOTHING: set(),
        About.APPLICATION: {"application"},
        About.ENVIRONMENT: {"environment"},
        About.PLACEMENT: {"application", "environment"},
    }
    found = list(asked_in_commands())
    assert len(found) > 40
    known = {(Act.CREATE_RELEASE, frozenset({"environment"}))}  # from what runs there: that must be seen, too
    assert [one for one in found if one[1] != names[ABOUT[one[0]]] and one[:2] not in known] == []
