"""YAML with line numbers: a thin wrapper around PyYAML's nodes, so that every error can name its line and key."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import yaml

from fairway.shared.names import Invalid

LARGEST = 64 * 1024  # characters; files written by hand are far smaller
DEEPEST = 30  # nested lists and mappings; PyYAML's work grows with the square of the depth
MOST_VALUES = 5_000  # with aliases expanded: a few lines of aliases may stand for billions of values
_TEXT_TAGS = ("str", "int", "float", "bool")


@dataclass(frozen=True)
class Entry:
    """One ``key: value`` of a mapping."""

    key: str
    value: Item


@dataclass(frozen=True)
class Item:
    """One value of the file: its dotted `path` and its PyYAML node."""

    file: str
    path: str
    node: yaml.Node
    depth: int = 0

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    def is_null(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag.endswith(":null")

    def is_text(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag.rpartition(":")[2] in _TEXT_TAGS

    def is_sequence(self) -> bool:
        return isinstance(self.node, yaml.SequenceNode)

    def text(self) -> str:
        """The scalar as written. Raises `Invalid` for lists and mappings."""
        if not self.is_text():
            refuse(self, "must be one value")
        return str(self.node.value)

    def sequence(self) -> list[Item]:
        """The items of a list. Raises `Invalid` for anything else."""
        if not isinstance(self.node, yaml.SequenceNode):
            refuse(self, "must be a list")
        return [Item(self.file, f"{self.path}[{at}]", node, self.depth + 1) for at, node in enumerate(self.node.value)]

    def mapping(self) -> Item:
        """This item, checked to be a mapping. Raises `Invalid`."""
        if not isinstance(self.node, yaml.MappingNode):
            refuse(self, "must be a mapping (key: value)")
        return self

    @cached_property
    def entries(self) -> list[Entry]:
        """The pairs of a mapping, in order. Raises `Invalid` for repeated keys, merges and keys that are not text."""
        found: dict[str, Entry] = {}
        for key, value in self.mapping().node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            here = Item(self.file, self._below(str(name)), key, self.depth + 1)
            if not name or name == "<<":
                refuse(here, "has a key that Fairway does not read (merges are not supported); write it out")
            if name in found:
                refuse(here, "is written twice; keep one")
            found[name] = Entry(name, Item(self.file, self._below(name), value, self.depth + 1))
        return list(found.values())

    def get(self, key: str) -> Item | None:
        """The value of `key`; None if the mapping does not have it."""
        return next((entry.value for entry in self.entries if entry.key == key), None)

    def require(self, key: str) -> Item:
        found = self.get(key)
        return found if found is not None else refuse(self, f"needs the key “{key}”")

    def only(self, known: Collection[str], hints: Mapping[str, str] | None = None) -> None:
        """Raise `Invalid` for a key that is not in `known`, with its hint from `hints` if there is one."""
        for entry in self.entries:
            if entry.key not in known:
                hint = (hints or {}).get(entry.key) or f"known here are: {', '.join(known)}"
                refuse(entry.value, f"is not supported; {hint}")

    def _below(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


class _TooMuch(Exception):
    """A limit was passed at `line`."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _TooDeep(_TooMuch):
    pass


class _TooMany(_TooMuch):
    pass


class _BoundedLoader(yaml.SafeLoader):
    """A loader that stops at `DEEPEST` and `MOST_VALUES`, instead of working for minutes on a hostile file."""

    _seen = 0

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:
        super().fetch_flow_collection_start(TokenClass)
        self._refuse_depth()

    def add_indent(self, column: int) -> bool:
        is_deeper = bool(super().add_indent(column))
        self._refuse_depth()
        return is_deeper

    def _refuse_depth(self) -> None:
        if len(self.indents) + self.flow_level > DEEPEST:
            raise _TooDeep(self.line + 1)

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        self._seen += 1
        if self._seen > MOST_VALUES:
            raise _TooMany(self.line + 1)
        return super().compose_node(parent, index)


def _count_values(root: yaml.Node) -> None:
    """Raise `_TooMany` if the file has more than `MOST_VALUES` values with aliases expanded, or an alias contains itself.

    Each node is counted once, after the nodes inside it.
    """
    sizes: dict[int, int] = {}
    pending: list[tuple[yaml.Node, bool]] = [(root, False)]
    while pending:
        node, is_left = pending.pop()
        if not is_left and id(node) in sizes:
            continue
        if not is_left:
            sizes[id(node)] = MOST_VALUES  # until it is counted: a node that contains itself has infinitely many values
            pending.append((node, True))
            pending += [(inner, False) for inner in _inside(node)]
            continue
        sizes[id(node)] = 1 + sum(sizes[id(inner)] for inner in _inside(node))
        if sizes[id(node)] > MOST_VALUES:
            raise _TooMany(int(node.start_mark.line) + 1)


def _inside(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [inner for pair in node.value for inner in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def refuse(item: Item, sentence: str) -> NoReturn:
    """Raise `Invalid` for an item, naming its line and key."""
    where = f"“{item.path}” " if item.path else ""
    raise Invalid(f"{item.file}, line {item.line}", "{where}{sentence}.", where=where, sentence=sentence)


def root_of(text: str, file: str) -> Item:
    """The top mapping of a YAML text. Raises `Invalid`, with the line, for a syntax error or a passed limit."""
    if len(text) > LARGEST:
        raise Invalid(file, "is larger than {value} KiB; write less into one file.", value=LARGEST // 1024)
    try:
        node = yaml.compose(text, Loader=_BoundedLoader)
        if node is not None:
            _count_values(node)
    except _TooDeep as error:
        where = f"{file}, line {error.line}"
        raise Invalid(
            where, "nests lists or mappings more than {value} levels deep; reduce the nesting.", value=DEEPEST
        ) from error
    except _TooMany as error:
        where = f"{file}, line {error.line}"
        raise Invalid(
            where, "has more than {value} values once aliases are expanded; write less into one file.", value=MOST_VALUES
        ) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Invalid(f"{file}, line {line}", "is not valid YAML: {problem}.", problem=error.problem) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise Invalid(file, "is not valid YAML.") from error
    if node is None:
        raise Invalid(file, "is empty.")
    return Item(file, "", node).mapping()
