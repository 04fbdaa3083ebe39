"""What somebody may do, and why, from the command line, against a real installation."""

from __future__ import annotations

from tests.cli.conftest import Fairway


def test_rights_are_listed_and_asked_about(fairway: Fairway) -> None:
    fairway.json("people", "invite", "hana")
    fairway.json("people", "roles", "hana", "viewer", "deployer@staging")
    listed = fairway("people", "rights", "hana", "--env", "staging")
    assert listed.code == 0, listed.err
    assert "production" not in listed.out
    deploying = next(line for line in listed.out.splitlines() if "deploy, promote" in line)
    assert deploying.split()[-1] == "yes"
    assert next(line for line in listed.out.splitlines() if "manage people" in line).split()[-1] == "no"
    found = fairway.json("people", "rights", "hana")
    assert {"development", "staging", "production"} <= set(found["environments"])
    assert [one["granted_by"] != "" for one in found["grants"]] == [True, True]

    yes = fairway("people", "may", "hana", "deploy", "--env", "staging")
    assert (yes.code, "Yes: Deployer in Staging, given by " in yes.out) == (0, True)
    no = fairway("people", "may", "hana", "deploy", "--env", "production")
    assert (no.code, "No. This needs the role Admin or Deployer here." in no.out) == (1, True)
    assert fairway("people", "may", "hana", "deploy").code == 1, "not in every environment"
    assert fairway("people", "may", "hana", "deploy", "--env", "production", "--json").json["allowed"] is False


def test_ones_own_rights_need_no_name(fairway: Fairway) -> None:
    assert fairway.json("people", "rights") == fairway.json("people", "rights", "--env", "") != []
    assert "see what is there" in fairway("people", "rights").out


def test_bad_questions_end_with_the_code_for_bad_input(fairway: Fairway) -> None:
    nobody = fairway("people", "may", "nobody-such", "deploy")
    assert (nobody.code, "nobody-such" in nobody.err) == (2, True)
    fairway("people", "invite", "hugo")
    unknown = fairway("people", "may", "hugo", "fly")
    assert (unknown.code, "“fly” is not an act" in unknown.err) == (2, True)
    assert fairway("people", "rights", "hugo", "--env", "mars").code == 2
