"""Mail through a real server: STARTTLS, TLS and sign-in; what is wrong is said in words, and the password nowhere."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils import timezone, translation

from fairway.accounts.commands import create_person
from fairway.accounts.mail_commands import reseal_mail, send_invitation, send_test, set_mail
from fairway.accounts.mailing import BACKEND, can_send_mail, mailing
from fairway.accounts.models import MailSettings, User
from fairway.accounts.rules import Actor, Blocked, Role
from fairway.activity.models import Event
from fairway.drivers.messengers.smtp import CannotSend, Security, Server, Trouble, check
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from tests.conftest import make_person
from tests.services.mail import NOT_TAKEN, PASSWORD, USER, MailServer, certificate_for, mail_server
from tests.services.ports import free_port

SENDER = "fairway@example.com"


@pytest.fixture(autouse=True)
def _really(settings: Any) -> None:
    settings.EMAIL_BACKEND = BACKEND


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate_for(tmp_path_factory.mktemp("mail"))


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    return certificate[0]


@pytest.fixture
def server(trusted: Path) -> Iterator[MailServer]:
    with mail_server(trusted) as found:
        yield found


@pytest.fixture
def admin(db: None) -> Actor:
    actor = make_person("ada", Role.ADMIN)
    User.objects.filter(pk=actor.id).update(email="ada@example.com", email_confirmed_at=timezone.now())
    return actor


def use(admin: Actor, server: MailServer, **other: Any) -> None:
    values = {"host": server.host, "port": server.port, "username": USER, "password": PASSWORD, "sender": SENDER, **other}
    set_mail(actor=admin, **values)


def browser(actor: Actor) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=actor.id))
    return client


def trouble(admin: Actor, to: str = "ada@example.com") -> str:
    with pytest.raises(Refused) as caught:
        send_test(actor=admin, to=to)
    told = Event.objects.latest("pk")
    assert (told.verb, told.comment) == ("mail.failed", caught.value.sentence)
    return caught.value.sentence


def test_a_mail_is_sent_with_starttls_and_a_sign_in_as_text_and_html(admin, server):
    use(admin, server, sender_name="Fairway, at Example")
    send_test(actor=admin, to="ada@example.com")
    (mail,) = server.mails
    assert (mail["From"], mail["To"]) == ('"Fairway, at Example" <fairway@example.com>', "ada@example.com")
    assert mail["Subject"] == "Test mail from Fairway"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@localhost>")
    text, html = (mail.get_body((form,)).get_content() for form in ("plain", "html"))
    assert "Fairway can send mail" in text
    assert "<" not in text
    assert "<h1" in html
    assert "Fairway can send mail" in html
    assert Event.objects.latest("pk").verb == "mail.sent"


def test_a_mail_is_sent_with_tls_from_the_first_byte_and_without_any_encryption_or_sign_in(admin, trusted):
    with mail_server(trusted, at_once=True) as server:
        use(admin, server, security="tls")
        send_test(actor=admin, to="ada@example.com")
        assert len(server.mails) == 1
    with mail_server(None, signs_in=False) as server:
        use(admin, server, security="none", username="", password=None)
        send_test(actor=admin, to="ada@example.com")
        assert len(server.mails) == 1


def test_what_is_wrong_is_said_in_words(admin, server, trusted, monkeypatch):
    use(admin, server, host="no-such-machine.invalid")
    assert "There is no machine called “no-such-machine.invalid”" in trouble(admin)
    use(admin, server, port=free_port())
    assert "refused the connection on port" in trouble(admin)
    use(admin, server, password="a wrong one")
    sentence = trouble(admin)
    assert "refused the user name or the password: 535" in sentence
    use(admin, server, security="tls")
    assert "Port 465 usually needs TLS, port 587 STARTTLS" in trouble(admin)
    use(admin, server)
    assert f"refused the recipient {NOT_TAKEN}: 550 5.1.1 No such user" in trouble(admin, NOT_TAKEN)
    server.refuses_senders = True
    assert f"refused {SENDER} as the sender: 550 5.7.1" in trouble(admin)
    with mail_server(None, signs_in=False) as plain:
        use(admin, plain)
        assert "does not offer STARTTLS" in trouble(admin)
        use(admin, plain, security="none", username="", password=None)
        send_test(actor=admin, to="ada@example.com")
    with mail_server(trusted) as needy:
        use(admin, needy, username="", password=None)
        assert "requires a user name and password" in trouble(admin)
    use(admin, server)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "The certificate of “localhost” cannot be trusted" in trouble(admin)
    with translation.override("fr"):
        assert trouble(admin).startswith("Le certificat de «\N{NO-BREAK SPACE}localhost")


def test_a_server_that_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(CannotSend) as caught:
        check(Server("127.0.0.1", silent.getsockname()[1], Security.NONE, seconds=0.2))
    assert caught.value.trouble is Trouble.TIMEOUT


def test_the_password_is_sealed_and_stands_nowhere(admin, server, caplog):
    caplog.set_level(logging.DEBUG)
    use(admin, server)
    send_test(actor=admin, to="ada@example.com")
    use(admin, server, password="wr0ng but secret")
    trouble(admin)
    use(admin, server)
    client = browser(admin)
    page = client.get("/settings/mail").content.decode()
    assert 'name="password"' in page
    shown = client.get("/api/v1/mail").json()
    assert (shown["has_password"], "password" in shown) == (True, False)
    everywhere = [
        page,
        json.dumps(shown),
        "\n".join(_ours(caplog)),
        *(repr(vars(row)) for row in MailSettings.objects.all()),
    ]
    everywhere += [json.dumps([one.before, one.after, one.comment]) for one in Event.objects.all()]
    everywhere += [repr(mailing()), str(mailing())]
    for secret in (PASSWORD, "wr0ng but secret"):
        assert not [text for text in everywhere if secret in text]
    reseal_mail()
    assert mailing().server.password == PASSWORD


def _ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Without what the test's own mail server logs."""
    return [f"{one.getMessage()} {one.exc_text}" for one in caplog.records if one.name != "mail.log"]


