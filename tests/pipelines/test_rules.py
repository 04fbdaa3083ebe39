"""Which names and paths match, and what is a pattern."""

from __future__ import annotations

import time

import pytest

from fairway.drivers.forges.payloads import is_of, repository_key
from fairway.pipelines.rules import matches, parse_paths, parse_pattern, path_matches, reason_for
from fairway.shared.names import Invalid


@pytest.mark.parametrize(
    ("pattern", "text", "is_meant"),
    [
        ("main", "main", True),
        ("main", "main2", False),
        ("main", "Main", False),
        ("main", "feature/main", False),
        ("release/*", "release/1.0", True),
        ("release/*", "release/1/0", False),
        ("release/**", "release/1/0", True),
        ("**", "a/b/c", True),
        ("*", "a", True),
        ("*", "a/b", False),
        ("v*.*", "v1.0", True),
        ("v?", "v1", True),
        ("v?", "v10", False),
        ("a.c", "abc", False),
        ("*a", "banana", True),
        ("**/x", "a/b/x", True),
    ],
)
def test_names(pattern: str, text: str, is_meant: bool) -> None:
    assert matches(pattern, text) is is_meant


def test_no_pattern_takes_long() -> None:
    before = time.process_time()
    assert not matches("*a" * 90 + "b", "a" * 250)
    assert time.process_time() - before < 60, "by trying every way it would take longer than the universe exists"


@pytest.mark.parametrize(
    ("pattern", "path", "is_meant"),
    [
        ("shop", "shop/app.py", True),
        ("shop/", "shop/a/b.py", True),
        ("shop/", "shopping/a.py", False),
        ("shop/**/*.py", "shop/a/b.py", True),
        ("*.md", "README.md", True),
        ("*.md", "docs/README.md", False),
        ("**/*.md", "docs/a/README.md", True),
    ],
)
def test_paths(pattern: str, path: str, is_meant: bool) -> None:
    assert path_matches(pattern, path) is is_meant


@pytest.mark.parametrize("text", ["", "  ", "refs/heads/main", "-x", "a b", "a\nb", "x" * 201, "a[1]", "a:b", "/main"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(Invalid):
        parse_pattern(text)


def test_paths_are_cleaned() -> None:
    assert parse_paths([" shop/ ", "", "shop/", "lib"]) == ["shop/", "lib"]
    for wrong in (["/etc"], ["!x"], ["./x"], ["a\\b"], ["x"] * 21, ["x" * 300]):
        with pytest.raises(Invalid):
            parse_paths(wrong)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://github.com/o/r.git", "git@github.com:o/r.git", True),
        ("https://git.example.com:8443/o/r", "ssh://git@git.example.com:2222/o/r.git", True),
        ("https://github.com/o/r", "https://github.com/o/r2", False),
        ("https://github.com/o/r", "https://gitlab.com/o/r", False),
        ("file:///srv/git/a.git", "file:///srv/git/a", True),
        ("https://github.com", "https://github.com/", False),
        ("https://[bad", "https://[bad", False),
        ("", "", False),
    ],
)
def test_addresses_of_one_repository(one: str, other: str, is_same: bool) -> None:
    assert is_of([one], other) is is_same


def test_an_address_without_a_path_is_no_repository() -> None:
    assert repository_key("https://github.com/") == ("", "")


def test_reasons() -> None:
    assert reason_for("branch", "main", "grace", "Fix\n\nmore") == "Push to main by grace: Fix"
    assert reason_for("tag", "v1", "", "") == "Tag v1"
    assert len(reason_for("branch", "m", "g", "x" * 2000)) == 500
