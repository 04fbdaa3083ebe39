"""What a forge can be told about a deployment of one of its commits, and where its API is. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote, urlsplit

from fairway.drivers.forges.contract import Forge
from fairway.drivers.forges.payloads import repository_key

LONGEST_DESCRIPTION = 140  # characters; GitHub refuses longer ones
NO_COMMIT = "0" * 40  # a commit that no repository has
REPORTING = (Forge.GITHUB, Forge.GITLAB, Forge.GITEA)  # the forges that can be told


class Progress(StrEnum):
    """What has become of a deployment, as forges are told."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILURE = "failure"  # the version is bad
    ERROR = "error"  # Fairway's own machinery broke
    CANCELLED = "cancelled"
    INACTIVE = "inactive"  # it was live, and another version followed it


@dataclass(frozen=True)
class Place:
    """A repository at a forge: the address of the API without a slash at its end, the repository's path, and the token."""

    forge: Forge
    api_url: str
    project: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Report:
    """One thing to tell about one deployment of one commit.

    `context` names the commit status, `page` is Fairway's page of the deployment: it identifies the deployment at the forge.
    `url` is where the application is reached, "" unless it is live. `ref` is the branch or tag that was deployed.
    """

    progress: Progress
    commit: str
    context: str
    environment: str
    is_production: bool
    page: str
    description: str
    url: str = ""
    ref: str = "HEAD"
    is_tag: bool = False
    is_transient: bool = False  # a preview's


@dataclass(frozen=True)
class Remark:
    """A comment on the pull or merge request with this number. `mark` is the part of its text by which it is found."""

    request: int
    mark: str
    text: str


class Reporter(Protocol):
    """Tells one forge. Every method raises `NotTaken`, and may be called again after it was cut: nothing is doubled."""

    def try_it(self) -> None:
        """Find out whether the token can tell of deployments there. Nothing changes at the forge."""

    def opened(self, report: Report, taken: frozenset[str]) -> str:
        """The forge's number of this deployment, which is made there unless it exists; "" while it has none.
        `taken` are the numbers that other deployments have there."""

    def tell(self, report: Report, number: str, *, is_repeated: bool) -> None:
        """Set the state of the deployment with this number, and the commit's status. `is_repeated`: it may have been told
        before, so look first."""

    def remark(self, remark: Remark, number: str) -> str:
        """Write a comment, or bring the one with this number up to date; returns its number."""


def host_of(place: Place) -> str:
    """The host of a place's API."""
    return urlsplit(place.api_url).hostname or ""


def forge_of(address: str) -> Forge | None:
    """Which forge the repository at this address is at, guessed by the name of its host; None if the name does not tell."""
    host = repository_key(address)[0]
    for word, forge in (
        ("github", Forge.GITHUB),
        ("gitlab", Forge.GITLAB),
        ("gitea", Forge.GITEA),
        ("forgejo", Forge.GITEA),
    ):
        if word in host:
            return forge
    return Forge.GITEA if host == "codeberg.org" else None


def api_url_of(forge: Forge, address: str) -> str:
    """Where the API of the forge usually is that has the repository at this address."""
    host = repository_key(address)[0]
    try:
        parts = urlsplit(address.strip())
        port = parts.port if parts.scheme in {"http", "https"} else None  # a port of SSH is not the API's
    except ValueError:
        port = None
    return api_url_at(forge, f"{host}:{port}" if port else host)


def api_url_at(forge: Forge, host: str) -> str:
    """Where the API of the forge at this host, which may have a port, usually is."""
    if forge is Forge.GITHUB:
        return "https://api.github.com" if host.lower() == "github.com" else f"https://{host}/api/v3"
    return f"https://{host}/api/v4" if forge is Forge.GITLAB else f"https://{host}/api/v1"


def project_of(address: str) -> str:
    """The path of a repository at its forge, for example ``acme/shop``, as it is written in its address."""
    text = address.strip().rstrip("/").removesuffix(".git")
    length = len(repository_key(address)[1])
    return text[-length:] if length else ""


def compare_url(address: str, old: str, new: str, forge: Forge) -> str:
    """The page of the forge that compares two commits, or a commit and a branch; "" if there is nothing to compare."""
    host, project = repository_key(address)[0], project_of(address)
    if not project or not old or not new or old == new:
        return ""
    dash = "/-" if forge is Forge.GITLAB else ""
    return f"https://{host}/{project}{dash}/compare/{quote(old)}...{quote(new)}"
