"""Why something failed, and what detection found, in the reader's language.

Both are written down once, in English: in logs, events and answers of the API they are the same for everybody. Pages say
them in the language of whoever looks, by the template that a stored sentence was made from (`failure_templates.py`,
`detection_templates.py`); one that is not listed stays as it is. Several sentences in a row, what a field's name or “shop,
blog:” precedes, and what stands in a template's ``{braces}`` are said piece by piece.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from typing import NamedTuple

from django.utils.formats import number_format
from django.utils.translation import get_language, gettext

from fairway.web.detection_templates import DETECTED, FOUND
from fairway.web.failure_templates import FAILURES

# Findings are too short to be told from what people write, so only findings are compared with them.
SENTENCES, FINDINGS = "sentences", "findings"
TABLES = {SENTENCES: (*FAILURES, *DETECTED), FINDINGS: (*FOUND, *DETECTED)}
REMARKS = {one for one in DETECTED if not one.endswith(".")}  # one that is the reason of a failure ends with a full stop
NUMBERS = {
    "code", "count", "files", "given", "largest", "lasted", "lines", "longest", "mib", "milliseconds", "minutes",
    "most", "needed", "number", "requests", "running", "seconds", "percent", "status", "times", "used", "wanted",
}  # fmt: skip
SHAPES = {"instance": "The application|The service “[^”]*”"}
ONE_WORD = {"field", "host", "path", "port", "ref", "reference", "url", "version", "word"}
PLACES = re.compile(r"\{(\w+)\}|%\((\w+)\)[sd]")
WORD = re.compile(r"[A-Za-z]+")
BETWEEN = re.compile(r"(?<!e\.g\.)(?<=[.!?]) (?=\S)|(?<=”) (?=[A-Z“])")
QUOTED = re.compile(r"“([^”]*)”")
GUILLEMETS = "«\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}»"
OF_A_FILE = re.compile(r"(.{1,200}) in (\S+)")  # “create_app() in shop.py”
PREFIX = re.compile(r"(“[^”]*” |[\w.\[\]-]+ |.{1,200}?: )(?=\S)(.+)", re.DOTALL)
MOST_PIECES = 8  # sentences in a row that are said one by one; of more, the rest stays as it is
LONGEST = 2000  # characters; more is nobody's sentence


class Template(NamedTuple):
    text: str
    pattern: re.Pattern[str]


def in_words(sentence: str) -> str:
    """The stored `sentence` as the reader's language says it."""
    language = get_language() or "en"
    if not sentence or language.startswith("en") or len(sentence) > LONGEST:
        return sentence
    return _said(sentence, language)


def finding_in_words(text: str) -> str:
    """What a finding or a remark says, or why (“create_app() in shop.py”), as the reader's language says it."""
    language = get_language() or "en"
    if not text or language.startswith("en") or len(text) > LONGEST:
        return text
    return _found(text, language)


