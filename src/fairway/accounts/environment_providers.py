"""Sign-in providers that are set where Fairway is started (``FAIRWAY_SIGN_IN_<NAME>_…``). Nothing else can change them.

``FAIRWAY_SIGN_IN_GITHUB_CLIENT_ID`` and others of that name make the provider ``github``; an underscore in a name becomes a
hyphen. What is wrong is logged; it never keeps Fairway from starting.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.db import transaction

from fairway.accounts.models import SignInProvider
from fairway.accounts.provider_commands import save_provider
from fairway.accounts.rules import SYSTEM, Blocked
from fairway.accounts.sign_in_rules import parse_role_lines
from fairway.shared.names import Invalid

log = logging.getLogger(__name__)

FIELDS = {  # the end of a variable, and the field that it sets
    "KIND": "kind",
    "TITLE": "name",
    "ISSUER": "issuer",
    "CLIENT_ID": "client_id",
    "CLIENT_SECRET": "secret",
    "CLIENT_SECRET_FILE": "secret",
    "SCOPES": "scopes",
    "DOMAINS": "domains",
    "GROUPS": "required_groups",
    "GROUPS_CLAIM": "groups_claim",
    "ROLES": "roles",
    "ADMITS": "admits",
    "DEFAULT_ROLE": "default_role",
}
_VARIABLE = re.compile(rf"FAIRWAY_SIGN_IN_([A-Z0-9_]+?)_({'|'.join(sorted(FIELDS, key=len, reverse=True))})")
_ACTOR = replace(SYSTEM, identified_by="environment")


def given_by(environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The variables of each provider, by its short name and the end of the variable."""
    found: dict[str, dict[str, str]] = {}
    for variable, value in sorted(environ.items()):
        if match := _VARIABLE.fullmatch(variable):
            found.setdefault(match[1].lower().replace("_", "-"), {})[match[2]] = value
    return found


def take_from_environment(environ: Mapping[str, str]) -> list[str]:
    """Save every provider that is set so, if it differs; those that are set no more can be changed on their page again.
    Returns a sentence for each that is wrong; it stays as it was."""
    given, wrong = given_by(environ), []
    for slug, variables in given.items():
        try:
            _take(slug, variables)
        except Invalid as problem:
            wrong.append(
                f"The sign-in provider “{slug}” is not set from the environment: {problem.field} {problem.sentence}"
            )
        except Blocked as problem:
            wrong.append(f"The sign-in provider “{slug}” is not set from the environment: {problem}")
    SignInProvider.objects.filter(is_from_environment=True).exclude(slug__in=given).update(is_from_environment=False)
    for sentence in wrong:
        log.error(sentence)
    return wrong


@transaction.atomic
def _take(slug: str, variables: Mapping[str, str]) -> None:
    values = _values(slug, variables)
    save_provider(actor=_ACTOR, slug=slug, is_from_environment=True, **values)


def _values(slug: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """Raises `Invalid`."""
    values: dict[str, Any] = {"name": slug, "kind": SignInProvider.OPENID, "issuer": "", "client_id": ""}
    if slug == SignInProvider.GITHUB:
        values |= {"name": "GitHub", "kind": SignInProvider.GITHUB, "issuer": "https://github.com"}
    values |= {FIELDS[end]: value.strip() for end, value in variables.items()}
    if "CLIENT_SECRET_FILE" in variables:
        values["secret"] = _content(variables["CLIENT_SECRET_FILE"])
    for field in ("domains", "required_groups"):
        values[field] = [one.strip() for one in values.get(field, "").split(",") if one.strip()]
    values["roles"] = parse_role_lines(values.get("roles", "").replace(",", "\n"))
    return values


def _content(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError):
        raise Invalid("secret", "cannot be read from “{path}”.", path=path[:200]) from None
