"""Reads environment variables. One that makes no sense stops the start with a sentence that names it.

Each raises `django.core.exceptions.ImproperlyConfigured`.
"""

from __future__ import annotations

import ipaddress
import math
import os
from collections.abc import Collection

from django.core.exceptions import ImproperlyConfigured

MOST = 1e12


def number(name: str, usual: float, *, least: float = 0.0, most: float = MOST) -> float:
    """A number from `least` to `most`; `usual` if the variable is not set."""
    given = os.environ.get(name, "").strip()
    if not given:
        return usual
    try:
        found = float(given)
    except ValueError:
        found = math.nan
    if not least <= found <= most:
        raise ImproperlyConfigured(f"{name} is “{given[:80]}”; it must be a number {_between(least, most)}.")
    return found


def whole(name: str, usual: int, *, least: int = 0, most: int = int(MOST)) -> int:
    """A whole number from `least` to `most`; `usual` if the variable is not set."""
    given = os.environ.get(name, "").strip()
    if not given:
        return usual
    if not (given.isascii() and given.isdigit() and least <= int(given) <= most):
        raise ImproperlyConfigured(f"{name} is “{given[:80]}”; it must be a whole number {_between(least, most)}.")
    return int(given)


def chosen(name: str, usual: str, known: Collection[str]) -> str:
    """One of the `known` words; `usual` if the variable is not set."""
    given = os.environ.get(name, "").strip() or usual
    if given not in known:
        raise ImproperlyConfigured(f"{name} is “{given[:80]}”; it must be one of {', '.join(known)}.")
    return given


def networks(name: str) -> list[str]:
    """Addresses or networks, separated by commas; none if the variable is not set."""
    given = [one.strip() for one in os.environ.get(name, "").split(",") if one.strip()]
    for one in given:
        try:
            ipaddress.ip_network(one, strict=False)
        except ValueError:
            raise ImproperlyConfigured(f"{name} names “{one[:80]}”, which is neither an address nor a network.") from None
    return given


def _between(least: float, most: float) -> str:
    return f"of at least {least:g}" if most == MOST else f"from {least:g} to {most:g}"