def findings_in_words(findings: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Stored findings or remarks ({"what", "because"}), as the reader's language says them."""
    return [{"what": finding_in_words(one["what"]), "because": finding_in_words(one["because"])} for one in findings]


@lru_cache(maxsize=1024)
def _found(text: str, language: str) -> str:
    """`language` is the active one."""
    if (said := _by_template(text, FINDINGS)) is not None:
        return said
    if (said := _said(text, language)) != text or not (found := OF_A_FILE.fullmatch(text)):
        return said
    return gettext("%(name)s in %(file)s") % {"name": found[1], "file": found[2]}


@lru_cache(maxsize=1024)  # pages repeat them: a row of each attempt, a fragment for each viewer
def _said(sentence: str, language: str) -> str:
    """`language` is the active one."""
    if (bare := sentence.strip()) != sentence and sentence not in _exact():
        return sentence.replace(bare, in_words(bare)) if bare else sentence
    pieces = BETWEEN.split(sentence, MOST_PIECES)
    if len(pieces) > 1:
        return _of_several(sentence, pieces)
    known = _known(sentence)
    return sentence if known is None else known


def _of_several(sentence: str, pieces: list[str]) -> str:
    """Several sentences in a row: each by itself where each is known. Else one that is always the same is taken from the
    end, so that what the others hold does not swallow it; then the longest run from the front that is known counts."""
    each = [_by_template(one) for one in pieces]
    if all(one is not None for one in each):
        return " ".join(one for one in each if one is not None)
    rest = sentence.removesuffix(pieces[-1]).rstrip()
    if pieces[-1] in _exact() and (said := in_words(rest)) != rest:
        return f"{said} {gettext(pieces[-1])}"
    found = []
    while pieces:
        count, known = _longest(pieces)
        found.append(known)
        del pieces[:count]
    return " ".join(found)


def _longest(pieces: list[str]) -> tuple[int, str]:
    """The longest run of sentences from the front that a template knows, else that is known after a prefix."""
    for way in (_by_template, _known):
        for count in range(len(pieces), 0, -1):
            if (said := way(" ".join(pieces[:count]))) is not None:
                return count, said
    return 1, pieces[0]


def _by_template(sentence: str, table: str = SENTENCES) -> str | None:
    if sentence in _exact(table):
        return gettext(sentence)
    templates, index = _templates(table)
    places = {at for word in {*WORD.findall(sentence), ""} for at in index.get(word, ())}
    for at in sorted(places):
        if found := templates[at].pattern.fullmatch(sentence):
            values = found.groupdict()
            end = values.pop("end", "")
            return _filled(gettext(templates[at].text), values) + end
    if table == SENTENCES and sentence[:1].islower():  # in another sentence
        said = _by_template(sentence[0].upper() + sentence[1:])
        return said[0].lower() + said[1:] if said else None
    return None


def _filled(words: str, values: dict[str, str]) -> str:
    said = {name: _number(value) if name in NUMBERS else _quoted(in_words(value)) for name, value in values.items()}
    return PLACES.sub(lambda found: said[found[1] or found[2]], _literally(words))


def _known(sentence: str, *, prefixes: int = 3) -> str | None:
    """By a template; else what follows up to so many `prefixes`: the name of a field, or of packages (“build is empty; …”,
    “shop, blog: It was …”)."""
    if (whole := _by_template(sentence)) is not None:
        return whole
    found = PREFIX.fullmatch(sentence) if prefixes else None
    if found is None:
        return None
    before, rest = found[1], found[2]
    has_more = before.endswith(": ") or rest.startswith("“")  # “services “jobs”: memory must be …”
    said = _known(rest, prefixes=prefixes - 1 if has_more else 0)
    if said is None:
        return None
    before = QUOTED.sub(GUILLEMETS, before)
    return f"{before[:-2].rstrip()}\N{NO-BREAK SPACE}: {said}" if before.endswith(": ") else f"{before}{said}"


def _quoted(value: str) -> str:
    """A value that is one quoted name (“services.web”) in the quotes of the language."""
    return QUOTED.sub(GUILLEMETS, value) if QUOTED.fullmatch(value) else value


def _number(value: str) -> str:
    """A number with signs in it as the language writes it; one without (a port, a status) stays as it is."""
    if not {",", "."}.intersection(value):
        return value
    try:
        return number_format(Decimal(value.replace(",", "")), force_grouping="," in value)
    except InvalidOperation:
        return value


@cache
def _exact(table: str = SENTENCES) -> frozenset[str]:
    return frozenset(one for one in TABLES[table] if not PLACES.search(one))


@cache
def _templates(table: str = SENTENCES) -> tuple[list[Template], dict[str, list[int]]]:
    """Templates with most words of their own first, as “{what} {ending}; …” matches much that others say better; and where
    they are, each under its rarest word, so that few are compared with a sentence; those without a word are under ""."""
    ordered = sorted((set(TABLES[table]) - _exact(table)) | REMARKS, key=lambda one: -len(PLACES.sub("", one)))
    own = [_whole_words(one) for one in ordered]
    common = Counter(word for words in own for word in words)
    index: dict[str, list[int]] = {}
    for at, words in enumerate(own):
        index.setdefault(min(words, key=lambda word: (common[word], word), default=""), []).append(at)
    return [Template(one, re.compile(_pattern_of(one), re.DOTALL)) for one in ordered], index


def _whole_words(template: str) -> set[str]:
    """The words of a template that nothing which is put in can make longer."""
    return {*WORD.findall(re.sub(r"[A-Za-z]*\0[A-Za-z]*", " ", PLACES.sub("\0", _literally(template))))}


def _literally(template: str) -> str:
    return template.replace("%%", "%") if "%(" in template else template


def _pattern_of(template: str) -> str:
    seen: set[str] = set()
    parts: list[str] = []
    at = 0
    for place in PLACES.finditer(template):
        parts.append(re.escape(_literally(template[at : place.start()])))
        at, name = place.end(), place[1] or place[2]
        if name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            parts.append(f"(?P<{name}>{_shape(name)})")
    return "".join([*parts, re.escape(_literally(template[at:])), r"(?P<end>\.?)" if template in REMARKS else ""])


def _shape(name: str) -> str:
    if name in SHAPES:
        return SHAPES[name]
    return r"-?[\d.,]+" if name in NUMBERS else r"\S+" if name in ONE_WORD else ".*?"
