"""Brings host names (of sites and registries) into one canonical spelling, so that they can be compared.

Upper case, a trailing dot, full-width letters, an umlaut or its ``xn--`` form, a port: all of them name the same host.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
LONGEST = 253
DOCKER_HUB = "docker.io"
_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_IN_ADDRESS = re.compile(r"(?P<before>(?:[a-z]+://)?\.?)(?P<host>[^/:]+)(?P<after>(?::[0-9]+)?(?:/.*)?)")
_PUNYCODE = re.compile(r"\bxn--[a-z0-9-]+")
_USUAL_MIXES = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA"},
    {"LATIN", "CJK", "HANGUL"},
    {"LATIN", "CJK", "BOPOMOFO"},
)
_SAME_SCRIPT = {"IDEOGRAPHIC": "CJK", "KATAKANA-HIRAGANA": "KATAKANA", "FULLWIDTH": "LATIN", "HALFWIDTH": "KATAKANA"}
_PORT = re.compile(r":[0-9]*$")


class NotAHostname(ValueError):
    """The text is not a DNS name in any spelling."""


class IsAnAddress(NotAHostname):
    """The text is an IP address in some spelling (``127.1``, ``0x7f000001``), where a name is needed."""


def canonical_hostname(text: str) -> str:
    """The canonical spelling of a DNS host name: lower case, ASCII (``xn--…``), no trailing dot.

    Raises `NotAHostname`, or `IsAnAddress` for what programs would read as a number (WHATWG URL, "ends in a number").
    """
    host = _ascii(text.strip()).lower().removesuffix(".")
    labels = host.split(".")
    if not host or len(host) > LONGEST or not all(_LABEL.fullmatch(label) for label in labels):
        raise NotAHostname(text)
    if _NUMBER.fullmatch(labels[-1]):
        raise IsAnAddress(text)
    return host


def ascii_host_address(text: str) -> str:
    """A setting that is a host name or a URL, with its host name in ASCII: ``https://münchen.example:8443`` →
    ``https://xn--mnchen-3ya.example:8443``. Text that is ASCII already, or has no host name, is returned unchanged."""
    if text.isascii():
        return text
    found = _IN_ADDRESS.fullmatch(text.strip())
    host = hostname_in(found["host"]) if found else ""
    return f"{found['before']}{host}{found['after']}" if found and host else text


def readable_hostname(text: str) -> str:
    """A text (a host name, a URL, a sentence) with its host names as people write them: ``xn--mnchen-3ya`` → ``münchen``."""
    return _PUNYCODE.sub(lambda found: _readable(found[0]), text) if "xn--" in text else text


def mixed_scripts(host: str) -> tuple[str, str] | None:
    """Two scripts with letters that look alike (Latin and Cyrillic) and are mixed in one label; None if there are none.

    Han with Japanese or Korean, and Latin with either, are usual and allowed (UTS 39, “highly restrictive”).
    """
    for label in readable_hostname(host).split("."):
        scripts = {script for letter in label if (script := _script(letter))}
        if len(scripts) > 1 and not any(scripts <= mix for mix in _USUAL_MIXES):
            first, second = sorted(scripts)[:2]
            return first.capitalize(), second.capitalize()
    return None


def hostname_in(authority: str) -> str:
    """The canonical host name in ``host`` or ``host:port``; "" if there is none, or an IP address instead."""
    try:
        return canonical_hostname(_PORT.sub("", authority.strip()))
    except NotAHostname:
        return ""


def is_same_or_below(host: str, domains: Iterable[str]) -> bool:
    """Whether a canonical host name is one of these canonical domains or a subdomain of one."""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def registry_in(authority: str) -> str:
    """A registry's ``host[:port]`` in canonical spelling: one name for Docker Hub, and no port if it is 443."""
    name = authority.strip().lower().removesuffix(":443")
    host, colon, port = name.rpartition(":") if _PORT.search(name) else (name, "", "")
    known = (hostname_in(host) or host) + colon + port
    return DOCKER_HUB if known in _HUB_NAMES else known


def _readable(label: str) -> str:
    import idna

    try:
        return idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label


def _script(letter: str) -> str:
    """The script of a letter, from the first word of its Unicode name; "" for characters that every script uses."""
    if not unicodedata.category(letter).startswith("L"):
        return ""
    first = unicodedata.name(letter, "").partition(" ")[0]
    return "" if first == "MODIFIER" else _SAME_SCRIPT.get(first, first)


def _ascii(text: str) -> str:
    """The name as a browser would look it up (UTS 46, IDNA 2008). Raises `NotAHostname`."""
    if text.isascii() and "xn--" not in text.lower():
        return text
    import idna  # loaded late: 1 MB of tables that few installations need

    try:
        return idna.encode(text, uts46=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise NotAHostname(text) from None
