"""Secrets that stand in addresses: found, refused where one is typed, and masked where one is shown.

Whatever is typed into a field that is not made for secrets is read by everybody who may see the thing, stands in events for
ever, and in logs. What counts as a secret: whatever stands before the ``@``, a parameter whose name says so
(``token``, ``X-Amz-Signature`` …), and one whose value is long and random.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

from fairway.shared.masking import MASK
from fairway.shared.names import Invalid
from fairway.shared.words import translate

_AUTHORITY = re.compile(
    r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^/?#\s@:]*)(?P<password>:[^/?#\s]*)?@(?=[^/?#\s@]*)"
)
_PARAMETER = re.compile(r"(?P<before>[?&#;](?P<name>[^=&#;?\s]+)=)(?P<value>[^&#;\s]+)")
_SECRET_NAME = re.compile(
    r"(?i)(?:^|[-_.])(?:\w*token|\w*secret|pass(?:word|wd|phrase)?|pwd|sig|signature|\w*key|auth|authorization|credentials?|jwt|code|sas|session\w*)$"
)
_RANDOM = re.compile(r"(?=[^\s]*[0-9])(?=[^\s]*[A-Z])(?=[^\s]*[a-z])[A-Za-z0-9+/_=.~%-]{20,}")
_NO_SECRET_USERS = frozenset({"git", "ssh", "deploy", "root"})


def secrets_in(text: str) -> Iterator[str]:
    """Every secret that the addresses in a text carry, as it stands and decoded."""
    for found in _AUTHORITY.finditer(text):
        if found["password"]:
            yield from _both(found["password"][1:]) if found["password"][1:] != MASK else ()
        elif _is_secret_user(found):
            yield from _both(found["user"])
    for found in _PARAMETER.finditer(text):
        if _is_secret(found):
            yield from _both(found["value"])


def without_secrets(text: str) -> str:
    """The text with each of them masked; the names stay."""
    clean = _AUTHORITY.sub(_shown_authority, text)
    return _PARAMETER.sub(lambda found: found["before"] + (MASK if _is_secret(found) else found["value"]), clean)


def refuse_secrets(text: str, *, field: str, advice: str) -> None:
    """Raises `Invalid`, never repeating what was found. `advice` says where it belongs."""
    if any(found["password"] or _is_secret_user(found) for found in _AUTHORITY.finditer(text)):
        raise Invalid(
            field, "holds a user name or a password; everybody could read it here. {advice}", advice=translate(advice)
        )
    for found in _PARAMETER.finditer(text):
        if _is_secret(found):
            raise Invalid(
                field,
                "holds a secret (“{name}=…”); everybody could read it here. {advice}",
                name=found["name"][:40],
                advice=translate(advice),
            )


def is_secret(name: str, value: str) -> bool:
    """Whether a setting of this name and value is to be kept from logs."""
    return bool(_SECRET_NAME.search(name) or _RANDOM.fullmatch(value))


def shown(value: Any) -> Any:
    """A text, or facts as JSON has them, as they may be shown."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, Mapping):
        return {name: shown(part) for name, part in value.items()}
    return [shown(part) for part in value] if isinstance(value, list) else value


def _is_secret(found: re.Match[str]) -> bool:
    if found["value"] == MASK:
        return False
    return is_secret(unquote_plus(found["name"]), found["value"])


def _is_secret_user(found: re.Match[str]) -> bool:
    """A token may stand alone, in the user's place; over ssh it is only a name."""
    is_ssh = found["before"].lower() in {"ssh://", "git+ssh://"}
    return bool(found["user"]) and not is_ssh and found["user"] not in _NO_SECRET_USERS | {MASK}


def _shown_authority(found: re.Match[str]) -> str:
    if found["password"]:
        return f"{found['before']}{found['user']}:{MASK}@"
    return f"{found['before']}{MASK}@" if _is_secret_user(found) else found[0]


def _both(text: str) -> Iterator[str]:
    yield from dict.fromkeys([text, unquote(text), unquote_plus(text)])
