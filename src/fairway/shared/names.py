"""Parses text from outside once, where it comes in, so that everything behind can rely on it.

Each `parse_*` returns the clean value or raises `Invalid`, which names the field, says what was wrong and what to do.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from pathlib import PurePosixPath

from fairway.shared.hostnames import (
    IsAnAddress,
    NotAHostname,
    canonical_hostname,
    mixed_scripts,
    readable_hostname,
    registry_in,
)
from fairway.shared.translation import translate

SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REF_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock(?:/|$)|^/|/$|\.$")
# Source: the grammar of the OCI distribution specification, "reference", tightened to lower-case host names.
_IMAGE = re.compile(
    r"(?P<name>(?:(?P<host>localhost|\[[0-9a-fA-F:]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?=[.:/]))(?P<hostport>:[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class Invalid(ValueError):
    """Bad input: `field` names the input; `sentence` says what was wrong and what to do, in the reader's language.

    `template` is the English sentence; its ``{names}`` are filled from `values`.
    """

    def __init__(self, field: str, template: str, **values: object) -> None:
        super().__init__(f"{field}: {template.format(**values) if values else template}")
        self.field = field
        self._template, self._values = template, values

    @property
    def sentence(self) -> str:
        return translate(self._template, **self._values)

    def about(self, field: str) -> Invalid:
        """The same about another input."""
        return Invalid(field, self._template, **self._values)


def parse_slug(text: str, *, field: str = "slug", longest: int = 40) -> str:
    """A name that is safe in host names, paths and container names: ``a-z``, ``0-9`` and single hyphens."""
    if not text:
        raise Invalid(field, "is empty; use lower-case letters, digits and hyphens, e.g. “my-app”.")
    if unicodedata.normalize("NFKC", text) != text or not text.isascii():
        raise Invalid(field, "has letters outside a–z (some look alike); use plain a–z, 0–9 and hyphens.")
    if len(text) > longest:
        raise Invalid(field, "is {count} characters long; use at most {longest}.", count=len(text), longest=longest)
    if not SLUG.fullmatch(text):
        raise Invalid(field, "must start with a letter and use only a–z, 0–9 and single hyphens, e.g. “my-app”.")
    return text


LONGEST_APPLICATION = 60  # characters of an application's slug with the request of a preview before it: a person gives 40
PREVIEW = re.compile(r"(?:pr|mr)-[1-9][0-9]{0,8}--")


def application_of(slug: str) -> str:
    """The slug of the application that this one belongs to: ``pr-12--shop``, a preview, belongs to ``shop``; every other one
    to itself. No person can give a slug with two hyphens in a row (`parse_slug`)."""
    found = PREVIEW.match(slug)
    return slug[found.end() :] if found else slug


def slug_from(text: str, *, longest: int = 40) -> str:
    """The nearest slug to any name ("Café Münster!" → ``cafe-munster``); ``app`` if no letter or digit is left."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")
    if not slug:
        return "app"
    if not slug[0].isalpha():
        slug = f"app-{slug}"
    return slug[:longest].rstrip("-")


def parse_hostname(text: str, *, field: str = "host") -> str:
    """A DNS host name in its canonical spelling (`canonical_hostname`). Refuses addresses, wildcards, ports and paths."""
    try:
        return canonical_hostname(text)
    except IsAnAddress:
        raise Invalid(field, "is an address; a domain needs a name, e.g. “shop.example.com”.") from None
    except NotAHostname:
        raise Invalid(
            field, "is not a host name; write something like “shop.example.com”, without http:// or a path."
        ) from None


def parse_domain(text: str, *, field: str = "host") -> str:
    """A host name under which an application is to be served, in its canonical spelling. Refuses what `parse_hostname` does,
    and names that mix letters of two scripts that look alike."""
    host = parse_hostname(text, field=field)
    if found := mixed_scripts(host):
        raise Invalid(
            field,
            "“{host}” mixes {first} and {second} letters, which look alike; write each part of it in one script.",
            host=readable_hostname(host),
            first=found[0],
            second=found[1],
        )
    return host


def parse_git_ref(text: str, *, field: str = "ref") -> str:
    """A branch, tag or commit. Source: git-check-ref-format(1); a leading ``-`` would be read as an option."""
    ref = text.strip()
    if not ref:
        raise Invalid(field, "is empty; name a branch, a tag or a commit.")
    if ref.startswith("-"):
        raise Invalid(field, "starts with “-”; name a branch, a tag or a commit.")
    if len(ref) > 250 or _REF_FORBIDDEN.search(ref):
        raise Invalid(field, "is not a valid Git reference; name a branch, a tag or a commit.")
    return ref


