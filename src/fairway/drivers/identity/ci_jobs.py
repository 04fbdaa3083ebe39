"""Which CI job shows a token of GitHub Actions or GitLab CI. A job gets such a token without any stored secret.

Repositories are known by their numbers, because names are given to others when they become free. ``sub`` is never read:
GitHub writes it in several ways (repositories that were created or renamed after 2026-07-15 have other subjects).

Sources: docs.github.com, "OpenID Connect" (security hardening of GitHub Actions); docs.gitlab.com, "OpenID Connect in
GitLab CI/CD ID tokens".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from fairway.drivers.identity import id_tokens
from fairway.drivers.identity.asking import Line
from fairway.drivers.identity.contract import text_of
from fairway.drivers.identity.kinds import Ci
from fairway.drivers.identity.trouble import Trouble, Untrusted

WELL_KNOWN = "/.well-known/openid-configuration"
LONGEST_TOKEN = 16_000  # characters
# Jobs of a pull or merge request run what somebody proposes; with “target” in the name of the base branch.
PROPOSALS = frozenset({"pull_request", "pull_request_target", "merge_request_event", "external_pull_request_event"})


@dataclass(frozen=True)
class Job:
    """A job as its token describes it.

    `repository_id` and `owner_id` are numbers; `ref` is a full one (``refs/heads/main``); `environment` is the CI's own, ""
    for none. `number` tells this token from every other one, so that it is used once.
    """

    issuer: str
    repository_id: str
    owner_id: str
    repository: str
    ref: str
    environment: str
    commit: str
    run: str
    person: str
    number: str
    until: datetime


def said_issuer(token: str) -> str:
    """Who made the token, as it says itself; nothing is verified. "" if it cannot be read."""
    try:
        found = jwt.decode(token[:LONGEST_TOKEN], options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, TypeError):
        return ""
    return found if isinstance(found, str) and len(found) <= 300 and found.isprintable() else ""


def job_of(token: str, *, ci: Ci, issuer: str, audience: str, line: Line) -> Job:
    """The job whose token this is. Raises `Untrusted` unless `issuer` made it for `audience`, or if it runs what somebody
    proposes."""
    if len(token) > LONGEST_TOKEN:
        raise Untrusted(Trouble.MALFORMED)
    line.checked(issuer)
    described = line.get(issuer.rstrip("/") + WELL_KNOWN)
    if described.get("issuer") != issuer:
        raise Untrusted(Trouble.ISSUER_DIFFERS, issuer=issuer, said=str(described.get("issuer"))[:300])
    address = described.get("jwks_uri")
    if not isinstance(address, str):
        raise Untrusted(Trouble.MISSING, name="jwks_uri")
    claims = id_tokens.signed_claims(token, keys=line.get(address), issuer=issuer, audience=audience)
    job = _of_github(claims) if ci is Ci.GITHUB else _of_gitlab(claims)
    if not all((job.repository_id.isdecimal(), job.owner_id.isdecimal(), job.ref, job.number)):
        raise Untrusted(Trouble.MALFORMED)
    return job


def _of_github(claims: Mapping[str, Any]) -> Job:
    if text_of(claims, "event_name", 60) in PROPOSALS:
        raise Untrusted(Trouble.PROPOSAL)
    return Job(
        issuer=claims["iss"],
        repository_id=_number(claims, "repository_id"),
        owner_id=_number(claims, "repository_owner_id"),
        repository=text_of(claims, "repository", 300),
        ref=text_of(claims, "ref", 300),
        environment=text_of(claims, "environment", 300),
        commit=text_of(claims, "sha", 64),
        run=_number(claims, "run_id"),
        person=text_of(claims, "actor", 100),
        number=text_of(claims, "jti", 300),
        until=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _of_gitlab(claims: Mapping[str, Any]) -> Job:
    if text_of(claims, "pipeline_source", 60) in PROPOSALS:
        raise Untrusted(Trouble.PROPOSAL)
    project = _number(claims, "project_id")
    if _number(claims, "job_project_id") not in ("", project):  # for a fork's merge request, they differ
        raise Untrusted(Trouble.PROPOSAL)
    kinds = {"branch": "refs/heads/", "tag": "refs/tags/"}
    prefix, ref = kinds.get(text_of(claims, "ref_type", 20), ""), text_of(claims, "ref", 300)
    return Job(
        issuer=claims["iss"],
        repository_id=project,
        owner_id=_number(claims, "namespace_id"),
        repository=text_of(claims, "project_path", 300),
        ref=prefix + ref if prefix and ref else "",
        environment=text_of(claims, "environment", 300),
        commit=text_of(claims, "sha", 64),
        run=_number(claims, "pipeline_id"),
        person=text_of(claims, "user_login", 100),
        number=text_of(claims, "jti", 300),
        until=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _number(claims: Mapping[str, Any], name: str) -> str:
    """A number that is written as a text, as both do; "" for anything else."""
    text = text_of(claims, name, 30)
    return text if text.isascii() and text.isdecimal() else ""
