"""Parses the address of a Git repository. Only known transports are accepted, nothing that git could take for an option,
and passwords are separated from the address that is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from fairway.shared.names import Invalid

_SCP = re.compile(r"(?:(?P<user>[A-Za-z0-9._][\w.+-]*)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>[^:\s\\-][^\s\\]*)")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\]|[0-9a-fA-F:]+")
_USER = re.compile(r"[A-Za-z0-9._][\w.+-]*")
_PORTS = {"https": 443, "ssh": 22}
EXAMPLE = "write e.g. https://github.com/team/app.git or git@github.com:team/app.git"


@dataclass(frozen=True)
class GitUrl:
    """The address of a repository. `clean` is the address without credentials; `username` and `password` are those of an
    https URL."""

    scheme: str
    host: str
    port: int
    clean: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.clean


def parse_git_url(text: str, *, allow_file: bool = False, field: str = "url") -> GitUrl:
    """Read an https, an ssh (``ssh://…`` or ``git@host:path``) or, with `allow_file`, a ``file://`` URL. Raises `Invalid`.

    Credentials in an https URL are separated from it, and no message repeats them.
    """
    url = text.strip()
    if not url or len(url) > 2000:
        raise Invalid(field, "is empty or too long; {example}.", example=EXAMPLE)
    if url.startswith("-") or "::" in url.partition("/")[0] or not url.isprintable() or " " in url:
        raise Invalid(field, "is not the address of a repository; {example}.", example=EXAMPLE)
    scheme, separator, _ = url.partition("://")
    if not separator:
        return _scp(url, field)
    if scheme == "file":
        return _file(url, allow_file, field)
    if scheme not in _PORTS:
        raise Invalid(
            field, "uses “{value}”, which Fairway does not fetch from; {example}.", value=scheme[:20], example=EXAMPLE
        )
    return _network(url, scheme, field)


def _scp(url: str, field: str) -> GitUrl:
    match = _SCP.fullmatch(url)
    if match is None:
        raise Invalid(field, "is not the address of a repository; {example}.", example=EXAMPLE)
    return GitUrl("ssh", match["host"], 22, url)  # kept as written, because its path may be relative to a home folder


def _file(url: str, allow_file: bool, field: str) -> GitUrl:
    if not allow_file:
        raise Invalid(
            field, "names a folder of this machine (file://), which is not allowed here; {example}.", example=EXAMPLE
        )
    parts = urlsplit(url)
    if parts.netloc or not parts.path.startswith("/") or "?" in url or "#" in url:
        raise Invalid(field, "must be file:// and an absolute path, e.g. file:///srv/git/app.git.")
    return GitUrl("file", "", 0, url)


def _network(url: str, scheme: str, field: str) -> GitUrl:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[scheme]
    except ValueError:
        raise Invalid(field, "has a wrong host or port; {example}.", example=EXAMPLE) from None
    host, user = parts.hostname or "", unquote(parts.username or "")
    if not _HOST.fullmatch(host) or parts.path in ("", "/") or parts.query or parts.fragment:
        raise Invalid(field, "needs a host and the path of a repository; {example}.", example=EXAMPLE)
    if scheme == "ssh" and (parts.password or (user and not _USER.fullmatch(user))):
        raise Invalid(field, "has a password or a wrong user name; ssh signs in with a deploy key.")
    shown = f"[{host}]" if ":" in host else host
    address = shown + (f":{port}" if port != _PORTS[scheme] else "")
    if scheme == "ssh":
        return GitUrl("ssh", host, port, f"ssh://{f'{user}@' if user else ''}{address}{parts.path}")
    path = quote(parts.path, safe="/%~+@:!$&'()*,;=-._")
    return GitUrl("https", host, port, f"https://{address}{path}", user, unquote(parts.password or ""))
