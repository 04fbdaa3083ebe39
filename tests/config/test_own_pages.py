"""Whether the proxy serves Fairway's own pages: if the public address leads to it, or somebody says so."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from fairway.config.own_pages import own_host


@pytest.mark.parametrize(
    ("url", "https_port", "expected"),
    [
        ("http://localhost:8000", None, ""),
        ("http://fairway.example.com", None, "fairway.example.com"),
        ("http://fairway.example.com:8000", None, ""),
        ("https://fairway.example.com", None, ""),
        ("https://fairway.example.com", 443, "fairway.example.com"),
        ("https://Fairway.Example.com.:443/", 443, "fairway.example.com"),
        ("https://fairway.example.com:8443", 443, ""),
        ("https://fairway.example.com:8443", 8443, "fairway.example.com"),
        ("http://fairway.example.com:443", 443, ""),
        ("https://münchen.example", 443, "xn--mnchen-3ya.example"),
        ("https://fairway.example.com:99999", 443, ""),
        ("fairway.example.com", 443, ""),
        ("", 443, ""),
    ],
)
def test_left_alone_it_does_if_the_address_leads_to_one_of_its_ports(url, https_port, expected):
    assert own_host(url, "auto", 80, https_port) == expected


def test_behind_a_load_balancer_somebody_says_so():
    assert own_host("https://fairway.example.com", "on", 8080, None) == "fairway.example.com"
    assert own_host("https://fairway.example.com", "off", 80, 443) == ""


@pytest.mark.parametrize("url", ["", "fairway.example.com", "ftp://fairway.example.com", "https://", "https://a:99999"])
def test_an_address_without_a_host_is_refused_with_a_sentence(url):
    with pytest.raises(ImproperlyConfigured, match=r"FAIRWAY_PUBLIC_URL is .* like https://fairway\.example\.com"):
        own_host(url, "on", 8080, None)
