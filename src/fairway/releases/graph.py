"""The dependency graph of one release: cycles, levels, descendants. Pure; a node is anything hashable.

`needs` maps each node to the nodes it needs; every needed node is a key, too.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)
Needs = Mapping[Node, frozenset[Node]]


def needs_of(nodes: Iterable[Node], edges: Iterable[tuple[Node, Node]]) -> dict[Node, frozenset[Node]]:
    """The map for these nodes and edges (node, needed node); edges to or from other nodes are dropped."""
    found: dict[Node, set[Node]] = {node: set() for node in nodes}
    for one, needed in edges:
        if one in found and needed in found:
            found[one].add(needed)
    return {node: frozenset(needed) for node, needed in found.items()}


def path_between(start: Node, goal: Node, needs: Needs[Node]) -> list[Node]:
    """A shortest path of needs from `start` to `goal`, both included; empty if there is none."""
    came_from: dict[Node, Node | None] = {start: None}
    frontier = [start]
    while frontier:
        following = []
        for node in frontier:
            if node == goal:
                return _walked(node, came_from)
            for needed in sorted(needs.get(node, frozenset()), key=str):
                if needed not in came_from:
                    came_from[needed] = node
                    following.append(needed)
        frontier = following
    return []


def _walked(node: Node, came_from: Mapping[Node, Node | None]) -> list[Node]:
    path, at = [], node
    while True:
        path.append(at)
        before = came_from[at]
        if before is None:
            return path[::-1]
        at = before


def cycle_closed_by(node: Node, needed: Node, needs: Needs[Node]) -> list[Node]:
    """The cycle that “`node` needs `needed`” would close, beginning and ending with `node`; empty if it closes none."""
    back = path_between(needed, node, needs)
    return [node, *back] if back else []


def levels(needs: Needs[Node]) -> dict[Node, int]:
    """The level of each node: 0 if it needs nothing, else one more than the highest level it needs.

    Raises ValueError for a cycle; callers prevent cycles with `cycle_closed_by`.
    """
    found: dict[Node, int] = {}
    left = dict(needs)
    while left:
        ready = [node for node, needed in left.items() if needed <= found.keys()]
        if not ready:
            raise ValueError(f"a cycle among {sorted(map(str, left))}")
        found |= {node: 1 + max((found[one] for one in left[node]), default=-1) for node in ready}
        for node in ready:
            del left[node]
    return found


def descendants(nodes: Iterable[Node], needs: Needs[Node]) -> set[Node]:
    """The nodes that need one of these, directly or indirectly, without these."""
    needed_by: dict[Node, set[Node]] = {}
    for one, needed in needs.items():
        for other in needed:
            needed_by.setdefault(other, set()).add(one)
    return _reached(nodes, needed_by)


def ancestors(nodes: Iterable[Node], needs: Needs[Node]) -> set[Node]:
    """The nodes that one of these needs, directly or indirectly, without these."""
    return _reached(nodes, needs)


def _reached(nodes: Iterable[Node], edges: Mapping[Node, Iterable[Node]]) -> set[Node]:
    begun = list(nodes)
    found: set[Node] = set()
    frontier: Sequence[Node] = begun
    while frontier:
        following = [other for node in frontier for other in edges.get(node, ()) if other not in found]
        found.update(following)
        frontier = following
    return found - set(begun)
