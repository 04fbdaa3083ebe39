"""Splits the output of a failed program into exceptions and single lines. Pure.

Each stream is read on its own: a line of stdout that was printed between two lines of a traceback does not belong to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fairway.drivers.runtimes.contract import OutputLine

MOST_MESSAGE_LINES = 12
MOST_FRAMES = 400
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_HEADER = re.compile(r"Traceback \(most recent call last\):\s*$")
_PYTHON = re.compile(r"(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?")
_NODE = re.compile(
    r"(?:Uncaught |Uncaught Exception:\s+|\[?)(?P<kind>(?:[A-Z]\w*)?(?:Error|Exception))(?: \[\w+\])?: (?P<message>.*)"
)
_NODE_FRAME = re.compile(r"\s+at (?:async )?\S")
_OTHERS = re.compile(
    r"(?:Exception in thread \"[^\"]*\" (?P<java>[\w.$]+)(?:: (?P<java_message>.*))?"
    r"|(?P<go>panic|fatal error): (?P<go_message>.+)"
    r"|thread '[^']*' (?:\(\d+\) )?(?P<rust>panicked) at (?P<rust_message>.+))"
)
# Exceptions that only follow from another failure.
_SECONDARY = {"KeyboardInterrupt", "SystemExit", "CancelledError", "HaltServer", "BrokenPipeError", "GeneratorExit"}


@dataclass(frozen=True)
class Raised:
    """One exception as a program printed it. `kind` is its type ("ModuleNotFoundError"), `line` the line that names it,
    `more` the further lines of its message, and `frames` the lines between the traceback's header and `line`. `cause` is the
    exception that this one followed from.
    """

    kind: str
    line: str
    more: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    cause: Raised | None = None

    @property
    def text(self) -> str:
        return "\n".join((self.line, *self.more))


def in_streams(lines: Iterable[OutputLine]) -> list[list[str]]:
    """The lines of each stream, without colours, as a terminal shows them."""
    streams: dict[str, list[str]] = {}
    for line in lines:
        streams.setdefault(line.stream, []).append(plain(line.text))
    return [streams[name] for name in sorted(streams, reverse=True)]  # stdout first: the last stream counts most


def plain(text: str) -> str:
    """A line without colours; "" for one that is overwritten (a progress bar), which says nothing about a failure."""
    shown = _COLOUR.sub("", text).rstrip()
    return "" if "\r" in shown else shown


def raised_in(lines: Sequence[str]) -> list[Raised]:
    """Every exception in the lines of one stream, in order, without those that only follow from another failure."""
    return [exception for exception in _raised(lines) if exception.kind.rpartition(".")[2] not in _SECONDARY]


def _raised(lines: Sequence[str]) -> Iterator[Raised]:
    at, before, is_linked = 0, None, False
    while at < len(lines):
        line = lines[at]
        if header := _HEADER.search(line):
            exception, at = _python(lines, at + 1, line[: header.start()])
            if exception:
                before = replace(exception, cause=before if is_linked else None)
                yield before
            is_linked = False
            continue
        is_linked = is_linked or line.lstrip(" |").startswith(_LINKS)
        if exception := _other(lines, at):
            yield exception
        at += 1


def _python(lines: Sequence[str], at: int, before: str) -> tuple[Raised | None, int]:
    """Returns (the exception of the traceback whose header stood before `at`, the index of the next line to read). `before`
    is the text in front of the header."""
    # An exception group indents all its lines; a server's log prefix stands only before the header.
    indent = before if not before.strip(" |+") else ""
    indent = indent.replace("+", "|") if "|" in indent else indent
    frames: list[str] = []
    while at < len(lines) and len(frames) < MOST_FRAMES:
        line = lines[at].removeprefix(indent)
        at += 1
        if line.startswith((" ", "\t")) or not line:
            frames.append(line)
            continue
        if not (found := _PYTHON.fullmatch(line)):
            if _is_another(line):
                return None, at - 1
            frames.append(line)  # the source of a syntax error, or unrelated output in between
            continue
        more = _message(lines[at : at + MOST_MESSAGE_LINES])
        return Raised(found["kind"], line, more, tuple(frames)), at + len(more)
    return None, at


def _message(following: Sequence[str]) -> tuple[str, ...]:
    """The further lines of a message, up to a blank line, another traceback, or a line of a logger."""
    found: list[str] = []
    for line in following:
        if not line.strip() or _is_another(line) or _LOGGED.match(line):
            break
        found.append(line)
    return tuple(found)


_LINKS = ("During handling of the above", "The above exception was the")
_LOGGED = re.compile(r"\[?\d{4}-\d\d-\d\d|\[\w+\]|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b|\d\d:\d\d:\d\d")


def _is_another(line: str) -> bool:
    return bool(_HEADER.search(line)) or line.startswith(_LINKS)


def _is_thrown(lines: Sequence[str], at: int) -> bool:
    """Whether line `at` is an exception that Node printed: a caret under the code precedes it, or stack frames follow it."""
    has_caret = at > 0 and lines[at - 1].strip() == "^"
    return has_caret or any(_NODE_FRAME.match(frame) for frame in lines[at + 1 : at + 1 + MOST_MESSAGE_LINES])


def _other(lines: Sequence[str], at: int) -> Raised | None:
    line = lines[at]
    if (found := _NODE.match(line)) and _is_thrown(lines, at):
        more = [following for following in lines[at + 1 : at + 1 + 2 * MOST_MESSAGE_LINES] if following.strip()]
        return Raised(found["kind"], line.strip().removeprefix("Uncaught "), tuple(more))
    if found := _OTHERS.match(line):
        return Raised(found["java"] or found["go"] or found["rust"], line.strip(), tuple(lines[at + 1 : at + 3]))
    return None
