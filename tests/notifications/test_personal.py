"""People are told by mail when somebody may have taken over their account."""

from __future__ import annotations

import time
from email.message import EmailMessage
from typing import Any

import pytest
from django.utils import timezone

from fairway.accounts.commands import give_new_password, invite_again, record_sign_in
from fairway.accounts.mail_commands import set_mail
from fairway.accounts.models import User
from fairway.accounts.profiles import edit_person, edit_profile, set_own_password
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Actor, Role
from fairway.accounts.two_step import make_recovery_codes, new_secret, reset_two_step, take_code, turn_on
from fairway.activity.rules import Door
from fairway.notifications.commands.channels import create_channel
from fairway.notifications.commands.outbox import channels_due, make_notices, send_due
from fairway.notifications.models import Channel, Notice
from fairway.notifications.queries import visible_to
from fairway.shared.names import Invalid
from tests.conftest import make_person
from tests.notifications.conftest import use_mail
from tests.services.authenticator import code_for
from tests.services.mail import MailServer

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
NEWER = "Mozilla/5.0 (X11; Linux x86_64; rv:134.0) Gecko/20100101 Firefox/134.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Safari/604.1"


@pytest.fixture
def vera(viewer: Actor) -> User:
    """Somebody with an address that they have confirmed, whose language is French."""
    User.objects.filter(pk=viewer.id).update(
        email="vera@example.com", email_confirmed_at=timezone.now(), language="fr", last_login=timezone.now()
    )
    return User.objects.get(pk=viewer.id)


@pytest.fixture
def told(server: MailServer, vera: User) -> Any:
    """Sends what is to be sent; returns the mails that came since the last time."""
    use_mail(server)
    make_notices()

    def sent() -> list[EmailMessage]:
        before = len(server.mails)
        make_notices()
        for number in channels_due():
            send_due(number)
        return list(server.mails[before:])

    return sent


def signs_in(user: User, client: str) -> None:
    who = actor_for(user, door=Door.WEB, identified_by="password", address="192.0.2.7", client=client).who
    record_sign_in(who=who, signed_in=True)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def test_a_new_password_is_told_in_the_language_of_its_person(told: Any, vera: User, admin: Actor) -> None:
    set_own_password(user=vera, password="a quite long new phrase", address="192.0.2.7")
    [mail] = told()
    assert (mail["To"], mail["Content-Language"]) == ("vera@example.com", "fr")
    assert mail["Subject"] == "Mot de passe modifié : votre compte Fairway vera"
    text = text_of(mail)
    assert "192.0.2.7" in text
    assert "choisissez aussitôt un nouveau mot de passe" in text
    assert "/settings/profile" in text
    give_new_password(actor=admin, username="vera")
    [mail] = told()
    assert "choisissez aussitôt" not in text_of(mail), "they know that they did not do it"
    assert told() == []


def test_a_changed_address_is_told_at_the_one_before(told: Any, vera: User, admin: Actor) -> None:
    edit_person(actor=admin, user=vera, name="Vera", email="thief@example.com", grants=[(Role.VIEWER, None, None)])
    [mail] = told()
    assert mail["To"] == "vera@example.com"
    assert "thief@example.com" in text_of(mail)
    assert "Mot de passe" not in mail["Subject"]
    vera.refresh_from_db()
    edit_profile(actor=actor_for(vera, door=Door.WEB), name="Another name", email=vera.email)
    assert told() == [], "a name is no way to sign in"


def test_a_browser_that_was_not_used_before_is_told(told: Any, vera: User) -> None:
    signs_in(vera, FIREFOX)
    assert told() == [], "the first one is not new"
    signs_in(vera, NEWER)
    assert told() == [], "a new version of it is the same browser"
    signs_in(vera, PHONE)
    [mail] = told()
    assert "Safari sous iPhone" in text_of(mail)
    signs_in(vera, PHONE)
    assert told() == []


def test_somebody_new_hears_only_of_their_invitation(told: Any, vera: User, admin: Actor) -> None:
    invite_again(actor=admin, user=vera)
    [mail] = told()
    assert "lien" in mail["Subject"]
    User.objects.filter(pk=vera.pk).update(last_login=None)
    invite_again(actor=admin, user=vera)
    assert told() == []


@pytest.mark.parametrize("change", [{"email_confirmed_at": None}, {"is_active": False}])
def test_nobody_is_written_to_who_did_not_confirm_or_was_deactivated(told: Any, vera: User, change: dict[str, Any]) -> None:
    User.objects.filter(pk=vera.pk).update(**change)
    set_own_password(user=User.objects.get(pk=vera.pk), password="a quite long new phrase")
    assert told() == []


def test_what_happened_while_mail_was_not_set_up_is_not_told_later(server: MailServer, vera: User, admin: Actor) -> None:
    set_own_password(user=vera, password="a quite long new phrase")
    use_mail(server)
    assert make_notices() == 0
    set_own_password(user=vera, password="another quite long phrase")
    assert make_notices() == 1
    set_mail(actor=admin, host="", sender="")
    set_own_password(user=vera, password="one more quite long phrase")
    assert make_notices() == 0
    use_mail(server)
    assert make_notices() == 0
    set_own_password(user=vera, password="and a last quite long one")
    assert make_notices() == 1


def test_nobody_sees_or_names_the_channel_to_people(told: Any, vera: User, admin: Actor) -> None:
    assert Channel.objects.filter(is_personal=True).count() == 1
    assert not visible_to(admin).exists()
    other = make_person("olga", Role.ADMIN)
    create_channel(actor=other, kind="mail", name="people", addresses=["crew@example.com"])
    set_own_password(user=vera, password="a quite long new phrase")
    make_notices()
    assert list(Notice.objects.values_list("address", flat=True)) == ["vera@example.com"]


def test_what_happens_to_two_step_sign_in_is_told(told: Any, vera: User, admin: Actor) -> None:
    secret = new_secret()
    codes = turn_on(actor=actor_for(vera, door=Door.WEB), secret=secret, code=code_for(secret, time.time()))
    vera.refresh_from_db()
    take_code(user=vera, code=codes[0])
    make_recovery_codes(actor=actor_for(vera, door=Door.WEB))
    with pytest.raises(Invalid):
        take_code(user=vera, code="000000")
    reset_two_step(actor=admin, user=vera)
    mails = told()
    assert {mail["To"] for mail in mails} == {"vera@example.com"}
    assert [mail["Subject"].partition(" :")[0] for mail in mails] == [
        "Connexion en deux étapes activée",
        "Code de récupération utilisé",
        "Nouveaux codes de récupération",
        "Code faux après le bon mot de passe",
        "Connexion en deux étapes réinitialisée",
    ]
    for mail in mails:
        assert secret not in text_of(mail)
        assert codes[0] not in text_of(mail)
