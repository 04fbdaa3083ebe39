"""Repositories to choose from for a new application: those that a stored credential may read at its forge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, NotVisible
from fairway.applications.models import Credential
from fairway.applications.queries import usable_in
from fairway.applications.secrets import open_credential
from fairway.drivers.forges.contract import Forge
from fairway.drivers.forges.statuses import Place, api_url_at, forge_of
from fairway.drivers.taking import NotTaken, Trouble
from fairway.pipelines.report_words import stored, trouble_sentence
from fairway.shared.failures import Refused

if TYPE_CHECKING:
    from fairway.drivers.forges.repositories import Found

LONGEST_SEARCH = 100
MAY_NOT_LIST = "The token may not list repositories at “{host}” ({status}): {answer}. Give it the right to read them."


def credentials_to_choose_from(actor: Actor) -> list[Credential]:
    """The credentials whose repositories can be listed: tokens for Git over https at a forge that its name gives away, for
    every application in every environment, because the new one has no place yet. Raises `Blocked`."""
    require(actor, Act.CREATE_APPLICATION)
    usable = usable_in("", "").filter(kind=Credential.HTTPS).order_by("name")
    return [one for one in usable if forge_at(one.host) is not None]


def repositories_of(actor: Actor, name: str, search: str = "") -> Found:
    """The repositories that this credential may read. Raises `Blocked`, `NotVisible`, or `Refused`, which says what is
    wrong."""
    from fairway.drivers.addresses import POLICIES
    from fairway.drivers.forges.repositories import repositories
    from fairway.drivers.posting import Line

    credential = next((one for one in credentials_to_choose_from(actor) if one.name == name), None)
    forge = forge_at(credential.host) if credential else None
    if credential is None or forge is None:
        raise NotVisible("credential", name)
    place = Place(forge, api_url_at(forge, credential.host), "", open_credential(credential))
    try:
        return repositories(Line(POLICIES[settings.SOURCE_ADDRESSES]), place, search[:LONGEST_SEARCH])
    except NotTaken as problem:
        raise Refused(_sentence(problem)) from problem


def credentials_for(application: str, forge: Forge, api_url: str) -> list[Credential]:
    """The credentials whose token may be used at this API for an application (a slug), in every environment."""
    usable = usable_in(application, "").filter(kind=Credential.HTTPS).order_by("name")
    return [one for one in usable if api_url_at(forge, one.host) == api_url]


def credential_at(application: str, name: str, forge: Forge, api_url: str) -> Credential | None:
    """The one of them with this name."""
    return next((one for one in credentials_for(application, forge, api_url) if one.name == name), None)


def forge_at(host: str) -> Forge | None:
    """Which forge is at this host, which may have a port; None if its name does not tell."""
    return forge_of(f"https://{host}/x/y.git")


def _sentence(problem: NotTaken) -> str:
    if problem.trouble in {Trouble.FORBIDDEN, Trouble.NOT_FOUND}:
        return MAY_NOT_LIST.format(host=problem.host, status=problem.status, answer=problem.answer.rstrip(".") or "—")
    return trouble_sentence(*stored(problem))
