"""Rules for sources and configurations, and the difference between two configurations. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import urlsplit

from fairway.shared.hostnames import registry_in
from fairway.shared.names import Invalid, parse_git_ref, parse_image, parse_relative_path, parse_variable
from fairway.shared.urls import refuse_secrets

LONGEST_VALUE = 64 * 1024  # bytes; Linux allows 128 KiB for one variable (MAX_ARG_STRLEN in linux/binfmts.h)
LONGEST_IN_ALL = 512 * 1024  # bytes of names and values; Linux gives a program at least 2 MiB for these and its arguments
MOST_VARIABLES = 500
RESERVED = frozenset({"PORT", "HOST"})  # set by the runtime, so a person's value would be ignored


NO_ARCHIVE_SECRETS = "Download the file and upload it, or use a Git repository with a deploy key, stored under Settings."
NO_GIT_SECRETS = "Store the token under Settings, as a credential for Git over HTTPS."


class EnvironmentLike(Protocol):
    """The part of an environment that configurations need; this room must not import the room of environments."""

    pk: int
    slug: str
    name: str


class SourceKind(StrEnum):
    IMAGE = "image"
    GIT = "git"
    ARCHIVE = "archive"


def parse_source(kind: str, source: Mapping[str, Any]) -> dict[str, str]:
    """The parsed source. Raises `Invalid`, which names the field.

    image: ``{"image"}`` · git: ``{"url", "ref", "folder"}`` · archive: ``{"upload": sha256, "folder"}`` or ``{"url",
    "checksum", "folder"}``.
    """
    values = {name: str(value).strip() for name, value in source.items() if value not in (None, "")}
    if kind == SourceKind.IMAGE:
        return {"image": parse_image(values.get("image", "")), **_credential(values)}
    if kind == SourceKind.GIT:
        return {
            "url": parse_git_url(values.get("url", "")),
            "ref": parse_git_ref(values.get("ref", "HEAD")),
            **_folder(values),
            **_credential(values),
        }
    if kind == SourceKind.ARCHIVE:
        return _parse_archive(values)
    raise Invalid("source", "“{value}” is not a kind of source; use image, git or archive.", value=kind[:40])


def _credential(values: Mapping[str, str]) -> dict[str, str]:
    return {"credential": values["credential"]} if values.get("credential") else {}


def _folder(values: Mapping[str, str]) -> dict[str, str]:
    folder = values.get("folder", "").strip("/")
    return {"folder": str(parse_relative_path(folder, field="folder"))} if folder not in ("", ".") else {}


def _parse_archive(values: Mapping[str, str]) -> dict[str, str]:
    if upload := values.get("upload"):
        name = {"name": values["name"][:200]} if "name" in values else {}
        return {"upload": _parse_checksum(upload, "upload"), **name, **_folder(values)}
    url = values.get("url", "")
    refuse_secrets(url, field="url", advice=NO_ARCHIVE_SECRETS)
    if urlsplit(url).scheme != "https":
        raise Invalid("url", "must be an https:// address of a .zip, .tar or .tar.gz file.")
    return {"url": url, "checksum": _parse_checksum(values.get("checksum", ""), "checksum"), **_folder(values)}


def _parse_checksum(text: str, field: str) -> str:
    checksum = text.removeprefix("sha256:").lower()
    if len(checksum) != 64 or set(checksum) - set("0123456789abcdef"):
        raise Invalid(field, "must be a SHA-256 checksum: 64 hexadecimal digits.")
    return checksum


def parse_git_url(text: str) -> str:
    """https://, ssh://, ``git@host:path`` or (where policy allows, checked at use) file://. No credentials inside."""
    url = text.strip()
    if (
        not url
        or url.startswith("-")
        or any(character.isspace() or ord(character) < 32 for character in url)
        or len(url) > 500
    ):
        raise Invalid("url", "is not a repository address; write https://… or git@host:owner/name.git.")
    if "://" not in url:
        user_host, colon, path = url.partition(":")
        if colon and path and "@" in user_host and not path.startswith("-"):
            return url
        raise Invalid("url", "is not a repository address; write https://… or git@host:owner/name.git.")
    parts = urlsplit(url)
    if parts.scheme not in {"https", "ssh", "file"}:
        raise Invalid("url", "uses {scheme}://; use https://, ssh:// or git@host:path.", scheme=parts.scheme)
    if parts.password or (parts.scheme == "https" and parts.username):
        raise Invalid("url", "holds credentials; remove them and store a credential under Settings instead.")
    refuse_secrets(url, field="url", advice=NO_GIT_SECRETS)
    if parts.scheme != "file" and (not parts.hostname or parts.hostname.startswith("-")):
        raise Invalid("url", "has no host.")
    return url


