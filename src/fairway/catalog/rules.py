"""What an entry of the catalogue is, read from its ``entry.yaml``, and what is made of a person's answers. Pure."""

from __future__ import annotations

import re
import secrets as random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fairway.drivers.builders.detection.compose_values import byte_size
from fairway.shared.names import SLUG, Invalid, parse_text, parse_variable
from fairway.shared.yaml_with_lines import Item, refuse, root_of

FILE = "entry.yaml"
LANGUAGES = ("en", "fr")
LONGEST_ANSWER = 200  # characters
_KNOWN = (
    *("title", "version", "licence", "home_page", "category", "summary", "stores", "memory", "disk", "sign_in", "access"),
    *("openid", "ask", "generate", "variables", "first_steps", "checked", "page"),
)
_VERSION = re.compile(r"[0-9][0-9A-Za-z.]*-[0-9]+")
_ACCESS = ("signed_in", "public")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Category(StrEnum):
    DATA = "data"
    WEBSITES = "websites"
    LEARNING = "learning"
    TOOLS = "tools"


class SignIn(StrEnum):
    """How colleagues come in."""

    HEADER = "header"  # they arrive signed in: the application reads the header that the proxy sets
    GATE = "gate"  # Fairway asks them to sign in; the application does not know who they are
    OPENID = "openid"  # they arrive signed in: the application is registered with Fairway as OpenID provider by itself
    OWN = "own"  # the application has accounts of its own


class Generated(StrEnum):
    """A secret that is made once, when the entry is installed."""

    KEY = "key"  # 64 hexadecimal digits; nobody needs to see it
    PASSWORD = "password"  # noqa: S105 -- of the first administrator; shown once


Words = Mapping[str, str]  # by language


@dataclass(frozen=True)
class Question:
    """One thing that the form asks; the answer becomes the variable `name`."""

    name: str
    label: Words
    kind: str  # "text" or "email"
    default: str = ""


@dataclass(frozen=True)
class OpenId:
    """How an application is told of Fairway as its OpenID provider: the path to which people are sent back, and the names of
    the variables for the issuer, the client's ID and its secret."""

    callback: str
    issuer: str
    client_id: str
    client_secret: str


@dataclass(frozen=True)
class Entry:
    """An application that can be installed in one step. `id` is the name of its folder.

    `version` is that of the application, then ours, which counts changes of the entry: ``4.6.6-1``. Sizes are in bytes, as
    measured. `access` lists who may be given access, the default first. `page` is the path of its first page; `checked` are
    the runtimes on which all of this was run.
    """

    id: str
    title: str
    version: str
    licence: str
    home_page: str
    category: Category
    summary: Words
    stores: Words
    memory_bytes: int
    disk_bytes: int
    sign_in: SignIn
    access: tuple[str, ...]
    page: str
    checked: tuple[str, ...]
    first_steps: Words
    openid: OpenId | None = None
    ask: tuple[Question, ...] = ()
    generate: Mapping[str, Generated] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


def said(words: Words, language: str) -> str:
    """The sentence in this language (``fr``, ``fr-ca``), in English where there is none."""
    return words.get(language.partition("-")[0]) or words["en"]


def parse_entry(identifier: str, text: str, *, file: str = FILE) -> Entry:
    """Read an ``entry.yaml``. Raises `Invalid`, whose field names file and line."""
    if not SLUG.fullmatch(identifier):
        raise Invalid(file, "lies in a folder whose name is no slug: use a–z, 0–9 and single hyphens.")
    top = root_of(text, file)
    top.only(_KNOWN)
    _refuse_contradictions(top)
    return Entry(
        id=identifier,
        title=_text(top.require("title"), 60),
        version=_matching(top.require("version"), _VERSION, "must be the application’s version and ours, e.g. 4.6.6-1"),
        licence=_text(top.require("licence"), 80),
        home_page=_https(top.require("home_page")),
        category=Category(_one_of(top.require("category"), tuple(Category))),
        summary=_words(top.require("summary")),
        stores=_words(top.require("stores")),
        memory_bytes=_size(top.require("memory")),
        disk_bytes=_size(top.require("disk")),
        sign_in=SignIn(_one_of(top.require("sign_in"), tuple(SignIn))),
        access=tuple(_one_of(item, _ACCESS) for item in top.require("access").sequence()) or _ACCESS,
        page=_path(top.require("page")),
        checked=tuple(_one_of(item, ("process", "docker")) for item in top.require("checked").sequence()),
        first_steps=_words(top.require("first_steps")),
        openid=_openid(top.get("openid")),
        ask=_questions(top.get("ask")),
        generate=_generated(top.get("generate")),
        variables=_variables(top.get("variables")),
    )


