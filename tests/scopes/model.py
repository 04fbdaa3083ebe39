"""What grants mean, said once more and in the plainest way: the tests compare everything Fairway shows with this."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations_with_replacement

APPLICATIONS = ("alpha", "beta")
ENVIRONMENTS = ("development", "production")
PAIRS = tuple((one, place) for one in APPLICATIONS for place in ENVIRONMENTS)

# (role, application, environment); None is every one.
Given = tuple[str, str | None, str | None]
Scope = tuple[str | None, str | None]

ROLES = ("admin", "release_manager", "deployer", "viewer")
SCOPES: tuple[Scope, ...] = tuple((one, place) for one in (None, *APPLICATIONS) for place in (None, *ENVIRONMENTS))

WHOLE = "whole"  # of the installation: nothing narrower reaches it


def holds(given: Given, application: str, environment: str) -> bool:
    """Whether one grant speaks of this application in this environment. Never two grants together."""
    _role, one, place = given
    return one in (None, application) and place in (None, environment)


def sees(grants: Iterable[Given], owner: object, roles: Iterable[str] = ROLES) -> bool:
    """Whether these grants show what belongs to `owner`.

    ``(a, e)``: an application in an environment. ``(a, "")``: an application, wherever. ``("", e)``: an environment.
    ``("only", …)`` of either: what happened to it as such. ``WHOLE``: the installation. ``[owner, …]``: something that tells
    of all of these at once. None: nobody in particular.
    """
    known = [one for one in grants if one[0] in roles]
    if owner is None:
        return bool(known)
    if owner == WHOLE:
        return any(one[1] is None and one[2] is None for one in known)
    if isinstance(owner, list):
        return all(sees(known, one) for one in owner)
    application, environment = owner  # type: ignore[misc]
    if application == "only":  # what was done to it as such is told to those who have it wherever it is
        one_of, in_one = environment
        return any(one[1] in (None, one_of or "") and one[2] in (None, in_one or "") for one in known)
    if application and environment:
        return any(holds(one, application, environment) for one in known)
    if application:
        return any(one[1] in (None, application) for one in known)
    return any(one[2] in (None, environment) for one in known)


def pairs_of_scopes() -> list[tuple[Scope, Scope]]:
    """Two narrowed scopes at a time, one of each kind: the two applications, and the two environments, are alike; and a
    scope inside the other adds nothing, so that each is there once by itself."""
    narrowed = [one for one in SCOPES if one != (None, None)]
    found: dict[object, tuple[Scope, Scope]] = {}
    for pair in combinations_with_replacement(narrowed, 2):
        if pair[0] == pair[1] or not (_lies_in(*pair) or _lies_in(*reversed(pair))):
            found.setdefault(min(_mirrored(pair)), pair)
    return list(found.values())


def _lies_in(inner: Scope, outer: Scope) -> bool:
    return all(wide in (None, narrow) for narrow, wide in zip(inner, outer, strict=True))


def _mirrored(pair: tuple[Scope, Scope]) -> list[tuple[tuple[str, str], ...]]:
    other = {"alpha": "beta", "beta": "alpha", "development": "production", "production": "development"}
    swaps = [dict(zip(other, other, strict=True)), other]
    found = []
    for apps in swaps:
        for places in swaps:
            turned = [(apps.get(one or "", ""), places.get(place or "", "")) for one, place in pair]
            found.append(tuple(sorted(turned)))
    return found


# The pairs whose halves could be mixed up in every way there is.
TELLING = [
    pair
    for pair in pairs_of_scopes()
    if pair[0] != pair[1] and not (pair[0][0] == pair[1][0] is None or pair[0][1] == pair[1][1])
]