def ssh_host(url: str) -> str:
    """The host name in an SSH URL, for which a deploy key is used; "" for https and file."""
    if "://" in url:
        parts = urlsplit(url)
        return registry_in(parts.hostname or "") if parts.scheme == "ssh" else ""
    return registry_in(url.partition(":")[0].rpartition("@")[2])


def https_host(url: str) -> str:
    """The host (with its port, unless that is 443) in an HTTPS URL, for which a token is used; "" for ssh and file."""
    parts = urlsplit(url)
    return registry_in(parts.netloc.rpartition("@")[2]) if parts.scheme == "https" else ""


def parse_variables(values: Mapping[str, Any], *, field: str = "variables") -> dict[str, str]:
    """The variables with values as text. Raises `Invalid` for a bad or reserved name, a NUL character, or too long
    values."""
    if len(values) > MOST_VARIABLES:
        raise Invalid(
            field, "holds {count} entries; use at most {most_variables}.", count=len(values), most_variables=MOST_VARIABLES
        )
    clean: dict[str, str] = {}
    in_all = 0
    for name, value in values.items():
        parse_variable(name, field=field)
        if name in RESERVED or name.startswith("FAIRWAY_"):
            raise Invalid(field, "“{name}” is set by Fairway itself; choose another name.", name=name)
        if not isinstance(value, str | int | float) or "\x00" in str(value):
            raise Invalid(field, "the value of {name} must be text without NUL characters.", name=name)
        size = _size(str(value))
        if size is None:
            raise Invalid(
                field,
                "the value of {name} contains half a character (a lone surrogate), which no program can receive.",
                name=name,
            )
        if size > LONGEST_VALUE:
            raise Invalid(
                field,
                "the value of {name} has {size} bytes; at most {longest_value} are allowed. Use a file or a volume.",
                name=name,
                size=size,
                longest_value=LONGEST_VALUE,
            )
        in_all += len(name) + size
        clean[name] = str(value)
    if in_all > LONGEST_IN_ALL:
        raise Invalid(
            field,
            "have {size} bytes in total; at most {most} are allowed. Use a file or a volume.",
            size=in_all,
            most=LONGEST_IN_ALL,
        )
    return clean


def _size(text: str) -> int | None:
    """The size of a text in UTF-8 bytes; None if it cannot be encoded (it has a lone surrogate)."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return None


@dataclass(frozen=True)
class Change:
    """One line of a configuration diff. It never has a secret's values, only that it was added, changed or removed."""

    name: str
    kind: str  # "added", "changed", "removed"
    is_secret: bool
    before: str = ""
    after: str = ""


def configuration_diff(
    before_variables: Mapping[str, str],
    before_marks: Mapping[str, str],
    after_variables: Mapping[str, str],
    after_marks: Mapping[str, str],
) -> list[Change]:
    """The differences between two versions; secrets are compared by their irreversible marks."""
    plain = _differences(before_variables, after_variables, is_secret=False)
    secret = _differences(before_marks, after_marks, is_secret=True)
    return sorted(plain + secret, key=lambda change: (change.name, change.is_secret))


def _differences(before: Mapping[str, str], after: Mapping[str, str], *, is_secret: bool) -> list[Change]:
    found = []
    for name in before.keys() | after.keys():
        if before.get(name) == after.get(name):
            continue
        kind = "added" if name not in before else "removed" if name not in after else "changed"
        shown = ("", "") if is_secret else (before.get(name, ""), after.get(name, ""))
        found.append(Change(name, kind, is_secret, *shown))
    return found


def missing_names(required: tuple[str, ...], *given: Mapping[str, Any]) -> list[str]:
    """The required variables that are not set (an empty value counts as not set)."""
    return [name for name in required if not any(values.get(name) for values in given)]
