"""What may stand in an entry.yaml, and what is made of a person's answers."""

from __future__ import annotations

import re

import pytest

from fairway.catalog.rules import FILE, Generated, OpenId, SignIn, filled, make_secrets, parse_answers, parse_entry, said
from fairway.shared.names import Invalid

GOOD = """\
title: Notes
version: 1.2.0-3
licence: MIT
home_page: https://notes.example
category: tools
summary: {en: Notes for everybody., fr: Des notes pour tout le monde.}
stores: {en: Notes., fr: Des notes.}
memory: 80m
disk: 1g
sign_in: own
access: [signed_in, public]
page: /
checked: []
first_steps: {en: Open it., fr: Ouvrez-le.}
ask:
  TITLE:
    type: text
    label: {en: Title, fr: Titre}
    default: Our notes
  OWNER:
    type: email
    label: {en: Owner, fr: Propriétaire}
generate: {SECRET_KEY: key, ADMIN_PASSWORD: password}
variables: {PUBLIC_URL: "{url}/", MODE: simple, OWNED_BY: "{person}"}
"""


def entry(text: str = GOOD):
    return parse_entry("notes", text)


def test_an_entry_is_read():
    one = entry()
    assert (one.id, one.version, one.memory_bytes, one.disk_bytes) == ("notes", "1.2.0-3", 80 * 2**20, 2**30)
    assert (one.access[0], [question.name for question in one.ask]) == ("signed_in", ["TITLE", "OWNER"])
    assert (said(one.summary, "fr-ca"), said(one.summary, "de")) == ("Des notes pour tout le monde.", "Notes for everybody.")


@pytest.mark.parametrize(
    ("line", "changed", "words"),
    [
        ("version: 1.2.0-3", "version: latest", "line 2.*1.2.0|line 2.*4.6.6-1"),
        ("home_page: https://notes.example", "home_page: notes.example", "line 4.*https"),
        ("category: tools", "category: games", "line 5.*data, websites"),
        (", fr: Des notes pour tout le monde.}", "}", "line 6.*fr"),
        ("memory: 80m", "memory: much", "line 8.*512m"),
        ("access: [signed_in, public]", "access: [everybody]", "line 11.*signed_in"),
        ("page: /", "page: lab", "line 12.*begins with /"),
        ("checked: []", "checked: [moon]", "line 13.*process"),
        ("    type: text", "    type: file", "line 17.*email"),
        ("  OWNER:", "  own-er:", "line 21|line 20"),
        ("SECRET_KEY: key", "SECRET_KEY: dice", "line 23.*password"),
        ("title: Notes", "titel: Notes", "line 1.*titel"),
        ("licence: MIT\n", "", "needs the key “licence”"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(line, changed, words):
    assert line in GOOD
    with pytest.raises(Invalid, match=words) as caught:
        entry(GOOD.replace(line, changed, 1))
    assert caught.value.field.startswith(FILE)


def test_a_folder_must_be_called_as_an_address_can_be():
    with pytest.raises(Invalid, match="slug"):
        parse_entry("My Notes", GOOD)


def test_answers_become_variables_and_empty_ones_take_the_default():
    answers = parse_answers(entry(), {"TITLE": " ", "OWNER": "ada@example.com"})
    assert answers == {"TITLE": "Our notes", "OWNER": "ada@example.com"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "OWNER"),
        ({"OWNER": "ada"}, "OWNER"),
        ({"OWNER": "ada@example.com", "COLOUR": "red"}, "COLOUR"),
        ({"OWNER": "ada@example.com", "TITLE": "x" * 201}, "TITLE"),
    ],
)
def test_a_wrong_answer_names_its_question(given, field):
    with pytest.raises(Invalid) as caught:
        parse_answers(entry(), given)
    assert caught.value.field == field


def test_secrets_are_made_anew_for_each_installation():
    first, second = make_secrets(entry()), make_secrets(entry())
    assert set(first) == {"SECRET_KEY", "ADMIN_PASSWORD"}
    assert entry().generate["ADMIN_PASSWORD"] is Generated.PASSWORD
    assert all(len(value) >= 20 for value in first.values())
    assert not set(first.values()) & set(second.values())


def test_variables_know_the_address_and_who_installed_it():
    found = filled(entry(), url="http://notes.test", person="ada")
    assert found == {"PUBLIC_URL": "http://notes.test/", "MODE": "simple", "OWNED_BY": "ada"}


OPENID = "openid: {callback: /oauth/callback, issuer: OIDC_ISSUER, client_id: OIDC_ID, client_secret: OIDC_SECRET}\n"
BY_OPENID = GOOD.replace("sign_in: own", "sign_in: openid").replace("access: [signed_in, public]", "access: [signed_in]")


def test_an_entry_asks_to_be_registered():
    one = entry(BY_OPENID + OPENID)
    assert one.sign_in is SignIn.OPENID
    assert one.openid == OpenId("/oauth/callback", "OIDC_ISSUER", "OIDC_ID", "OIDC_SECRET")
    assert entry().openid is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BY_OPENID, "line 10.*must say callback"),
        (GOOD + OPENID, "line 25.*goes only with"),
        (BY_OPENID.replace("[signed_in]", "[signed_in, public]") + OPENID, "line 11.*signed_in"),
        (BY_OPENID + OPENID.replace("/oauth/callback", "https://evil.test"), "line 25.*begins with /"),
        (BY_OPENID + OPENID.replace("OIDC_ISSUER", "not a name"), "line 25"),
        (BY_OPENID + OPENID.replace("issuer: OIDC_ISSUER, ", ""), "line 25.*issuer"),
    ],
)
def test_what_contradicts_itself_is_refused(text, words):
    with pytest.raises(Invalid) as refused:
        entry(text)
    assert re.search(words, f"{refused.value.field} {refused.value.sentence}")
