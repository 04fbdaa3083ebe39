"""Every secret × every way to write it × whatever stands around it × wherever it is cut."""

from __future__ import annotations

import html
import json
import random
import shlex
import string
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.shared import masking
from fairway.shared.masking import CUT, MASK, Masker

SECRETS = [
    "hunter22!/+x",
    "pässwörd/ü+%41",
    'a "quoted" \\ one',
    "sk_live_51H8&<x>='q'",
    "tab\tinside it",
    "ends in=",
    "🔑🔑🔑 key",
]
LONG = "".join(random.Random(7).choices(string.ascii_letters + string.digits + "+/=&%", k=700))


def bytewise(form: str) -> Callable[[str], str]:
    return lambda secret: "".join(form.format(byte) for byte in secret.encode())


def utf16(secret: str) -> str:
    units = secret.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2))


def in_base64(before: str, after: str, encode: Callable[[bytes], bytes] = b64encode) -> Callable[[str], str]:
    return lambda secret: encode((before + secret + after).encode()).decode()


WRITTEN: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda secret: quote(secret, safe=""),
    "percent, slashes kept": quote,
    "form": quote_plus,
    "every byte percent": bytewise("%{:02x}"),
    "every byte PERCENT": bytewise("%{:02X}"),
    "percent twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON, letters kept": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "JSON with \\/": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "JSON \\u": utf16,
    "repr": lambda secret: repr(secret)[1:-1],
    "bytes' repr": lambda secret: repr(secret.encode())[2:-1],
    "every byte \\x": bytewise("\\x{:02x}"),
    "octal": bytewise("\\{:03o}"),
    "shell": shlex.quote,
    "HTML": html.escape,
    "HTML numbers": lambda secret: "".join(f"&#{ord(letter)};" for letter in secret),
    "percent in JSON": lambda secret: json.dumps(quote(secret, safe="")),
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
    "base64": in_base64("", ""),
    "base64 of user:secret": in_base64("user:", ""),
    "base64 of someone:secret": in_base64("someone:", ":more"),
    "base64 in base64": lambda secret: b64encode(json.dumps({"auth": in_base64("u:", "")(secret)}).encode()).decode(),
    "base64 in a URL": in_base64("x", "", urlsafe_b64encode),
    "base64, percent": lambda secret: quote(in_base64("ab", "")(secret), safe=""),
    "base64 of JSON": lambda secret: b64encode(json.dumps({"password": secret}).encode()).decode(),
    "base64 of a form": lambda secret: b64encode(f"a=b&p={quote_plus(secret)}".encode()).decode(),
    "base64 in lines": lambda secret: "\n".join(
        in_base64("u" * 50, "v" * 50)(secret)[at : at + 76] for at in range(0, 2000, 76)
    ),
    "colours": "\x1b[1;31m".join,
    "a colour in the middle": lambda secret: secret[:3] + "\x1b[0m\x1b[38;5;12m" + secret[3:],
    "carriage returns": "\r".join,
    "a title": lambda secret: secret[:5] + "\x1b]0;title\x07" + secret[5:],
    "nothing to see": "\u200b\x00".join,
    "broken lines": lambda secret: secret[:4] + "\r\n   " + secret[4:],
    "colours in JSON": lambda secret: json.dumps("\x1b[1m".join(secret)),
    "colours around percent": lambda secret: "\x1b[2m" + quote(secret, safe="").replace("%", "%\x1b[2m"),
}
plain_letters = st.text(
    st.sampled_from(string.ascii_letters + string.digits + "!#$&'()*+,/:;=?@[]\"\\<>% ~-_.äé🔑"), min_size=8, max_size=90
)
secrets = (st.sampled_from([*SECRETS, LONG]) | plain_letters).filter(lambda secret: len(secret.strip()) >= 8)
around = st.text(st.sampled_from("ab1 .:,;=\"'{}[]\n\t/?&-é"), max_size=40)


@pytest.mark.parametrize("way", WRITTEN)
@pytest.mark.parametrize("secret", [*SECRETS, LONG])
def test_a_secret_is_masked_however_it_is_written(secret: str, way: str) -> None:
    written = WRITTEN[way](secret)
    shown = Masker([secret])(f"before {written} after")
    assert MASK in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    left = shown.removeprefix("before ").removesuffix(" after")
    assert not any(secret[at : at + 4] in left for at in range(len(secret) - 3))


@given(
    secrets,
    st.sampled_from(sorted(WRITTEN)),
    around,
    around,
    st.lists(st.integers(0, 3000), max_size=6),
    st.integers(0, 5000),
)
def test_nothing_of_it_is_left_wherever_it_stands_and_however_it_comes(
    secret: str, way: str, before: str, after: str, cuts: list[int], padding: int
) -> None:
    """In one piece, and through a stream that is cut anywhere: the same, and without the secret."""
    written = WRITTEN[way](secret)
    text = "." * padding + before + "\n" + written + " " + after
    masker = Masker([secret, "another one"])
    shown = masker(text)
    assert MASK in shown
    assert written not in shown
    stream, places = masker.stream(), sorted({0, *(cut % (len(text) + 1) for cut in cuts), len(text)})
    streamed = "".join(stream.feed(text[a:b]) for a, b in zip(places, places[1:], strict=False)) + stream.close()
    assert streamed == shown


