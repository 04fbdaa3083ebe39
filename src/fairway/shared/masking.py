"""Masks secrets by value wherever text is stored or shown: whatever printed them, in whatever encoding, becomes ``••••``.

Masking by the name of a setting would let passwords through in logs and mails. A value is found as it is written and
percent-encoded, JSON-, shell- or HTML-escaped (up to three times), in hexadecimal, inside base64 at any alignment (so in
``user:secret``, too), and with colours, carriage returns or other control characters between its characters.

What is masked: each line of a value that has at least `SHORTEST` bytes; shorter ones are ordinary words and digits,
and masking them would make logs unreadable. Base64 is recognised if at least `SHORTEST_CORE` of its characters are certain,
which takes five or six characters of the secret. A long line is searched for in blocks, so parts of a key are masked, too.

The cost is linear in the length of the text: one pass per layer of escaping, and a bounded number of comparisons per byte.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from urllib.parse import quote, quote_plus

MASK = "••••"
SHORTEST = 4  # bytes
SHORTEST_CORE = 6  # characters of base64
BLOCK = 48  # bytes; a longer line is searched for in blocks of this size; divisible by three for base64
LAYERS = 3  # how many nested escapings are undone
HELD_BACK = 2048  # bytes at the end of an unfinished text that may be the beginning of a secret
CUT = 4_096  # bytes; a line this long may have been cut from a longer one

# Colours and cursor movements (ECMA-48), titles (OSC), and other invisible characters.
_NOISE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]?|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)?|[@-Z\\^_]?)"
    rb"|[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80[\x8b-\x8f]|\xef\xbb\xbf|\xc2\xad"
)
_SPACE = re.compile(rb"[ \t\r\n]+")
_PERCENT = rb"%[0-9A-Fa-f]{2}"
_BACKSLASH = (
    rb"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[0-3][0-7]{2}|\\."
)
_QUOTE = rb"""'\\''|'"'"'"""  # how shells write a quote between quotes
_ENTITY = rb"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[a-zA-Z]{2,8});"
_KINDS = [re.compile(kind) for kind in (_PERCENT, _BACKSLASH, _QUOTE, _ENTITY)]
_ESCAPE = re.compile(b"|".join((_PERCENT, _QUOTE, _BACKSLASH, _ENTITY)))
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"a": b"\a", b"v": b"\v", b"e": b"\x1b"}
Span = tuple[int, int]


class Masker:
    """Replaces the given values in any text, in any of the encodings named above."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        forms: set[bytes] = set()
        for value in set(values):
            for piece in _pieces(value):
                forms |= _forms(piece)
        self._finder = _Finder(forms) if forms else None

    def __call__(self, text: str) -> str:
        return self._replaced(text, text.encode("utf-8", "surrogatepass")) if self._finder else text

    def stream(self) -> MaskedStream:
        """A masker for a text that arrives in parts, which may be cut anywhere."""
        return MaskedStream(self)

    def lines(self) -> MaskedLines:
        """A masker for lines, of which very long ones have been cut."""
        return MaskedLines(self)

    def begun(self, data: bytes) -> list[Span]:
        """The span of a secret that begins near the end of `data` and would continue beyond it."""
        return self._finder.begun(data) if self._finder else []

    def spans(self, data: bytes) -> list[Span]:
        """The spans of all secrets, in order and without overlaps."""
        return _merged(self._found(data)) if self._finder else []

    def _replaced(self, text: str, data: bytes) -> str:
        spans = self.spans(data)
        return _masked(data, spans).decode("utf-8", "surrogatepass") if spans else text

    def _found(self, data: bytes) -> Iterator[Span]:
        assert self._finder is not None
        for view in _readings(_View(data)):
            yield from view.original(self._finder(view.data))


class MaskedStream:
    """Masks a text that arrives in parts. The end, which may be the beginning of a secret, is kept until more arrives."""

    def __init__(self, masker: Masker) -> None:
        self._masker, self._held = masker, b""

    def feed(self, text: str) -> str:
        """Add a part; return the text that can be shown now, masked as if all parts had arrived at once."""
        self._held += text.encode("utf-8", "surrogatepass")
        if len(self._held) < 2 * HELD_BACK:  # each byte is looked at twice at most, however small the parts are
            return ""
        spans = self._masker.spans(self._held)
        cut = _cut(self._held, spans, len(self._held) - HELD_BACK)
        shown, self._held = self._held[:cut], self._held[cut:]
        return _masked(shown, [(start, end) for start, end in spans if end <= cut]).decode("utf-8", "surrogatepass")

    def close(self) -> str:
        """The rest of the text, masked."""
        rest, self._held = self._held, b""
        return _masked(rest, self._masker.spans(rest)).decode("utf-8", "surrogatepass")


class MaskedLines:
    """Masks line by line. A secret that was cut is masked on both sides, except parts of fewer than `SHORTEST` bytes."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._before: dict[str, bytes] = {}  # by stream: the end of its last line, if that may have been cut

    def __call__(self, text: str, stream: str = "", *, goes_on: bool = False) -> str:
        """The line, masked. `goes_on` says that it was cut here; very long lines are always taken as cut."""
        data = text.encode("utf-8", "surrogatepass")
        before = self._before.pop(stream, b"")
        spans = [(max(start - len(before), 0), end - len(before)) for start, end in self._masker.spans(before + data)]
        if goes_on or len(data) >= CUT:
            self._before[stream] = (before + data)[-HELD_BACK:]
            spans += self._masker.begun(data)
        shown = _masked(data, _merged((start, end) for start, end in spans if end > 0))
        return shown.decode("utf-8", "surrogatepass")


