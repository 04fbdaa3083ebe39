"""Parses what a person enters as a package's version or URL. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from fairway.shared.names import Invalid, is_archive_name

LONGEST = 1000
BUILT = "version"  # the kind of an existing version; all others are kinds of sources
_OWN = r"#\d{1,9}|sha256:[0-9a-f]{64}|v?\d[^\s/:@]*"
_VERSION = re.compile(rf"(?P<application>[a-z0-9][a-z0-9-]*)\s+(?P<version>\S.*)|(?P<own>{_OWN})")


def parse_source_input(text: str, *, field: str = "source") -> tuple[str, dict[str, str]]:
    """The kind and content of a source, for `applications.rules.parse_source` to check.

    Accepts an image reference (``registry/app:1.2``), a Git URL with an optional ref (``https://…/app.git#v1.2``), an
    archive with its checksum (``https://…/app.tar.gz#sha256:…``), or an existing version, of kind `BUILT`: ``1.2``,
    ``#17`` (its number) or ``sha256:…`` (its digest), after the name of its application if that is not the package's
    (``shop-api 1.2``). Raises `Invalid` for anything else.
    """
    given = text.strip()
    if not given:
        raise Invalid(field, "is empty; give an image reference, a Git address or an archive's address with its checksum.")
    if len(given) > LONGEST:
        raise Invalid(field, "is {count} characters long; use at most {longest}.", count=len(given), longest=LONGEST)
    if found := _VERSION.fullmatch(given):
        return BUILT, {"application": found["application"] or "", "version": found["version"] or found["own"]}
    address, _, fragment = given.partition("#")
    path = urlsplit(address).path if "://" in address else ""
    if is_archive_name(path) or fragment.startswith("sha256:"):
        return "archive", {"url": address, "checksum": fragment}
    if "://" in address or _is_scp_like(address):
        return "git", {"url": address, "ref": fragment or "HEAD"}
    return "image", {"image": given}


def _is_scp_like(address: str) -> bool:
    """Whether it is like ``git@host:owner/name.git``, unlike an image's ``host:port/name`` or ``name@sha256:…``."""
    before, colon, _ = address.partition(":")
    return bool(colon) and "@" in before and "/" not in before.partition("@")[0] and not before.endswith("@sha256")
