from __future__ import annotations

import re

import pytest

from fairway.drivers.proxy import pages


@pytest.mark.parametrize("language", pages.LANGUAGES)
@pytest.mark.parametrize(("name", "status"), [("unknown", 404), ("starting", 503), ("stopped", 503), ("down", 502)])
def test_every_page_exists_in_both_languages_and_stands_alone(name: str, status: int, language: str) -> None:
    page = pages.page(name, language)
    assert page.status == status
    assert f'<html lang="{language}">' in page.body
    assert "prefers-color-scheme: dark" in page.body
    assert not re.search(r"(?:src|href)=|@import|url\(|\$\w", page.body)


def test_only_the_starting_page_reloads_itself() -> None:
    assert 'http-equiv="refresh"' in pages.page("starting", "en").body
    assert pages.page("starting", "en").headers["Retry-After"]
    assert 'http-equiv="refresh"' not in pages.page("stopped", "en").body


@pytest.mark.parametrize(
    ("accepted", "french"),
    [
        ("fr", True),
        ("fr-CA,fr;q=0.9,en;q=0.8", True),
        ("FR", True),
        ("de-DE, fr;q=0.5, en;q=0.4", True),
        ("es,et,fr", True),
        ("en-US,en;q=0.9,fr;q=0.8", False),
        ("de,en;q=0.7,fr;q=0.3", False),
        ("fry", False),
        ("frr,en", False),
        ("*", False),
        ("", False),
    ],
)
def test_french_where_the_browser_prefers_it_to_english(accepted: str, french: bool) -> None:
    assert bool(re.search(pages.PREFERS_FRENCH, accepted)) is french