def parse_image(text: str, *, field: str = "image") -> str:
    """An OCI image reference: ``[host[:port]/]name[:tag][@sha256:…]``, as written."""
    reference = text.strip()
    if not reference or len(reference) > 400 or not _IMAGE.fullmatch(reference):
        raise Invalid(field, "is not an image reference; write it like “registry.example.com/team/app:1.2”.")
    return reference


def image_repository(reference: str) -> str:
    """An image reference without its tag and digest: ``host:5000/team/app:1@sha256:…`` → ``host:5000/team/app``."""
    path, slash, last = reference.partition("@")[0].rpartition("/")
    return f"{path}{slash}{last.partition(':')[0]}"


def image_host(reference: str) -> str:
    """The registry host of an image reference, ``docker.io`` where none is written."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first
    return "docker.io"


def registry_of(reference: str) -> str:
    """The registry of an image reference, in its canonical spelling (`registry_in`)."""
    return registry_in(image_host(reference))


def parse_variable(text: str, *, field: str = "name") -> str:
    """The name of an environment variable."""
    if not VARIABLE.fullmatch(text) or len(text) > 200:
        raise Invalid(
            field, "“{value}” is not a variable name; use letters, digits and “_”, e.g. DATABASE_URL.", value=text[:40]
        )
    return text


def parse_volume(text: str, *, field: str = "volumes") -> tuple[str, str]:
    """The two parts of a volume written as ``name: /target``; the rules of the spec check their content."""
    name, _, target = (part.strip() for part in text.partition(":"))
    if not name or not target:
        raise Invalid(
            field, "“{value}” is not a volume; write a name and a folder, e.g. “data: /data”.", value=text.strip()[:80]
        )
    return name, target


def is_archive_name(name: str) -> bool:
    """Whether a file name or a URL ends like an archive that Fairway can read, in any case (``APP.ZIP``)."""
    return name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2"))


def parse_relative_path(text: str, *, field: str = "path") -> PurePosixPath:
    """A path that stays inside its folder: no leading ``/``, no ``..``, no backslash, no NUL."""
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or "\\" in text or "\x00" in text:
        raise Invalid(field, "“{value}” points outside its folder; use a relative path without “..”.", value=text[:80])
    return path


def parse_port(value: object, *, field: str = "port") -> int:
    """A TCP port, 1–65535."""
    try:
        port = int(str(value))
    except ValueError:
        raise Invalid(field, "is not a number; give a TCP port between 1 and 65535.") from None
    if not 1 <= port <= 65535:
        raise Invalid(field, "is {port}; give a TCP port between 1 and 65535.", port=port)
    return port


OWN_NAMES = frozenset({"fairway", "system"})
EARLIEST_YEAR, LATEST_YEAR = 1970, 9000  # beyond, adding a time zone's offset may leave the range of `datetime`


def check_year(moment: date, *, field: str) -> None:
    """Raise `Invalid` for a day or time outside the years that every database can store in every time zone."""
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise Invalid(field, "must lie between the years {least} and {most}.", least=EARLIEST_YEAR, most=LATEST_YEAR)


_USERNAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,58}[a-zA-Z0-9])?")


def parse_username(text: str, *, field: str = "username") -> str:
    """A user name to sign in with. `OWN_NAMES` are refused: Fairway's own acts are recorded under them."""
    if not _USERNAME.fullmatch(text.strip()):
        raise Invalid(field, "use letters, digits, “.”, “_” and “-”, at most 60, e.g. “ada.lovelace”.")
    if text.strip().lower() in OWN_NAMES:
        raise Invalid(field, "“{name}” is Fairway's own; choose another.", name=text.strip())
    return text.strip()


def parse_text(text: str, *, field: str, longest: int, required: bool = False) -> str:
    """Free text, trimmed. Refuses NUL and more than `longest` characters."""
    clean = text.strip()
    if "\x00" in clean:
        raise Invalid(field, "holds a NUL character; remove it.")
    if len(clean) > longest:
        raise Invalid(field, "is {count} characters long; use at most {longest}.", count=len(clean), longest=longest)
    if required and not clean:
        raise Invalid(field, "is empty.")
    return clean
