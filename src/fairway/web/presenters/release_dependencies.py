"""What needs what in a release: the drawing, the list, the form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.urls import reverse

from fairway.accounts.rules import Act, Actor, may
from fairway.releases import queries
from fairway.releases.commands.guards import closed_to_changes
from fairway.releases.graph import levels
from fairway.releases.models import Package, Release
from fairway.releases.target_state import TargetState, needs_in, target_state_seen
from fairway.shared.urls import without_secrets
from fairway.web.errors import shown
from fairway.web.failure_words import in_words
from fairway.web.presenters.release_graph import Node, graph_shown
from fairway.web.presenters.releases import head_shown


def dependencies_shown(
    actor: Actor, release: Release, target: str, typed: Mapping[str, str], errors: Mapping[str, str]
) -> dict[str, Any]:
    """The whole context of ``releases/dependencies.html``; `target` is the slug whose states are drawn."""
    targets = queries.targets_seen(release, actor)
    chosen = next((one for one in targets if one.slug == target), targets[-1] if targets else None)
    state = target_state_seen(release, chosen, actor) if chosen else None
    packages = queries.packages_seen(release, actor)
    needs = needs_in(packages)
    closed = shown(closed_to_changes(release))
    return {
        **head_shown(actor, release),
        "here": reverse("release-dependencies", args=[release.pk]),
        "targets": [{"slug": one.slug, "name": one.name, "is_current": one == chosen} for one in targets],
        "graph": _graph(release, packages, needs, state),
        "dependencies": _lines(actor, release, packages, needs, is_closed=bool(closed)),
        "depend": _form(actor, release, packages, typed, errors),
        "closed": closed if may(actor, Act.DEPEND) else [],
    }


def _graph(
    release: Release, packages: Sequence[Package], needs: Mapping[int, frozenset[int]], state: TargetState | None
) -> dict[str, Any]:
    names = {one.pk: one.name for one in packages}
    address = reverse("release-dependencies", args=[release.pk])
    nodes = [
        Node(
            one.name,
            state.shown(one) if state and one in state.seen else one.stage,
            note=one.version or without_secrets(one.source_input),
            sentence=in_words(one.sentence),
            url=f"{address}?package={one.pk}#depend",
        )
        for one in packages
    ]
    return graph_shown(nodes, {names[one]: [names[other] for other in some] for one, some in needs.items()})


def _lines(
    actor: Actor,
    release: Release,
    packages: Sequence[Package],
    needs: Mapping[int, frozenset[int]],
    *,
    is_closed: bool,
) -> list[dict[str, Any]]:
    names, level = {one.pk: one.name for one in packages}, levels(needs)
    return [
        {
            "id": one.pk,
            "name": one.name,
            "level": level[one.pk] + 1,
            "needs": [
                _needed(actor, release, one, number, names[number], is_closed=is_closed)
                for number in _by_name(needs[one.pk], names)
            ],
            "needed_by": sorted(names[other] for other, some in needs.items() if one.pk in some),
        }
        for one in sorted(packages, key=lambda each: (level[each.pk], each.name))
    ]


def _by_name(numbers: Iterable[int], names: Mapping[int, str]) -> list[int]:
    return sorted(numbers, key=lambda number: names[number])


def _needed(actor: Actor, release: Release, package: Package, number: int, name: str, *, is_closed: bool) -> dict[str, Any]:
    url = reverse("dependency-remove", args=[release.pk, package.pk, number])
    is_allowed = not is_closed and may(actor, Act.DEPEND, application=package.application.slug)
    return {"id": number, "name": name, "remove": {"url": url} if is_allowed else None}


def _form(
    actor: Actor, release: Release, packages: Sequence[Package], typed: Mapping[str, str], errors: Mapping[str, str]
) -> dict[str, Any] | None:
    if not may(actor, Act.DEPEND) or (len(packages) < 2 and not errors):
        return None
    chosen = [one for one in packages if may(actor, Act.DEPEND, application=one.application.slug)]
    return {
        "url": reverse("dependency-add", args=[release.pk]),
        "packages": [{"id": str(one.pk), "name": one.name} for one in chosen],
        "needable": [{"id": str(one.pk), "name": one.name} for one in packages],
        "package": typed.get("package", ""),
        "needs": typed.get("needs", ""),
        "errors": errors,
    }
