"""A CI job gets a token for a quarter of an hour: once, for one place, with the rights of whoever trusts it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from fairway.accounts.commands import set_active
from fairway.accounts.models import ApiToken, RoleGrant, User
from fairway.accounts.queries import actor_for, token_owner
from fairway.accounts.rules import Act, Actor, Blocked, may
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.applications.models import Application
from fairway.environments.models import Environment
from fairway.pipelines.commands.ci_trusts import (
    MOST_REFUSED_IN_A_MINUTE,
    Given,
    audience,
    end_trust,
    exchange,
    forget_exchanges,
    trust_ci,
)
from fairway.pipelines.models import CiTokenUse, CiTrust
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from tests.drivers.identity.test_ci_jobs import GITHUB, GITLAB
from tests.services.lying_provider import Liar, lying_provider, signed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _from_this_machine(settings) -> None:
    settings.SIGN_IN_ADDRESSES = "any"
    cache.clear()


@pytest.fixture
def github() -> Iterator[Liar]:
    with lying_provider() as one:
        yield one


def trusted(actor: Actor, github: Liar, application: Application, environment: Environment, **more: Any) -> CiTrust:
    values = {"ci": "github", "repository_id": "74", "pattern": "main", "issuer": github.issuer}
    return trust_ci(actor=actor, application=application, environment=environment, **{**values, **more})


def token(github: Liar, said: dict[str, Any] = GITHUB, **more: Any) -> str:
    now = int(time.time())
    number = f"jti-{len(github.used)}"
    github.used.append(number)
    claims = {**said, "iss": github.issuer, "aud": audience(), "iat": now, "exp": now + 300, "jti": number, **more}
    return signed({name: value for name, value in claims.items() if value is not None})


def refused(text: str, **more: str) -> str:
    with pytest.raises(Refused) as problem:
        exchange(token=text, **more)
    return str(problem.value.sentence)


def comes_with(made: Given) -> Actor:
    found = token_owner(made.text)
    assert found is not None
    return actor_for(found.user, door=Door.API, acting_as=found.role, token=found)


def test_a_job_deploys_there_and_nowhere_else(
    deployer: Actor, github: Liar, hello: Application, staging, production
) -> None:
    trust = trusted(deployer, github, hello, staging)
    made = exchange(token=token(github), address="192.0.2.7")
    actor = comes_with(made)
    assert actor.id == deployer.id
    assert may(actor, Act.DEPLOY, application="hello", environment="staging")
    assert not may(actor, Act.DEPLOY, application="hello", environment="production")
    assert made.token.expires_at is not None
    assert timedelta(minutes=14) < made.token.expires_at - timezone.now() <= timedelta(minutes=15)
    trust.refresh_from_db()
    assert (trust.repository, trust.owner_id) == ("octo-org/octo-repo", "65")
    event = Event.objects.get(verb="ci.token_given")
    assert (event.after["repository"], event.after["ref"], event.after["person"]) == (
        "octo-org/octo-repo",
        "refs/heads/main",
        "octocat",
    )
    assert made.text not in str(list(Event.objects.values_list("after", flat=True)))


def test_a_token_is_exchanged_once(deployer: Actor, github: Liar, hello: Application, staging: Environment) -> None:
    trusted(deployer, github, hello, staging)
    text = token(github)
    exchange(token=text)
    assert "was exchanged before" in refused(text)
    assert ApiToken.objects.filter(user_id=deployer.id).count() == 1
    CiTokenUse.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert forget_exchanges() == 1


@pytest.mark.parametrize(
    "said",
    [
        {"repository_id": "75"},
        {"ref": "refs/heads/mainline"},
        {"ref": "refs/heads/feature/main"},
        {"ref": "refs/tags/main"},
        {"ref": "refs/pull/1/merge"},
        {"ref": "main"},
    ],
)
def test_other_jobs_are_not_trusted(
    deployer: Actor, github: Liar, hello: Application, staging: Environment, said: dict[str, str]
) -> None:
    trusted(deployer, github, hello, staging)
    assert "are not trusted" in refused(token(github, **said))
    assert not ApiToken.objects.filter(user_id=deployer.id).exists()


def test_the_environment_of_the_ci(deployer: Actor, github: Liar, hello: Application, staging: Environment) -> None:
    trusted(deployer, github, hello, staging, ci_environment="prod")
    exchange(token=token(github))
    assert "are not trusted" in refused(token(github, environment="dev"))
    assert "are not trusted" in refused(token(github, environment=None))


def test_a_repository_that_was_given_to_somebody_else(
    deployer: Actor, github: Liar, hello: Application, staging: Environment
) -> None:
    trusted(deployer, github, hello, staging)
    exchange(token=token(github))
    assert "are not trusted" in refused(token(github, repository_owner_id="66"))


def test_what_somebody_proposes(deployer: Actor, github: Liar, hello: Application, staging: Environment) -> None:
    trusted(deployer, github, hello, staging)
    assert "what somebody proposes" in refused(token(github, event_name="pull_request_target"))


def test_a_token_for_somebody_else_or_of_nobody(
    deployer: Actor, github: Liar, hello: Application, staging: Environment
) -> None:
    trusted(deployer, github, hello, staging)
    assert "for another application" in refused(token(github, aud="https://other.example"))
    assert "has expired" in refused(token(github, exp=1_000_000_000))
    for text in ("", "x", "a.b.c", signed({"iss": "https://evil.example"}), "x" * 20_000):
        assert "No CI jobs of" in refused(text)
    assert github.requests.count("/keys") == 2, "nobody else is asked for keys"


def test_several_places_trust_a_job(deployer: Actor, github: Liar, hello: Application, staging, production) -> None:
    trusted(deployer, github, hello, staging)
    trusted(deployer, github, hello, production)
    with pytest.raises(Invalid, match="hello in production, hello in staging"):
        exchange(token=token(github))
    made = exchange(token=token(github), application="hello", environment="production")
    assert may(comes_with(made), Act.DEPLOY, application="hello", environment="production")


def test_gitlab(deployer: Actor, github: Liar, hello: Application, staging: Environment) -> None:
    trusted(deployer, github, hello, staging, ci="gitlab", repository_id="20", pattern="v*", ref_kind="tag")
    exchange(token=token(github, GITLAB, ref="v1.2", ref_type="tag"))
    assert "are not trusted" in refused(token(github, GITLAB))


def test_whoever_set_it_up_must_still_be_allowed(
    admin: Actor, deployer: Actor, github: Liar, hello: Application, staging: Environment
) -> None:
    trusted(deployer, github, hello, staging)
    RoleGrant.objects.filter(user_id=deployer.id).update(role="viewer")
    assert "may no longer deploy here" in refused(token(github))
    RoleGrant.objects.filter(user_id=deployer.id).update(role="deployer")
    exchange(token=token(github))
    set_active(actor=admin, user=User.objects.get(pk=deployer.id), is_active=False)
    assert "may no longer deploy here" in refused(token(github))


def test_a_trust_that_ended(deployer: Actor, github: Liar, hello: Application, staging: Environment) -> None:
    trust = trusted(deployer, github, hello, staging)
    end_trust(actor=deployer, trust=trust)
    assert "No CI jobs of" in refused(token(github))
    assert Event.objects.filter(verb="ci.trust_ended").count() == 1


def test_who_may_trust_jobs(viewer: Actor, deployer: Actor, github: Liar, hello: Application, staging) -> None:
    with pytest.raises(Blocked):
        trusted(viewer, github, hello, staging)
    for wrong, field in (
        ({"ci": "jenkins"}, "ci"),
        ({"repository_id": "octo-org/octo-repo"}, "repository_id"),
        ({"repository_id": "٧٤"}, "repository_id"),
        ({"pattern": ""}, "pattern"),
        ({"pattern": "refs/heads/main"}, "pattern"),
        ({"ref_kind": "commit"}, "ref_kind"),
        ({"issuer": "gitlab.example.com"}, "issuer"),
    ):
        with pytest.raises(Invalid) as problem:
            trusted(deployer, github, hello, staging, **wrong)
        assert problem.value.field == field
    assert trusted(deployer, github, hello, staging, issuer="").issuer == "https://token.actions.githubusercontent.com"


def test_refusals_are_told_and_do_not_flood_the_chain(
    deployer: Actor, github: Liar, hello: Application, staging: Environment
) -> None:
    trusted(deployer, github, hello, staging)
    for _ in range(MOST_REFUSED_IN_A_MINUTE):
        refused("x", address="192.0.2.7")
    assert "Too many" in refused(token(github), address="192.0.2.7")
    counts = [event.after["within_a_minute"] for event in Event.objects.filter(verb="ci.token_refused").order_by("pk")]
    assert counts == [1, 2, 4, 8, 16]
    exchange(token=token(github), address="192.0.2.8")
