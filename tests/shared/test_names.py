import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.shared.names import (
    SLUG,
    Invalid,
    image_host,
    is_archive_name,
    parse_git_ref,
    parse_hostname,
    parse_image,
    parse_port,
    parse_relative_path,
    parse_slug,
    parse_text,
    parse_username,
    parse_variable,
    slug_from,
)


@pytest.mark.parametrize("text", ["a", "hello", "my-app-2", "a" * 40])
def test_good_slugs(text):
    assert parse_slug(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "-a", "a-", "a--b", "A", "a_b", "a b", "2a", "a.b", "../x", "а", "hеllo", "café", "ａ", "a" * 41, "a\n", "a/b"],
)
def test_bad_slugs_name_the_field(text):
    with pytest.raises(Invalid) as refused:
        parse_slug(text, field="name")
    assert refused.value.field == "name"


@given(st.text(max_size=200))
def test_any_free_name_becomes_a_slug(text):
    assert SLUG.fullmatch(slug_from(text))
    assert len(slug_from(text)) <= 40


@pytest.mark.parametrize("ref", ["main", "v1.2.3", "feature/x-1", "0123abcd", "refs/heads/main"])
def test_good_git_refs(ref):
    assert parse_git_ref(ref) == ref


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "-x",
        "--upload-pack=evil",
        "a b",
        "a..b",
        "a~1",
        "a^",
        "a:b",
        "x.lock",
        "/a",
        "a/",
        "a.",
        "a\x00",
        "a@{1}",
        "a\\b",
        "a?",
    ],
)
def test_bad_git_refs(ref):
    with pytest.raises(Invalid):
        parse_git_ref(ref)


@pytest.mark.parametrize(
    ("reference", "host"),
    [
        ("nginx", "docker.io"),
        ("library/nginx:1.25", "docker.io"),
        ("localhost:5000/team/app:1.2", "localhost:5000"),
        ("registry.example.com/team/app@sha256:" + "a" * 64, "registry.example.com"),
        ("127.0.0.1:5000/app:x", "127.0.0.1:5000"),
    ],
)
def test_good_images_and_their_registries(reference, host):
    assert parse_image(reference) == reference
    assert image_host(reference) == host


@pytest.mark.parametrize(
    "reference", ["", "-x", "App:1", "a b", "app:", "app@sha256:short", "http://x/y", "a/../b", "app:" + "x" * 200]
)
def test_bad_images(reference):
    with pytest.raises(Invalid):
        parse_image(reference)


@pytest.mark.parametrize("text", ["shop.example.com", "Shop.Example.com.", "localhost", "a-b.c"])
def test_good_hosts(text):
    assert parse_hostname(text) == text.lower().removesuffix(".")


@pytest.mark.parametrize(
    "text", ["", "http://x.y", "10.0.0.1", "*.x.y", "a b.c", "-a.b", "a-.b", "x/y", "x:80", "..", "a" * 64 + ".b"]
)
def test_bad_hosts(text):
    with pytest.raises(Invalid):
        parse_hostname(text)


@pytest.mark.parametrize("value", ["0", 65536, "x", None, "80.0", -1, "８０８x"])
def test_bad_ports(value):
    with pytest.raises(Invalid):
        parse_port(value)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", "a\\b", "", "a\x00"])
def test_paths_stay_inside_their_folder(path):
    with pytest.raises(Invalid):
        parse_relative_path(path)


def test_variables_users_and_texts():
    assert parse_variable("DATABASE_URL") == "DATABASE_URL"
    assert parse_username(" ada.lovelace ") == "ada.lovelace"
    assert parse_text("  hi ", field="x", longest=5) == "hi"
    for refuse in (
        lambda: parse_variable("1A"),
        lambda: parse_variable("A B"),
        lambda: parse_username("a@b"),
        lambda: parse_username(""),
        lambda: parse_text("x" * 6, field="x", longest=5),
        lambda: parse_text("\x00", field="x", longest=5),
        lambda: parse_text(" ", field="x", longest=5, required=True),
    ):
        with pytest.raises(Invalid):
            refuse()


def test_an_archive_is_known_by_its_name_however_it_is_written() -> None:
    names = ("app.zip", "APP.ZIP", "/a/b.tar.gz", "x.tgz", "x.Tar.Xz", "x.tar.bz2", "x.tar")
    assert all(map(is_archive_name, names))
    assert not any(map(is_archive_name, ("app", "app.zip.txt", "zip", "a.gz", "app.py")))
