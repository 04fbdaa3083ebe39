"""What of a deployment a forge is told, and what may be entered about the forge. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from fairway.drivers.forges.contract import Forge
from fairway.drivers.forges.payloads import COMMIT
from fairway.drivers.forges.statuses import REPORTING, Progress
from fairway.drivers.taking import Trouble
from fairway.shared.names import Invalid

LONGEST_URL = 300
LONGEST_TOKEN = 500
LONGEST_PROJECT = 300
KEPT_FOR = timedelta(days=30)
MOST_KEPT = 1000  # settled reports of one connection


class State(StrEnum):
    """What became of a report."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


PROGRESS: Mapping[str, Progress] = {
    "deployment.requested": Progress.QUEUED,
    "deployment.started": Progress.IN_PROGRESS,
    "deployment.artifact_settled": Progress.IN_PROGRESS,  # until then the commit of a branch is not known
    "deployment.succeeded": Progress.SUCCESS,
    "deployment.failed": Progress.FAILURE,
    "deployment.errored": Progress.ERROR,
    "deployment.cancelled": Progress.CANCELLED,
}
# What nobody but a person can mend: the connection stops until somebody has looked.
NEEDS_PERSON = frozenset(
    {
        Trouble.NO_CREDENTIAL,
        Trouble.TOKEN_REFUSED,
        Trouble.FORBIDDEN,
        Trouble.NOT_FOUND,
        Trouble.GONE,
        Trouble.REDIRECT,
        Trouble.NOT_PERMITTED,
        Trouble.NOT_HTTPS,
        Trouble.CERTIFICATE,
    }
)


def context_of(environment: str) -> str:
    """The name of the commit status for an environment."""
    return f"fairway/{environment}"


def known_commit(commit: str, ref: object) -> str:
    """The commit that is deployed: that of the artifact, or the one that was asked for; "" while it is not known."""
    asked = str(ref).lower()
    return commit or (asked if COMMIT.fullmatch(asked) else "")


def parse_forge(text: str) -> Forge:
    """Raises `Invalid`."""
    if text not in set(REPORTING):
        raise Invalid("kind", "use one of {names}.", names=", ".join(REPORTING))
    return Forge(text)


def parse_api_url(text: str, *, allows_http: bool) -> str:
    """The address of a forge's API, without a slash at its end. Raises `Invalid`."""
    url = text.strip().rstrip("/")
    if len(url) > LONGEST_URL or not url.isprintable() or re.search(r"[\s\"<>\\^`{|}?#]", url):
        raise Invalid("api_url", "is not the address of an API, e.g. https://github.example.com/api/v3.")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise Invalid("api_url", "is not the address of an API, e.g. https://github.example.com/api/v3.") from None
    if parts.scheme not in ("https", "http") or not host:
        raise Invalid("api_url", "must begin with https:// and name a host.")
    if parts.scheme == "http" and not allows_http:
        raise Invalid("api_url", "must begin with https://, because the token must not be read on its way.")
    if parts.username or parts.password:
        raise Invalid("api_url", "must have no user name and no password; enter the token in its own field.")
    return url


def parse_token(text: str) -> str:
    """Raises `Invalid`, which never repeats it."""
    token = text.strip()
    if not token:
        raise Invalid("token", "is missing; make one where the repository lives.")
    if len(token) > LONGEST_TOKEN or not re.fullmatch(r"[!-~]+", token):
        raise Invalid("token", "is not a token: it has spaces or signs that no token has.")
    return token
