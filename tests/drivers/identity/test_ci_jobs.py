"""A CI job is known by what its token says, as GitHub and GitLab document it, and only by what is signed for Fairway."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from fairway.drivers.identity.asking import Line
from fairway.drivers.identity.ci_jobs import Job, job_of
from fairway.drivers.identity.kinds import Ci
from fairway.drivers.identity.trouble import Trouble, Untrusted
from tests.services.lying_provider import Liar, lying_provider, signed

FAIRWAY = "https://fairway.example.com"
LINE = Line(policy=None, seconds=20)
SHA = "1f5b8a3f7a1d4c6d3d6b8b8a3f7a1d4c6d3d6b8b"
GITHUB = {  # docs.github.com, "OpenID Connect reference"
    "jti": "example-id", "sub": "repo:octo-org/octo-repo:environment:prod", "environment": "prod", "aud": FAIRWAY,
    "ref": "refs/heads/main", "sha": SHA, "repository": "octo-org/octo-repo", "repository_owner": "octo-org",
    "actor_id": "12", "repository_visibility": "private", "repository_id": "74", "repository_owner_id": "65",
    "run_id": "9813495", "run_number": "10", "run_attempt": "2", "runner_environment": "github-hosted", "actor": "octocat",
    "workflow": "example-workflow", "head_ref": "", "base_ref": "", "event_name": "push", "ref_type": "branch",
    "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
}  # fmt: skip
GITLAB = {  # docs.gitlab.com, "ID tokens"
    "namespace_id": "72", "namespace_path": "my-group", "project_id": "20", "project_path": "my-group/my-project",
    "user_id": "1", "user_login": "sample-user", "user_email": "sample-user@example.com", "user_access_level": "maintainer",
    "pipeline_id": "574", "pipeline_source": "push", "job_id": "302", "ref": "feature-branch-1", "ref_type": "branch",
    "ref_path": "refs/heads/feature-branch-1", "ref_protected": "false", "job_project_id": "20", "sha": SHA,
    "environment": "test-environment2", "environment_protected": "false", "runner_environment": "self-hosted",
    "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b", "aud": FAIRWAY,
    "sub": "project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1",
}  # fmt: skip


@pytest.fixture
def liar() -> Iterator[Liar]:
    with lying_provider() as one:
        yield one


def token(liar: Liar, said: dict[str, Any], **more: Any) -> str:
    now = int(time.time())
    claims = {"iss": liar.issuer, "iat": now, "nbf": now, "exp": now + 300, **said, **more}
    return signed({name: value for name, value in claims.items() if value is not None})


def shown(liar: Liar, said: dict[str, Any], ci: Ci = Ci.GITHUB, **more: Any) -> Job:
    return job_of(token(liar, said, **more), ci=ci, issuer=liar.issuer, audience=FAIRWAY, line=LINE)


def refused(liar: Liar, said: dict[str, Any], ci: Ci = Ci.GITHUB, **more: Any) -> Trouble:
    with pytest.raises(Untrusted) as problem:
        shown(liar, said, ci, **more)
    return problem.value.trouble


def test_a_job_of_github(liar: Liar) -> None:
    job = shown(liar, GITHUB)
    assert (job.repository_id, job.owner_id, job.repository) == ("74", "65", "octo-org/octo-repo")
    assert (job.ref, job.environment, job.commit) == ("refs/heads/main", "prod", SHA)
    assert (job.run, job.person, job.number) == ("9813495", "octocat", "example-id")
    assert 0 < job.until.timestamp() - time.time() <= 300


def test_the_subject_is_not_read(liar: Liar) -> None:
    """Repositories that were created, renamed or moved after 2026-07-15 have another form of it."""
    assert shown(liar, GITHUB, sub="repo:octo-org@65/octo-repo@74:ref:refs/heads/main").repository_id == "74"


def test_a_job_of_gitlab(liar: Liar) -> None:
    job = shown(liar, GITLAB, Ci.GITLAB)
    assert (job.repository_id, job.owner_id, job.repository) == ("20", "72", "my-group/my-project")
    assert (job.ref, job.environment, job.commit) == ("refs/heads/feature-branch-1", "test-environment2", SHA)
    assert (job.run, job.person) == ("574", "sample-user")
    assert shown(liar, GITLAB, Ci.GITLAB, ref="v1.0", ref_type="tag").ref == "refs/tags/v1.0"
    assert shown(liar, GITLAB, Ci.GITLAB, job_project_id=None).repository_id == "20", "GitLab before 18.3 does not say it"


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_what_somebody_proposes_on_github_does_not_deploy(liar: Liar, event: str) -> None:
    assert refused(liar, GITHUB, event_name=event) is Trouble.PROPOSAL


def test_what_somebody_proposes_on_gitlab_does_not_deploy(liar: Liar) -> None:
    assert refused(liar, GITLAB, Ci.GITLAB, pipeline_source="merge_request_event") is Trouble.PROPOSAL
    assert refused(liar, GITLAB, Ci.GITLAB, job_project_id="21") is Trouble.PROPOSAL, "a fork's"


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ({"aud": "https://other.example.com"}, Trouble.WRONG_AUDIENCE),
        ({"aud": None}, Trouble.MALFORMED),
        ({"iss": "https://evil.example"}, Trouble.WRONG_ISSUER),
        ({"exp": 1_000_000_000}, Trouble.EXPIRED),
        ({"exp": None}, Trouble.MALFORMED),
        ({"nbf": 9_000_000_000, "exp": 9_000_000_300}, Trouble.FUTURE),
        ({"sub": None}, Trouble.MALFORMED),
        ({"jti": None}, Trouble.MALFORMED),
        ({"jti": ""}, Trouble.MALFORMED),
        ({"jti": 7}, Trouble.MALFORMED),
        ({"repository_id": None}, Trouble.MALFORMED),
        ({"repository_id": 74}, Trouble.MALFORMED),
        ({"repository_id": "74 "}, None),
        ({"repository_id": "٧٤"}, Trouble.MALFORMED),
        ({"repository_owner_id": ""}, Trouble.MALFORMED),
        ({"ref": None}, Trouble.MALFORMED),
        ({"ref": ["refs/heads/main"]}, Trouble.MALFORMED),
    ],
)
def test_claims_that_are_not_enough(liar: Liar, said: dict[str, Any], trouble: Trouble | None) -> None:
    if trouble is None:
        assert shown(liar, GITHUB, **said).repository_id == "74"
    else:
        assert refused(liar, GITHUB, **said) is trouble


def test_keys_and_algorithms(liar: Liar) -> None:
    good = token(liar, GITHUB)
    claims = jwt.decode(good, options={"verify_signature": False})
    forged = [
        jwt.encode(claims, "", algorithm="none"),
        signed(claims, number=1),  # a key that is not published
        signed(claims, number=1).replace(signed(claims, number=1).split(".")[0], good.split(".")[0]),
        good.rpartition(".")[0] + "." + good.rpartition(".")[2][::-1],
        "no token",
        "x" * 20_000,
    ]
    for one in forged:
        with pytest.raises(Untrusted):
            job_of(one, ci=Ci.GITHUB, issuer=liar.issuer, audience=FAIRWAY, line=LINE)


def test_a_provider_that_calls_itself_otherwise(liar: Liar) -> None:
    liar.description = {"issuer": "https://token.actions.githubusercontent.com"}
    assert refused(liar, GITHUB) is Trouble.ISSUER_DIFFERS
    liar.description = {"jwks_uri": None}
    assert refused(liar, GITHUB) is Trouble.MISSING