def test_a_server_that_repeats_the_password_does_not_bring_it_onto_the_page(admin, trusted, monkeypatch):
    monkeypatch.setattr("tests.services.mail.USER", "somebody else")
    with mail_server(trusted) as server:
        use(admin, server)
        sentence = trouble(admin)
    assert "535 5.7.8 Wrong …" in sentence
    assert PASSWORD not in sentence


def test_the_stored_password_goes_to_no_other_server_or_user(admin, server):
    use(admin, server)
    use(admin, server, password=None, sender_name="New name")
    assert mailing().sender_name == "New name"
    for other in ({"host": "elsewhere.example.com"}, {"port": 26}, {"username": "other"}, {"security": "tls"}):
        with pytest.raises(Invalid, match="must be entered again"):
            use(admin, server, password=None, **other)
    assert (mailing().server.host, mailing().server.password) == (server.host, PASSWORD)


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("host", {"host": "http://mail"}),
        ("port", {"port": 0}),
        ("port", {"port": 65536}),
        ("security", {"security": "ssl"}),
        ("security", {"security": "none"}),
        ("sender", {"sender": ""}),
        ("sender", {"sender": "nobody"}),
        ("password", {"password": ""}),
        ("password", {"password": "two\nlines"}),
        ("username", {"username": ""}),
        ("sender_name", {"sender_name": "Fairway\nBcc: everybody@example.com"}),
    ],
)
def test_bad_settings_are_refused_by_their_field(admin, server, field, other):
    with pytest.raises(Invalid) as caught:
        use(admin, server, **other)
    assert caught.value.field == field
    assert mailing() is None


def test_only_administrators_set_and_test_mail(admin, server):
    use(admin, server)
    manager = make_person("max", Role.RELEASE_MANAGER)
    for act in (lambda: use(manager, server), lambda: send_test(actor=manager, to="max@example.com")):
        with pytest.raises(Blocked):
            act()
    client = browser(manager)
    assert {client.get("/settings/mail").status_code, client.get("/api/v1/mail").status_code} == {403}
    assert client.post("/settings/mail/test", {"to": "max@example.com"}).status_code == 403
    assert not server.mails


