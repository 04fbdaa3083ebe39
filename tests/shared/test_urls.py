"""Secrets in addresses are found by what they are, refused where they are typed and masked where they are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.shared.masking import MASK
from fairway.shared.names import Invalid
from fairway.shared.urls import masked, refuse_secrets, secrets_in, without_secrets

WITH = {
    "https://ada:pa%24s@example.com/a.zip": "pa$s",
    "https://ghp_16CharactersLong@github.com/x.git": "ghp_16CharactersLong",
    "https://:only-a-password@example.com/a": "only-a-password",
    "https://ada:a@b@example.com/a": "a@b",
    "ssh://ada:word@example.com/x": "word",
    "postgres://f:word@db/x": "word",
    "https://example.com/a.zip?token=abc": "abc",
    "https://example.com/a.zip?x=1&Access_Token=abc": "abc",
    "https://example.com/a.zip?X-Amz-Date=1&X-Amz-Signature=0f9e": "0f9e",
    "https://example.com/a?sig=x%2By": "x+y",
    "https://example.com/a?apikey=1": "1",
    "https://example.com/a?private-token=1": "1",
    "https://example.com/a?password=p": "p",
    "https://example.com/a?u=Zx81kQ99pLmN3vB7tR2w": "Zx81kQ99pLmN3vB7tR2w",
    "https://example.com/a#access_token=t": "t",
}
WITHOUT = [
    "https://example.com/a.zip", "https://example.com/a.zip?ref=main&download=1", "git@github.com:team/app.git", "x",
    "ssh://git@example.com/team/app.git", "https://example.com:8443/a@b/c.zip", "r.example.com/app@sha256:" + "a" * 64,
    "https://example.com/?page=2&sort=name#top", "https://example.com/x?sha=" + "0f" * 20, "",
]  # fmt: skip


@pytest.mark.parametrize(("url", "secret"), WITH.items())
def test_a_secret_in_an_address_is_found_masked_and_refused(url, secret):
    assert secret in list(secrets_in(f"at {url} it"))
    clean = without_secrets(url)
    assert MASK in clean
    assert list(secrets_in(clean)) == []
    assert without_secrets(clean) == clean
    with pytest.raises(Invalid) as refused:
        refuse_secrets(url, field="url", advice="Leave it out.")
    assert len(secret) < 6 or secret not in refused.value.sentence
    assert "Leave it out." in refused.value.sentence


@pytest.mark.parametrize("url", WITHOUT)
def test_an_address_without_one_stays_as_it_is(url):
    assert list(secrets_in(url)) == []
    assert without_secrets(url) == url
    refuse_secrets(url, field="url", advice="x")


@given(st.text(max_size=80), st.sampled_from(sorted(WITH)), st.text(max_size=20))
def test_masking_leaves_no_secret_and_never_breaks(before, url, after):
    assert list(secrets_in(without_secrets(f"{before} {url} {after}"))) == []


def test_facts_are_shown_all_through():
    facts = {"a": ["https://u:p@x.y/"], "b": {"c": "https://x.y/?token=t"}, "d": 1, "e": None}
    assert masked(facts) == {"a": [f"https://u:{MASK}@x.y/"], "b": {"c": f"https://x.y/?token={MASK}"}, "d": 1, "e": None}