def parse_answers(entry: Entry, given: Mapping[str, str]) -> dict[str, str]:
    """The variables that a person's answers make, with the defaults of those that are empty. Raises `Invalid`, which names
    the question."""
    known = {question.name for question in entry.ask}
    for name in given:
        if name not in known:
            raise Invalid(name[:60], "is not asked by this entry; it asks: {names}.", names=", ".join(sorted(known)) or "–")
    answers = {}
    for question in entry.ask:
        text = parse_text(
            given.get(question.name, "").strip() or question.default, field=question.name, longest=LONGEST_ANSWER
        )
        if not text:
            raise Invalid(question.name, "is missing.")
        if question.kind == "email" and not _EMAIL.fullmatch(text):
            raise Invalid(question.name, "“{value}” is not an e-mail address.", value=text)
        answers[question.name] = text
    return answers


def make_secrets(entry: Entry) -> dict[str, str]:
    """The secrets of one installation, made now."""
    makers: dict[Generated, Callable[[], str]] = {
        Generated.KEY: lambda: random.token_hex(32),
        Generated.PASSWORD: lambda: random.token_urlsafe(15),
    }
    return {name: makers[kind]() for name, kind in entry.generate.items()}


def filled(entry: Entry, *, url: str, person: str) -> dict[str, str]:
    """The entry's variables, with the address at which it will be reached for ``{url}``, and the user name of whoever
    installs it for ``{person}``."""
    return {name: value.replace("{url}", url).replace("{person}", person) for name, value in entry.variables.items()}


def _text(item: Item, longest: int) -> str:
    text = item.text().strip()
    if not text or len(text) > longest:
        refuse(item, f"must be text of up to {longest} characters")
    return text


def _words(item: Item) -> dict[str, str]:
    item.mapping().only(LANGUAGES)
    return {language: _text(item.require(language), 600) for language in LANGUAGES}


def _matching(item: Item, form: re.Pattern[str], what: str) -> str:
    return item.text() if form.fullmatch(item.text()) else refuse(item, what)


def _one_of(item: Item, known: tuple[str, ...]) -> str:
    return item.text() if item.text() in known else refuse(item, f"must be one of {', '.join(known)}")


def _size(item: Item) -> int:
    return byte_size(item.text()) or refuse(item, "must be a size, e.g. 512m")


def _https(item: Item) -> str:
    return item.text() if item.text().startswith("https://") else refuse(item, "must begin with https://")


def _path(item: Item) -> str:
    return item.text() if item.text().startswith("/") else refuse(item, "must be a path that begins with /")


def _name(item: Item, key: str) -> str:
    try:
        return parse_variable(key)
    except Invalid as error:
        refuse(item, error.sentence.rstrip("."))


def _openid(item: Item | None) -> OpenId | None:
    if item is None:
        return None
    item.mapping().only(("callback", "issuer", "client_id", "client_secret"))
    names = {key: _name(item.require(key), item.require(key).text()) for key in ("issuer", "client_id", "client_secret")}
    return OpenId(_path(item.require("callback")), **names)


def _refuse_contradictions(top: Item) -> None:
    """What signs people in by OpenID must say how, and be open only to people who are signed in, so that leaving
    Fairway ends it."""
    given, wanted = top.get("openid"), top.require("sign_in")
    if given is not None and wanted.text() != SignIn.OPENID:
        refuse(given, "goes only with “sign_in: openid”")
    if given is None and wanted.text() == SignIn.OPENID:
        refuse(wanted, "is openid, so “openid” must say callback, issuer, client_id and client_secret")
    if given is not None and [item.text() for item in top.require("access").sequence()] != ["signed_in"]:
        refuse(top.require("access"), "must be [signed_in] where people arrive signed in by OpenID")


def _questions(item: Item | None) -> tuple[Question, ...]:
    found = []
    for entry in item.mapping().entries if item is not None else ():
        entry.value.mapping().only(("type", "label", "default"))
        kind = _one_of(entry.value.require("type"), ("text", "email"))
        default = entry.value.get("default")
        label = _words(entry.value.require("label"))
        found.append(Question(_name(entry.value, entry.key), label, kind, default.text() if default else ""))
    return tuple(found)


def _generated(item: Item | None) -> dict[str, Generated]:
    entries = item.mapping().entries if item is not None else ()
    return {_name(one.value, one.key): Generated(_one_of(one.value, tuple(Generated))) for one in entries}


def _variables(item: Item | None) -> dict[str, str]:
    entries = item.mapping().entries if item is not None else ()
    return {_name(one.value, one.key): one.value.text() for one in entries}