@given(st.lists(secrets, max_size=4), st.text(max_size=300))
def test_what_holds_no_secret_stays_as_it_is(values: list[str], text: str) -> None:
    masker = Masker(values)
    found = masker.spans(text.encode("utf-8", "surrogatepass"))
    assert masker(text).count(MASK) >= len(found)
    if not found:
        assert masker(text) == text


def test_every_long_enough_line_of_a_value_is_masked() -> None:
    key = "-----BEGIN KEY-----\n" + "\n".join(f"MIIEvQIBADANBgkq{n:02}x" * 3 for n in range(9)) + "\nab\n-----END KEY-----"
    masker = Masker([key])
    assert masker(key).replace(MASK, "").strip() == ""
    for line in key.splitlines():
        assert masker(f"> {line} <") == (f"> {MASK} <" if len(line) >= 4 else f"> {line} <")
    assert masker(json.dumps(key)) == f'"{MASK}"'
    assert masker(key.replace("\n", "\r\n")).replace(MASK, "").strip() == ""


def test_short_values_are_ordinary_words() -> None:
    masker = Masker(["abc", "1", "", "  x  ", "prod", "\n\n"])
    assert masker("abc 1 x product prod") == f"abc 1 x {MASK}uct {MASK}"
    assert masker("cHJvZA==") == MASK
    assert masker("acHJvZAb") == "acHJvZAb", "so few characters stand in base64 by chance"
    assert masker("70726f64") == MASK


def test_a_part_of_a_long_secret_is_masked_too() -> None:
    shown = Masker([LONG])(f"starts {LONG[:96]}… ends …{LONG[-48:]}")
    assert shown == f"starts {MASK}… ends …{MASK}"


def test_what_is_around_stays_readable() -> None:
    assert Masker(["hunter22"])("\x1b[32mok\x1b[0m hun\x1b[1mter22\x1b[0m 100% \\d &amp; é") == (
        f"\x1b[32mok\x1b[0m {MASK}\x1b[0m 100% \\d &amp; é"
    )


def test_the_longest_of_overlapping_secrets_is_masked_whole() -> None:
    assert Masker(["abcd", "cdefgh", "xabcdx"])("abcdefgh xabcdx abcd") == f"{MASK} {MASK} {MASK}"


@given(st.integers(4, len(SECRETS[0]) - 4), st.sampled_from([SECRETS[0]]))
def test_a_secret_that_a_long_line_was_cut_in_is_masked_on_both_sides(at: int, secret: str) -> None:
    masked = Masker([secret]).lines()
    assert masked("x" * CUT + secret[:at], "stdout") == "x" * CUT + MASK
    assert masked("unharmed", "stderr") == "unharmed"
    assert masked(secret[at:] + " goes on", "stdout") == f"{MASK} goes on"
    assert masked(secret[at:] + " goes on", "stdout") == secret[at:] + " goes on"


@given(st.integers(4, len(SECRETS[0]) - 4), st.sampled_from([SECRETS[0]]))
def test_a_secret_that_an_unfinished_line_was_cut_in_is_masked_on_both_sides(at: int, secret: str) -> None:
    masked = Masker([secret]).lines()
    assert masked("key: " + secret[:at], "stdout", goes_on=True) == f"key: {MASK}"
    assert masked(secret[at:] + " goes on", "stdout") == f"{MASK} goes on"


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "\\",
        "%41",
        "&amp;",
        "\x1b[31m",
        "\x1b[",
        "\x1b]",
        "\n",
        " \r\n ",
        "hunter22",
        "hunter2",
        "%",
        "&",
        "\\u",
        "aHVudGVy",
        "😀",
    ],
)
def test_the_cost_grows_no_faster_than_the_text(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: places looked at, and escapes decoded, per character of a hostile text."""
    looks = 0

    class Counted(dict):  # type: ignore[type-arg]
        def __getitem__(self, key: object) -> object:
            nonlocal looks
            looks += 1
            return super().__getitem__(key)

    masker = Masker(["hunter22", "a" * 64, "a" * 65 + "b", "hunter2" * 20])
    assert masker._finder is not None
    masker._finder._lengths = Counted(masker._finder._lengths)
    original = masking._meant_by
    decoded: list[bytes] = []
    monkeypatch.setattr(masking, "_meant_by", lambda escape: decoded.append(escape) or original(escape))
    found = {}
    for times in (500, 1000):
        looks = 0
        decoded.clear()
        masker(unit * times)
        found[times] = looks + len(decoded)
    assert found[1000] <= 2.1 * found[500] + 100
    assert found[1000] <= (3 * masking.LAYERS + 3) * 1000 * len(unit.encode()) + 100


def test_a_stream_looks_at_everything_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = Masker.spans
    monkeypatch.setattr(Masker, "spans", lambda self, data: seen.append(len(data)) or original(self, data))
    stream = Masker(["hunter22"]).stream()
    shown = "".join(stream.feed("x") for _ in range(20_000)) + stream.close()
    assert shown == "x" * 20_000
    assert sum(seen) <= 3 * 20_000
