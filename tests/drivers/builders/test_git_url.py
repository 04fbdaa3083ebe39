"""Addresses of repositories: what is meant, what is refused, and that no password is ever shown."""

from __future__ import annotations

import pytest

from fairway.drivers.addresses import permitted_address, public_only
from fairway.drivers.builders.git_failures import git_failure
from fairway.drivers.builders.git_url import parse_git_url
from fairway.shared.failures import Failure, NeedsPerson, Refused, Retry
from fairway.shared.names import Invalid


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "clean"),
    [
        ("https://github.com/team/app.git", "https", "github.com", 443, "https://github.com/team/app.git"),
        (
            "https://me:s3cret@git.example:8443/a b".replace(" ", "%20"),
            "https",
            "git.example",
            8443,
            "https://git.example:8443/a%20b",
        ),
        ("git@github.com:team/app.git", "ssh", "github.com", 22, "git@github.com:team/app.git"),
        ("ssh://git@git.example:2222/srv/app", "ssh", "git.example", 2222, "ssh://git@git.example:2222/srv/app"),
        ("https://[2001:db8::1]/app", "https", "2001:db8::1", 443, "https://[2001:db8::1]/app"),
        ("file:///srv/git/app.git", "file", "", 0, "file:///srv/git/app.git"),
    ],
)
def test_addresses(text: str, scheme: str, host: str, port: int, clean: str) -> None:
    url = parse_git_url(text, allow_file=True)
    assert (url.scheme, url.host, url.port, url.clean) == (scheme, host, port, clean)


def test_credentials_are_taken_out_of_sight() -> None:
    url = parse_git_url("https://me:p%40ss-word@git.example/app")
    assert (url.username, url.password) == ("me", "p@ss-word")
    assert "ss-word" not in f"{url} {url!r} {url.clean}"


@pytest.mark.parametrize(
    "text",
    [
        *("", "-uevil", "--upload-pack=x", "ext::sh -c id", "ext::sh", "fd::17", "http://git.example/app"),
        *("ftp://git.example/app", "git://git.example/app", "file:///srv/app", "/srv/app", "../app", "C:\\app"),
        *("https://", "https://git.example", "https://git.example/", "https://-evil/app", "ssh://-oProxyCommand=x/app"),
        *("ssh://-o@git.example/app", "ssh://me:pass@git.example/app", "git@-evil:app", "git@host:-app", "-o@host:app"),
        *(
            "https://git.example/app?x=1",
            "https://git.example/app#x",
            "https://git.example:99999/app",
            "https://git.example/a\nb",
        ),
        *("https://git.example/a b", "https://git.exa\u200bmple/app"),
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_git_url(text)
    assert caught.value.field == "url"


def test_a_refusal_does_not_repeat_the_password() -> None:
    with pytest.raises(Invalid) as caught:
        parse_git_url("https://me:s3cret-word@git.example/")
    assert "s3cret-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("remote: Repository not found.", Refused),
        ("fatal: Authentication failed for 'https://x'", NeedsPerson),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 302", Refused),
        ("git@x: Permission denied (publickey).", NeedsPerson),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", NeedsPerson),
        ("Host key verification failed.", NeedsPerson),
        ("fatal: couldn't find remote ref refs/heads/x", Refused),
        ("fatal: unable to access 'x': Could not resolve host: x", Retry),
        ("fatal: unable to access 'x': The requested URL returned error: 503", Retry),
        ("fatal: unable to update url base from redirection", Refused),
        ("something new", Refused),
    ],
)
def test_what_git_says_is_told_in_a_sentence(line: str, kind: type[Failure]) -> None:
    failure = git_failure([line], url="https://git.example/app", ref="main")
    assert type(failure) is kind
    assert "git.example" in failure.sentence
    assert failure.detail == line


def test_a_private_host_is_refused_by_the_number_it_resolves_to() -> None:
    with pytest.raises(NeedsPerson, match="this machine itself"):
        permitted_address("localhost", 80, public_only)
    assert permitted_address("127.0.0.1", 80, lambda address: True) == "127.0.0.1"