def _cut(data: bytes, spans: list[Span], cut: int) -> int:
    """The last position up to `cut` that lies inside no secret and no character."""
    while cut > 0 and (data[cut] & 0xC0) == 0x80:
        cut -= 1
    for start, end in spans:
        if start < cut <= end:
            return start
    return cut


def _masked(data: bytes, spans: list[Span]) -> bytes:
    parts, at = [], 0
    for start, end in spans:
        parts += [data[at:start], MASK.encode()]
        at = end
    return b"".join([*parts, data[at:]])


def _merged(found: Iterable[Span]) -> list[Span]:
    """The spans, with overlapping and touching ones joined: a secret may contain another, and blocks of a long one touch."""
    merged: list[Span] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


class _View:
    """A text with escapes or noise removed, and the positions of its bytes in the text it was made from (`parent`)."""

    def __init__(self, data: bytes, parent: _View | None = None) -> None:
        self.data, self._parent = data, parent
        # Segments: each begins at `_here` in this text and at `_start` in the parent; `_end` is its end in the parent if the
        # segment was decoded, else 0.
        self._here: list[int] = []
        self._start: list[int] = []
        self._end: list[int] = []

    def without(self, noise: re.Pattern[bytes]) -> _View | None:
        return self._changed(noise, lambda _: b"")

    def unescaped(self) -> _View | None:
        return self._changed(_ESCAPE, _meant_by) if any(sign in self.data for sign in (b"%", b"\\", b"&", b"'\"'")) else None

    def original(self, found: Iterable[Span]) -> Iterator[Span]:
        """These spans as positions in the original text."""
        for start, end in found:
            view, first, last = self, start, end
            while view._parent is not None:
                first, last = view._in_parent(first)[0], view._in_parent(last - 1)[1]
                view = view._parent
            yield first, last

    def _in_parent(self, at: int) -> Span:
        """The span in the parent that one byte was made from: a single byte, or a whole escape."""
        index = bisect_right(self._here, at) - 1
        if self._end[index]:
            return self._start[index], self._end[index]
        before = self._start[index] + at - self._here[index]
        return before, before + 1

    def _changed(self, pattern: re.Pattern[bytes], meaning: Callable[[bytes], bytes]) -> _View | None:
        """The text with each match replaced by its meaning; None if nothing matches."""
        parts: list[bytes] = []
        view, size, at = _View(b"", self), 0, 0
        for match in pattern.finditer(self.data):
            plain, meant = self.data[at : match.start()], meaning(match[0])
            view._add(size, at, 0)
            view._add(size + len(plain), match.start(), match.end())
            parts += [plain, meant]
            size, at = size + len(plain) + len(meant), match.end()
        if not at:
            return None
        view._add(size, at, 0)
        view.data = b"".join([*parts, self.data[at:]])
        return view

    def _add(self, here: int, start: int, end: int) -> None:
        if self._here and self._here[-1] == here:  # the one before is empty
            self._start[-1], self._end[-1] = start, end
        else:
            self._here.append(here)
            self._start.append(start)
            self._end.append(end)


def _readings(view: _View) -> Iterator[_View]:
    """The text as it is, without invisible characters, without spaces, and with escapes undone (up to `LAYERS` times)."""
    yield view
    for layer in range(LAYERS + 1):
        if (bare := view.without(_NOISE)) is not None:
            yield bare
            view = bare
        if b"\n" in view.data and (joined := view.without(_SPACE)) is not None:
            yield joined
        decoded = view.unescaped() if layer < LAYERS else None
        if decoded is None:
            return
        yield decoded
        view = decoded


