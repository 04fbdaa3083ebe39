"""Finds secrets in URLs, refuses them in input, and masks them in output.

What a person enters into a field that is not meant for secrets is visible to everybody who may see the thing, and stays in
events and logs. These count as secrets: the part before the ``@``, a parameter whose name says so (``token``,
``X-Amz-Signature`` …), and a parameter whose value is long and random.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

from fairway.shared.masking import MASK
from fairway.shared.names import Invalid
from fairway.shared.translation import translate

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
    """Every secret in the URLs of a text, as written and percent-decoded."""
    for found in _AUTHORITY.finditer(text):
        if found["password"]:
            yield from _spellings(found["password"][1:]) if found["password"][1:] != MASK else ()
        elif _is_secret_user(found):
            yield from _spellings(found["user"])
    for found in _PARAMETER.finditer(text):
        if _is_secret(found):
            yield from _spellings(found["value"])


def without_secrets(text: str) -> str:
    """The text with the secrets in its URLs masked; user and parameter names stay."""
    clean = _AUTHORITY.sub(_shown_authority, text)
    return _PARAMETER.sub(lambda found: found["before"] + (MASK if _is_secret(found) else found["value"]), clean)


def refuse_secrets(text: str, *, field: str, advice: str) -> None:
    """Raise `Invalid` if a URL in the text contains a secret; the error never repeats it. `advice` says where it belongs."""
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
    """Whether a setting with this name and value must be kept out of logs."""
    return bool(_SECRET_NAME.search(name) or _RANDOM.fullmatch(value))


def masked(value: Any) -> Any:
    """A text, or a JSON value with texts in it, with the secrets in its URLs masked."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, Mapping):
        return {name: masked(part) for name, part in value.items()}
    return [masked(part) for part in value] if isinstance(value, list) else value


def _is_secret(found: re.Match[str]) -> bool:
    if found["value"] == MASK:
        return False
    return is_secret(unquote_plus(found["name"]), found["value"])


def _is_secret_user(found: re.Match[str]) -> bool:
    """Whether the user part is a token, as in ``https://TOKEN@host``; in SSH URLs it is only a name."""
    is_ssh = found["before"].lower() in {"ssh://", "git+ssh://"}
    return bool(found["user"]) and not is_ssh and found["user"] not in _NO_SECRET_USERS | {MASK}


def _shown_authority(found: re.Match[str]) -> str:
    if found["password"]:
        return f"{found['before']}{found['user']}:{MASK}@"
    return f"{found['before']}{MASK}@" if _is_secret_user(found) else found[0]


def _spellings(text: str) -> Iterator[str]:
    yield from dict.fromkeys([text, unquote(text), unquote_plus(text)])
