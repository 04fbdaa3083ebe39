"""Sites as the real Caddy serves them: clean addresses, pages drawn in the browser, rules, and what a build wrote where."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.bundle import BundleBuilder
from fairway.drivers.builders.contract import BuildRequest, Checkout, Spec
from fairway.drivers.builders.site_result import base_of, pages_of, published
from fairway.drivers.builders.site_rules import Header, Redirect, parse_headers, parse_redirects
from fairway.drivers.builders.tree import tree_checksum
from fairway.drivers.runtimes.contract import NullProgress
from fairway.shared.failures import Refused

from .conftest import Heard
from .folders import make
from .serving import served

PAGES = {
    "index.html": "first",
    "about.html": "about",
    "docs/index.html": "docs",
    "docs.html": "not this one",
    "assets/a.js": "1",
    "a.webmanifest": "{}",
    "404.html": "lost",
}


def location(data: Path, folder: Path, heard: Heard, **install: object) -> Path:
    spec = Spec(kind="static", install=install)
    built = BundleBuilder(data).build(BuildRequest("site", Checkout(folder, tree_checksum(folder)), spec), heard)
    assert built.artifact.location is not None
    return built.artifact.location


def test_a_folder_is_served_with_clean_addresses_and_its_rules(tmp_path: Path, heard: Heard) -> None:
    rules = (
        "/old/* /docs/:splat 302\n/about.html /never 301\n/news/:year /about 200\n"
        "/api/* https://x.example/:splat 200\n/gone / 410\n"
    )
    headers = "/assets/*\n  Cache-Control: max-age=60\n  Basic-Auth: a:b\n"
    folder = make(tmp_path / "site", {**PAGES, "_redirects": rules, "_headers": headers})
    with served(location(tmp_path / "data", folder, heard), tmp_path) as client:
        assert client.get("/about").text == "about"
        assert (client.get("/docs").text, client.get("/docs/").text) == ("not this one", "docs")
        assert client.get("/old/a/b").headers["location"] == "/docs/a/b"
        assert client.get("/about.html").text == "about"  # a rule does not hide a file
        assert client.get("/news/2020").text == "about"
        assert client.get("/gone").status_code == 410
        assert client.get("/assets/a.js").headers["cache-control"] == "max-age=60"
        assert client.get("/a.webmanifest").headers["content-type"] == "application/manifest+json"
        missing = client.get("/nothing")
        assert (missing.status_code, missing.text) == (404, "lost")
        assert client.get("/_redirects").status_code == 404
    assert [
        line for line in heard.lines if "_redirects: Fairway does not follow 1 of its lines" in line and "/api/*" in line
    ]
    assert [line for line in heard.lines if "_headers: Fairway does not follow 1 of its lines" in line]


def test_an_application_in_the_browser_has_its_page_everywhere_and_a_missing_file_stays_missing(
    tmp_path: Path, heard: Heard
) -> None:
    folder = make(tmp_path / "site", PAGES)
    with served(location(tmp_path / "data", folder, heard, spa=True), tmp_path) as client:
        deep = client.get("/users/7/edit")
        assert (deep.status_code, deep.text) == (200, "first")
        assert client.get("/about").text == "about"
        assert client.get("/docs/").text == "docs"
        assert client.get("/assets/b.js").status_code == 404


def test_pages_that_expect_to_lie_below_a_path_are_served_there(tmp_path: Path, heard: Heard) -> None:
    page = '<script src="/repo/assets/a.js"></script><a href="/repo/other/">'
    folder = make(tmp_path / "site", {"index.html": page, "assets/a.js": "1"})
    with served(location(tmp_path / "data", folder, heard, spa=True), tmp_path) as client:
        assert client.get("/").headers["location"] == "/repo/"
        assert client.get("/repo/").text == client.get("/repo/any/address").text == page
        assert client.get("/repo/assets/a.js").text == "1"


def test_a_page_with_another_name_is_the_first(tmp_path: Path, heard: Heard) -> None:
    folder = make(tmp_path / "site", {"game.html": "play"})
    with served(location(tmp_path / "data", folder, heard, index="game.html"), tmp_path) as client:
        assert client.get("/").text == "play"


@pytest.mark.parametrize(
    ("link", "base"),
    [
        ("/assets/a.js", ""),
        ("/repo/assets/a.js", "/repo"),
        ("/a/b/assets/a.js", "/a/b"),
        ("/other/a.css", ""),
        ("https://x.example/assets/a.js", ""),
        ("/../../assets/a.js", ""),
    ],
)
def test_the_path_pages_expect_is_found_by_their_files(tmp_path: Path, link: str, base: str) -> None:
    folder = make(tmp_path, {"index.html": f'<link rel="stylesheet" href="{link}">', "assets/a.js": ""})
    assert base_of(folder) == base


def test_the_folder_with_the_page_is_found_and_said(tmp_path: Path, heard: Heard) -> None:
    place = make(tmp_path, {"public/index.html": "template", "package.json": ""})
    before = pages_of(place)
    with pytest.raises(Refused, match="wrote no page"):
        published(place, "dist", is_built=True, before=before, progress=NullProgress())
    make(tmp_path, {"build/web/index.html": ""})
    assert published(place, "dist", is_built=True, before=before, progress=heard) == tmp_path / "build/web"
    assert heard.lines == ["Published is build/web/: the build wrote its page there, not into dist/."]
    with pytest.raises(Refused, match="points outside"):
        published(place, "../x", is_built=True, before=before, progress=heard)


def test_rules_of_a_site_are_read_as_their_hosts_do() -> None:
    rules, left = parse_redirects(
        "# old addresses\n/* /index.html 200\n/a /b 301! # kept\n/c https://x.example/\n"
        "/d /e 200 Country=de\n/f/:id/:id /g\n/h /:nothing\nhttps://x /y\n/i /j 999\n/k /{env.HOME}\n"
    )
    assert rules == [
        Redirect("/*", "/index.html", 200),
        Redirect("/a", "/b", 301, forced=True),
        Redirect("/c", "https://x.example/"),
    ]
    assert len(left) == 6
    assert parse_headers("/*\n  X-Frame-Options: DENY\n  bad header: x\n") == (
        [Header("/*", "X-Frame-Options", "DENY")],
        ["bad header: x"],
    )
