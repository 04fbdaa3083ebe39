"""An application that does not know its public name says so in its own way; other errors are not taken for that."""

from __future__ import annotations

import pytest

from fairway.drivers.diagnosis.answers import refused_host

DJANGO = (
    b'\n<!doctype html>\n<html lang="en">\n<head>\n  <title>Bad Request (400)</title>\n</head>\n<body>\n'
    b"  <h1>Bad Request (400)</h1><p></p>\n</body>\n</html>\n"
)


@pytest.mark.parametrize(
    ("status", "body", "place"),
    [
        (400, DJANGO, "ALLOWED_HOSTS"),
        (400, b"<title>DisallowedHost at /</title>", "ALLOWED_HOSTS"),
        (400, b"Invalid host header", "TrustedHostMiddleware"),
        (403, b"Blocked hosts: shop.example", "config.hosts"),
        (403, b'Blocked request. This host ("shop.example") is not allowed.\nTo allow', "server.allowedHosts"),
    ],
)
def test_the_name_and_the_place_for_it_are_said(status: int, body: bytes, place: str) -> None:
    assert f"add “shop.example” to {place}" in refused_host(status, body, "shop.example").replace(
        "the allowed hosts of its ", ""
    )


@pytest.mark.parametrize(
    ("status", "body"), [(400, b'{"detail": "q is missing"}'), (403, b"Forbidden"), (200, DJANGO), (500, b"")]
)
def test_other_answers_are_not_taken_for_it(status: int, body: bytes) -> None:
    assert refused_host(status, body, "shop.example") == ""
