"""What a host name means: one spelling for all of them, so that names can be compared.

Upper case, a trailing dot, full-width letters, an umlaut and its ``xn--`` form, the port behind it: all the same host.
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
_TOGETHER = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA"},
    {"LATIN", "CJK", "HANGUL"},
    {"LATIN", "CJK", "BOPOMOFO"},
)
_SAME_SCRIPT = {"IDEOGRAPHIC": "CJK", "KATAKANA-HIRAGANA": "KATAKANA", "FULLWIDTH": "LATIN", "HALFWIDTH": "KATAKANA"}
_PORT = re.compile(r":[0-9]*$")


class NotAHost(ValueError):
    """Neither a DNS name nor anything that means one."""


class IsAnAddress(NotAHost):
    """A number, in one of its spellings (``127.1``, ``0x7f000001``), where a name was wanted."""


def canonical_host(text: str) -> str:
    """The one spelling of a DNS host name: lower case, ASCII (``xn--…``), no trailing dot, no port.

    Raises `NotAHost`, or `IsAnAddress` for what programs would read as a number (WHATWG URL, "ends in a number").
    """
    host = _ascii(text.strip()).lower().removesuffix(".")
    labels = host.split(".")
    if not host or len(host) > LONGEST or not all(_LABEL.fullmatch(label) for label in labels):
        raise NotAHost(text)
    if _NUMBER.fullmatch(labels[-1]):
        raise IsAnAddress(text)
    return host


def ascii_address(text: str) -> str:
    """A setting that names a host, or an address with one, in the form that computers use: ``https://münchen.example:8443``
    → ``https://xn--mnchen-3ya.example:8443``. What is ASCII already, or means no host, stays as it is."""
    if text.isascii():
        return text
    found = _IN_ADDRESS.fullmatch(text.strip())
    host = host_in(found["host"]) if found else ""
    return f"{found['before']}{host}{found['after']}" if found and host else text


def shown_host(text: str) -> str:
    """A host, or a text with hosts in it (an address, a sentence), as people write: ``xn--mnchen-3ya`` → ``münchen``."""
    return _PUNYCODE.sub(lambda found: _readable(found[0]), text) if "xn--" in text else text


def mixed_scripts(host: str) -> tuple[str, str] | None:
    """Two scripts whose letters stand in one label of a host and look alike (Latin and Cyrillic); None for an honest name.

    Han with Japanese or Korean writing, and Latin beside either, are usual (UTS 39, “highly restrictive”).
    """
    for label in shown_host(host).split("."):
        scripts = {script for letter in label if (script := _script(letter))}
        if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
            first, second = sorted(scripts)[:2]
            return first.capitalize(), second.capitalize()
    return None


def host_in(authority: str) -> str:
    """The host of ``host`` or ``host:port`` in its one spelling; "" where there is none, or an address."""
    try:
        return canonical_host(_PORT.sub("", authority.strip()))
    except NotAHost:
        return ""


def is_same_or_below(host: str, domains: Iterable[str]) -> bool:
    """Whether a canonical host is one of these canonical domains or lies below one."""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def registry_in(authority: str) -> str:
    """A registry's ``host[:port]`` in one spelling: Docker Fanout under its one name, https' port left out."""
    name = authority.strip().lower().removesuffix(":443")
    host, colon, port = name.rpartition(":") if _PORT.search(name) else (name, "", "")
    known = (host_in(host) or host) + colon + port
    return DOCKER_HUB if known in _HUB_NAMES else known


def _readable(label: str) -> str:
    import idna

    try:
        return idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label


def _script(letter: str) -> str:
    """The script of a letter by the first word of its Unicode name; "" for what every script uses."""
    if not unicodedata.category(letter).startswith("L"):
        return ""
    first = unicodedata.name(letter, "").partition(" ")[0]
    return "" if first == "MODIFIER" else _SAME_SCRIPT.get(first, first)


def _ascii(text: str) -> str:
    """As a browser would ask for it (UTS 46, IDNA 2008). Raises `NotAHost`."""
    if text.isascii() and "xn--" not in text.lower():
        return text
    import idna  # 1 MB of tables that few installations ever need

    try:
        return idna.encode(text, uts46=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise NotAHost(text) from None
