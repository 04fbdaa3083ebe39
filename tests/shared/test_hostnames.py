"""Host names are compared by what they mean."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.shared.hostnames import (
    IsAnAddress,
    NotAHostname,
    ascii_host_address,
    canonical_hostname,
    hostname_in,
    is_same_or_below,
    mixed_scripts,
    readable_hostname,
    registry_in,
)
from fairway.shared.names import Invalid, parse_domain, registry_of

SAME = {
    "shop.example.com": [
        "Shop.Example.COM",
        "shop.example.com.",
        " shop.example.com ",
        "ｓｈｏｐ.example.com",
        "shop。example．com",
    ],
    "xn--bcher-kva.example": ["bücher.example", "BÜCHER.example", "bu\u0308cher.example", "XN--BCHER-KVA.example."],
    "xn--strae-oqa.example": ["straße.example", "xn--strae-oqa.example"],
    "localhost": ["LOCALHOST", "localhost.", "ⓛocalhost"],
    "a--b.example": ["A--B.example"],
}


@pytest.mark.parametrize(("meant", "typed"), [(meant, typed) for meant, all_ in SAME.items() for typed in all_])
def test_every_spelling_is_the_same_host(meant, typed):
    assert canonical_hostname(typed) == meant
    assert hostname_in(f"{typed.strip()}:8080") == meant


@pytest.mark.parametrize("typed", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "x.0x7f", "１２７.0.0.1"])
def test_numbers_are_no_names_however_they_are_written(typed):
    with pytest.raises(IsAnAddress):
        canonical_hostname(typed)


NO_NAMES = [
    *("", ".", "..", "a..b", "*.example.com", ".example.com", "a b", "a/b", "a:80", "[::1]", "fe80::1%eth0", "a_b.c"),
    *("a@b.c", "http://a.b", "xn--a.example", "xn--zzzz--.x", "\x00.a", "a\n.b", "\u202ea.b", "a" * 64 + ".b"),
    ".".join(["a" * 60] * 5),
]


@pytest.mark.parametrize("typed", NO_NAMES)
def test_what_is_no_name(typed):
    with pytest.raises(NotAHostname):
        canonical_hostname(typed)


def test_what_is_no_name_has_no_host_in_it():
    assert [hostname_in(typed) for typed in NO_NAMES if typed != "a:80"] == [""] * (len(NO_NAMES) - 1)
    assert hostname_in("a:80") == "a"


labels = st.text(string.ascii_letters + string.digits, min_size=1, max_size=10)


@given(st.lists(labels, min_size=1, max_size=4), labels.filter(str.isalpha), st.booleans(), st.booleans())
def test_spelling_never_tells_two_hosts_apart_or_makes_two_one(names, top, shouts, is_rooted):
    host = ".".join([*names, top])
    typed = (host.upper() if shouts else host) + "." * is_rooted
    try:
        meant = canonical_hostname(typed)
    except NotAHostname:
        return  # xn-- that decodes to nothing
    assert meant == host.lower()
    assert canonical_hostname(meant) == meant


@given(st.text(max_size=60))
def test_any_text_is_a_host_or_refused(text):
    try:
        assert canonical_hostname(canonical_hostname(text)) == canonical_hostname(text)
    except NotAHostname:
        assert hostname_in(text) == "" or ":" in text


def test_below_is_by_label():
    assert is_same_or_below("a.example.com", ["example.com"])
    assert is_same_or_below("example.com", ["example.com"])
    assert not is_same_or_below("badexample.com", ["example.com"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Index.Docker.io", "docker.io"),
        ("registry-1.docker.io:443", "docker.io"),
        ("Registry.Example.com.", "registry.example.com"),
        ("registry.example.com:443", "registry.example.com"),
        ("registry.example.com:5000", "registry.example.com:5000"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("[::1]:5000", "[::1]:5000"),
        ("[::1]", "[::1]"),
    ],
)
def test_registries_have_one_spelling(typed, meant):
    assert registry_in(typed) == meant


def test_an_image_names_its_registry_by_meaning():
    assert registry_of("nginx") == registry_of("index.docker.io/library/nginx:1") == "docker.io"


TYPED = ["münchen.example", "straße.example", "пример.example", "東京.example", "日本のサイト.example", "plain.example"]
LOOK_ALIKE = ["pаypal.example", "pаypal.example".encode("idna").decode(), "αlpha.example", "раy.shop.example"]
TOGETHER = ["東京tower.example", "한국korea.example", "münchen.пример", "カーsize.example", "a1-b2.example"]


@pytest.mark.parametrize("typed", TYPED)
def test_a_name_is_shown_as_it_was_typed(typed):
    host = parse_domain(typed)
    assert host.isascii()
    assert readable_hostname(host) == typed
    assert readable_hostname(f"https://{host}:8443/a?b=xn") == f"https://{typed}:8443/a?b=xn"


@pytest.mark.parametrize("text", ["xn--a.example", "xn--.example", "no name at all", "xn--zzzz--.x"])
def test_what_is_no_name_is_shown_as_it_is(text):
    assert readable_hostname(text) == text


@pytest.mark.parametrize("typed", LOOK_ALIKE)
def test_letters_of_two_scripts_that_look_alike_are_refused(typed):
    with pytest.raises(Invalid, match=r"mixes (Cyrillic|Greek) and Latin letters"):
        parse_domain(typed)


@pytest.mark.parametrize("typed", TOGETHER)
def test_scripts_that_are_written_together_are_taken(typed):
    assert mixed_scripts(canonical_hostname(typed)) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("https://münchen.example:8443/a", "https://xn--mnchen-3ya.example:8443/a"),
        (".münchen.example", ".xn--mnchen-3ya.example"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("[::1]", "[::1]"),
        ("*", "*"),
        ("http://LOCALHOST:8000", "http://LOCALHOST:8000"),
        ("ä b", "ä b"),
    ],
)
def test_a_setting_names_the_form_that_computers_use(typed, meant):
    assert ascii_host_address(typed) == meant
