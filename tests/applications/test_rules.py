import pytest

from fairway.applications.rules import (
    configuration_diff,
    missing_names,
    parse_git_url,
    parse_source,
    parse_variables,
    ssh_host,
)
from fairway.shared.names import Invalid

SHA = "a" * 64


@pytest.mark.parametrize(
    ("kind", "source", "clean"),
    [
        ("image", {"image": "nginx:1"}, {"image": "nginx:1"}),
        ("git", {"url": "https://example.com/a.git"}, {"url": "https://example.com/a.git", "ref": "HEAD"}),
        (
            "git",
            {"url": "git@example.com:a/b.git", "ref": "main", "folder": "web/"},
            {"url": "git@example.com:a/b.git", "ref": "main", "folder": "web"},
        ),
        ("archive", {"upload": f"sha256:{SHA}"}, {"upload": SHA}),
        ("archive", {"url": "https://x.y/a.zip", "checksum": SHA}, {"url": "https://x.y/a.zip", "checksum": SHA}),
    ],
)
def test_good_sources(kind, source, clean):
    assert parse_source(kind, source) == clean


@pytest.mark.parametrize(
    ("kind", "source", "field"),
    [
        ("image", {}, "image"),
        ("image", {"image": "--privileged"}, "image"),
        ("git", {"url": "ext::sh -c id"}, "url"),
        ("git", {"url": "--upload-pack=x"}, "url"),
        ("git", {"url": "https://user:pass@example.com/a.git"}, "url"),
        ("git", {"url": "https://token@example.com/a.git"}, "url"),
        ("git", {"url": "https://example.com/a.git", "ref": "-x"}, "ref"),
        ("git", {"url": "https://example.com/a.git", "folder": "../.."}, "folder"),
        ("git", {"url": "git@host:-oProxyCommand=x"}, "url"),
        ("git", {"url": "http://example.com/a.git"}, "url"),
        ("archive", {"url": "http://x.y/a.zip", "checksum": SHA}, "url"),
        ("archive", {"url": "https://x.y/a.zip"}, "checksum"),
        ("archive", {"upload": "../../etc/passwd"}, "upload"),
        ("rocket", {}, "source"),
    ],
)
def test_bad_sources_name_the_field(kind, source, field):
    with pytest.raises(Invalid) as refused:
        parse_source(kind, source)
    assert refused.value.field == field


def test_an_address_with_credentials_says_where_they_belong():
    with pytest.raises(Invalid, match="Settings"):
        parse_git_url("https://user:hunter22@example.com/a.git")


@pytest.mark.parametrize(
    "values",
    [{"1A": "x"}, {"PORT": "1"}, {"FAIRWAY_X": "1"}, {"A": "\x00"}, {"A": ["x"]}, {"A": "x" * 70_000}, {"A B": "x"}],
)
def test_bad_variables(values):
    with pytest.raises(Invalid):
        parse_variables(values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"BIG": "é" * 32_769}, "BIG has 65538 bytes"),
        ({"HALF": "\ud800"}, "HALF contains half a character"),
        ({"NUL": "a\x00b"}, "NUL must be text"),
        ({f"V{number}": "x" * 60_000 for number in range(9)}, "have 540018 bytes in total"),
    ],
)
def test_what_no_process_can_be_given_is_refused_by_name_and_size(values, words):
    with pytest.raises(Invalid, match=words):
        parse_variables(values)
    assert parse_variables({"LARGE": "x" * 65_536, "LINES": "a\r\nb\n"})["LINES"] == "a\r\nb\n"


def test_a_diff_shows_values_but_never_those_of_secrets():
    changes = configuration_diff({"A": "1", "B": "2"}, {"S": "m1", "T": "m2"}, {"A": "9", "C": "3"}, {"S": "m9", "U": "m3"})
    words = {(change.name, change.kind, change.before, change.after) for change in changes}
    assert words == {
        ("A", "changed", "1", "9"), ("B", "removed", "2", ""), ("C", "added", "", "3"),
        ("S", "changed", "", ""), ("T", "removed", "", ""), ("U", "added", "", ""),
    }  # fmt: skip


def test_an_empty_value_does_not_meet_a_requirement():
    assert missing_names(("A", "B", "C"), {"A": "1", "B": ""}, {"C": "mark"}) == ["B"]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("git@Git.example.com:a/b.git", "git.example.com"),
        ("ssh://git@x.test:2222/a", "x.test"),
        ("https://x.test/a", ""),
        ("file:///a", ""),
    ],
)
def test_a_deploy_key_is_found_by_the_host_of_an_ssh_address(url, host):
    assert ssh_host(url) == host