def test_environment_variables_come_first_and_cannot_be_changed_here(admin, server, monkeypatch, tmp_path):
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    for name, value in {
        "FAIRWAY_SMTP_HOST": server.host, "FAIRWAY_SMTP_PORT": str(server.port), "FAIRWAY_SMTP_USER": USER,
        "FAIRWAY_SMTP_PASSWORD_FILE": str(file), "FAIRWAY_MAIL_FROM": SENDER,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    send_test(actor=admin, to="ada@example.com")
    assert server.mails[0]["From"] == f"Fairway <{SENDER}>"
    with pytest.raises(Refused, match="Environment variables"):
        use(admin, server)
    page = browser(admin).get("/settings/mail").content.decode()
    assert "Environment variables" in page
    assert PASSWORD not in page
    for name, value in {"FAIRWAY_SMTP_SECURITY": "none", "FAIRWAY_SMTP_PORT": "many", "FAIRWAY_MAIL_FROM": ""}.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            with pytest.raises(ImproperlyConfigured, match=name):
                mailing()


def test_the_page_sets_the_server_and_says_what_came_of_a_test(admin, server):
    client = browser(admin)
    assert "Fairway sends no mail" in client.get("/settings/mail").content.decode()
    form = {"host": "localhost", "port": server.port, "security": "starttls", "username": USER, "password": PASSWORD,
            "sender_name": "", "sender": SENDER}  # fmt: skip
    refused = client.post("/settings/mail", {**form, "security": "none"})
    assert refused.status_code == 422
    assert "a password is never sent unencrypted" in refused.content.decode()
    saved = client.post("/settings/mail", form, follow=True).content.decode()
    assert "Send a test mail to see whether it works" in saved
    assert 'value="ada@example.com"' in saved
    assert (
        "accepted a test mail to ada@example.com"
        in client.post("/settings/mail/test", {"to": "ada@example.com"}).content.decode()
    )
    answer = client.post("/settings/mail/test", {"to": NOT_TAKEN})
    assert answer.status_code == 409
    assert "refused the recipient" in answer.content.decode()
    assert client.post("/settings/mail/test", {"to": "nobody"}).status_code == 422
    assert client.post("/settings/mail", {**form, "host": "", "username": "", "password": ""}).status_code == 302
    assert (mailing(), can_send_mail()) == (None, False)


def test_an_invitation_is_sent_in_the_language_of_its_recipient(admin, server):
    use(admin, server)
    user, _ = create_person(actor=admin, username="grace", email="grace@example.com")
    user.language = "fr"
    link = "http://localhost:8000/invitation/abc?x=1&y=2"
    send_invitation(actor=admin, user=user, link=link)
    (mail,) = server.mails
    assert (mail["Subject"], mail["Content-Language"]) == ("Votre accès à Fairway", "fr")
    assert link in mail.get_body(("plain",)).get_content().replace("=\n", "")
    assert 'href="http://localhost:8000/invitation/abc?x=1&amp;y=2"' in mail.get_body(("html",)).get_content()
    user.email_confirmed_at = None
    with pytest.raises(Invalid, match="not confirmed"):
        send_invitation(actor=admin, user=user, link=link)


def test_the_page_sends_an_invitation_where_it_can_and_says_so_only_then(admin, server):
    client = browser(admin)
    form = {"username": "grace", "name": "", "email": "grace@example.com", "rows": "0"}
    page = client.post("/settings/people/new", form).content.decode()
    assert "was sent" not in page
    use(admin, server)
    page = client.post("/settings/people/grace/link").content.decode()
    assert "The link was sent to grace@example.com." in page
    (mail,) = server.mails
    assert mail["To"] == "grace@example.com"
    assert "/invitation/" in mail.get_body(("plain",)).get_content()
    server.refuses_senders = True
    page = client.post("/settings/people/grace/link").content.decode()
    assert "could not be sent by mail" in page
    assert "as the sender" in page
    assert "/invitation/" in page, "the link is there to be passed on"
    answer = client.post(
        "/api/v1/people", {"username": "linus", "email": "l@example.com", "send_mail": True}, "application/json"
    )
    assert answer.status_code in {201, 403}, "a session must bring its CSRF header"


def test_a_forgotten_password_is_answered_by_mail_and_never_by_a_promise(admin, server, client):
    use(admin, server)
    answer = client.post("/accounts/password/reset/", {"email": "Ada@example.com"}, follow=True)
    assert "Look into your mail" in answer.content.decode()
    (mail,) = server.mails
    assert mail["Subject"] == "Choose a new password for Fairway"
    link = next(word for word in mail.get_body(("plain",)).get_content().split() if "/password/reset/key/" in word)
    assert client.get(link, follow=True).status_code == 200
    assert Event.objects.latest("pk").actor_name == "Fairway"
    MailSettings.objects.update(port=1)
    for address in ("ada@example.com", "nobody@example.com"):
        page = client.post("/accounts/password/reset/", {"email": address}, follow=True).content.decode()
        assert "no link was sent" in page, "the same for everybody, or it would tell who has an account"
