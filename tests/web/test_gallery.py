"""Every page with sample data, as the browser gets it: whole, in two languages, nothing inline, nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from tests.services.waiting import PATIENCE
from tests.web.gallery.pages import PAGES, Page

STATIC = Path(__file__).parents[2] / "src/fairway/web/static"
TEMPLATES = STATIC.parent / "templates"
LOADS = {"script", "link", "img", "use", "form"}
VOID = {"meta", "link", "input", "br", "hr", "use", "path", "img"}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The gallery's address; it runs in a process of its own, with settings of its own."""
    environment = {**os.environ, "FAIRWAY_DATA": str(tmp_path_factory.mktemp("gallery")), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "tests.web.gallery", "0"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip().removesuffix("/gallery")
        process.terminate()


@pytest.fixture(scope="module")
def client(gallery: str) -> Iterator[httpx.Client]:
    """One for all pages: each new one reads the machine's certificates first, which takes as long as the page."""
    with httpx.Client(base_url=gallery, trust_env=False, timeout=PATIENCE) as one:
        yield one


class Reader(HTMLParser):
    """Notes what a page may not have."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.headings = 0
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.headings += tag == "h1"
        self.ids += [values["id"] or ""] if "id" in values else []
        self.references += [values["for"] or ""] if "for" in values else []
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.problems.append(f"inline {name} on <{tag}>")
            if tag in LOADS and name in {"src", "href", "action"} and re.match(r"(https?:)?//", value or ""):
                self.problems.append(f"<{tag}> loads {value}")
        if tag == "script" and "src" not in values and values.get("type") != "application/json":
            self.problems.append("inline script")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing that is open")


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page(client: httpx.Client, page: Page, language: str) -> None:
    client.cookies.clear()
    answer = client.get(page.address, params={"lang": language})
    assert answer.status_code == page.status
    assert not re.findall("⟦[^⟧]*⟧", answer.text), "the template reads something its context does not have"
    reader = read(answer.text)
    assert reader.problems == []
    assert reader.open == []
    assert reader.headings == 1
    assert sorted(reader.ids) == sorted(set(reader.ids)), "an id occurs twice"
    assert set(reader.references) <= set(reader.ids), "a label names no field"
    assert f'<html lang="{language}"' in answer.text
    assert re.search(r"<title>\s*\S[^<]* · Fairway\s*</title>", answer.text)


def test_every_template_is_shown_by_some_page() -> None:
    whole = {str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html") if "{% extends" in path.read_text()}
    frames = {"entrance.html", "error.html", "applications/base.html", "releases/base.html", "settings/base.html"}
    theirs = {name for name in whole if name.startswith(("account/", "allauth/"))}
    assert whole - frames - theirs - {page.template for page in PAGES} == {"400.html", "422.html"}  # drawn as 403 and 409


def test_icons_named_by_templates_and_code_exist() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons/sprite.svg").read_text()))
    named = set()
    for path in TEMPLATES.rglob("*.html"):
        named |= set(re.findall(r"{% icon [\"']([\w-]+)[\"']", path.read_text()))
    for path in (STATIC / "js").glob("*.js"):
        named |= set(re.findall(r"icon(?:\(|: )\"([\w-]+)\"", path.read_text()))
    assert named <= drawn


def test_what_scripts_say_is_written_down() -> None:
    from fairway.web.templatetags.vocabulary import SCRIPT_WORDS

    said = set()
    for path in (STATIC / "js").glob("*.js"):
        said |= set(re.findall(r"say\(\"([\w.]+)\"", path.read_text()))
    assert said <= set(SCRIPT_WORDS)


def test_stylesheets_and_scripts_load_nothing_from_elsewhere() -> None:
    for path in [*STATIC.rglob("*.css"), *STATIC.rglob("*.js"), *STATIC.rglob("*.svg")]:
        code = re.sub(r"/\*!.*?\*/", "", path.read_text(), flags=re.DOTALL)  # without the banner that says whose it is
        addresses = set(re.findall(r"https?://[^\s\"')]+", code)) - {"http://www.w3.org/2000/svg"}
        assert addresses == set(), path.name