def _meant_by(escape: bytes) -> bytes:
    """The bytes that an escape stands for; an unknown escape stands for its letter."""
    if escape.startswith(b"%"):
        return bytes.fromhex(escape[1:].decode())
    if escape.startswith(b"&"):
        return html.unescape(escape.decode()).encode("utf-8", "surrogatepass")
    if escape.startswith(b"'"):
        return b"'"
    letter = escape[1:2]
    if letter == b"u":
        units = b"".join(bytes.fromhex(unit.decode()) for unit in escape[2:].split(b"\\u"))
        return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
    if letter == b"x" and len(escape) == 4:
        return bytes.fromhex(escape[2:].decode())
    if letter.isdigit() and len(escape) == 4:
        return bytes([int(escape[1:], 8)])
    return _LETTERS.get(letter, letter)


def _pieces(value: str) -> Iterator[bytes]:
    """The byte strings to search for: the lines of the value, long ones in blocks; the last block ends with its line."""
    lines = {value.strip("\r\n"), *value.splitlines(), *map(str.strip, value.splitlines())}
    for line in lines:
        data = line.encode("utf-8", "surrogatepass")
        if len(data.strip()) < SHORTEST:
            continue
        for start in range(0, max(len(data) - BLOCK, 0) + 1, BLOCK):
            yield data[start : start + BLOCK]
        if len(data) > BLOCK:
            yield data[-BLOCK:]


def _forms(piece: bytes) -> set[bytes]:
    """The encodings of a piece to search for, apart from escapes, which are decoded before the search."""
    text = piece.decode("utf-8", "replace")  # a block may end inside a character
    plain = {piece, piece.replace(b" ", b"+"), _SPACE.sub(b"", piece), *_misread(piece)}
    plain = {form for form in plain if len(form) >= min(len(piece), SHORTEST_CORE)}
    quoted = {quote(piece, safe=""), quote(piece), quote_plus(piece)}
    dumped = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    escaped = plain | {form.encode() for form in quoted | dumped}
    cores = {core for form in escaped for core in _cores(form)}
    twice = {inner for core in cores if len(core) >= SHORTEST_CORE + 2 for inner in _cores(core)}
    hexed = {digits for form in plain for digits in (form.hex().encode(), form.hex().upper().encode())}
    whole = {b64encode(form) for form in escaped}  # with its padding, for a secret that was encoded alone
    return plain | cores | twice | hexed | whole


def _misread(piece: bytes) -> set[bytes]:
    """The texts that a secret becomes which itself looks escaped (``a%41``), once escapes are undone."""
    found = new = {piece}
    for _ in range(LAYERS):
        new = {kind.sub(lambda match: _meant_by(match[0]), form) for form in new for kind in _KINDS} - found
        found = found | new
    return found


def _cores(piece: bytes) -> Iterator[bytes]:
    """The base64 characters of a piece that do not depend on what was encoded around it, in both alphabets (RFC 4648)."""
    for before in range(3):
        encoded = b64encode(b"\0" * before + piece)
        first = -(-before * 8 // 6)  # the first character without a bit of the bytes before
        last = (before + len(piece)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= SHORTEST_CORE:
            yield core
            yield core.translate(_URL_SAFE)


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class _Finder:
    """Finds every occurrence of any of many byte strings, overlapping ones too."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._forms: dict[bytes, dict[int, set[bytes]]] = {}  # by the first bytes, then by length
        for form in forms:
            self._forms.setdefault(form[:SHORTEST], {}).setdefault(len(form), set()).add(form)
        self._lengths = {anchor: sorted(found, reverse=True) for anchor, found in self._forms.items()}
        self._anchors = re.compile(b"(?=(" + _tree(sorted(self._forms)) + b"))", re.DOTALL)

    def __call__(self, data: bytes) -> Iterator[Span]:
        for match in self._anchors.finditer(data):
            start, anchor = match.start(), match[1]
            by_length = self._forms[anchor]
            for length in self._lengths[anchor]:
                if data[start : start + length] in by_length[length]:
                    yield start, start + length
                    break

    def begun(self, data: bytes) -> list[Span]:
        """The span of the earliest form near the end that `data` cuts off; empty if there is none."""
        longest = max(lengths[0] for lengths in self._lengths.values())
        for match in self._anchors.finditer(data, max(0, len(data) - longest)):
            rest = data[match.start() :]
            longer = (self._forms[match[1]][length] for length in self._lengths[match[1]] if length > len(rest))
            if any(form.startswith(rest) for forms in longer for form in forms):
                return [(match.start(), len(data))]
        return []


def _tree(words: list[bytes]) -> bytes:
    """A pattern for these sorted words of equal length, as a prefix tree: it examines each byte a bounded number of
    times."""
    if not words[0]:
        return b""
    branches = [
        re.escape(first) + _tree([word[1:] for word in group])
        for first, group in ((key, list(group)) for key, group in groupby(words, key=lambda word: word[:1]))
    ]
    return branches[0] if len(branches) == 1 else b"(?:" + b"|".join(branches) + b")"
