"""What a notice says: the words of the pages, in the channel's language, with secrets masked."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings
from django.utils import translation

from fairway.accounts.rules import SYSTEM, Actor
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.activity.verbs import VERBS as ALL_VERBS
from fairway.activity.verbs import event_sentence
from fairway.applications.commands import save_configuration
from fairway.applications.models import Application
from fairway.deployments.models import Deployment
from fairway.drivers.messengers.contract import Message, Tone
from fairway.environments.models import Environment
from fairway.notifications.commands.channels import create_channel, try_channel
from fairway.notifications.commands.outbox import make_notices, send_due
from fairway.notifications.messages import SHORT, TITLES, TOPICS, message_of
from fairway.notifications.models import Channel, Notice
from fairway.notifications.rules import VERBS, Topic
from fairway.notifications.troubles import sentence_of
from fairway.shared.failures import Refused
from tests.conftest import make_artifact
from tests.notifications.conftest import ALL, channel_to, happens, later, use_mail
from tests.services.mail import NOT_TAKEN, MailServer
from tests.services.receiver import Receiver

EVERYTHING = [{"topics": [topic.value for topic in Topic]}]


@pytest.fixture
def channel(there: Receiver) -> Channel:
    return channel_to(there, routes=EVERYTHING)


def told(channel: Channel, verb: str = "deployment.failed", **more: Any) -> Message:
    """The message about something that happens now."""
    happens(verb, **more)
    make_notices()
    return message_of(Notice.objects.filter(channel=channel).latest("pk"))


def test_every_verb_and_topic_has_words() -> None:
    assert set(TITLES) | {"placement.observed"} == set(VERBS)
    assert set(TOPICS) == set(SHORT) == set(Topic)
    with translation.override("fr"):
        for words in (*TOPICS.values(), *SHORT.values(), *TITLES.values()):
            assert str(words)
        assert str(TITLES["deployment.failed"]) == "Échec du déploiement"


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_each_verb_makes_a_message(channel: Channel, verb: str) -> None:
    more: dict[str, Any] = {"after": {"health": "down"}} if verb == "placement.observed" else {}
    if verb.startswith("alert."):
        more = {"after": {"kind": "errors", "severity": "warning", "is_told": True, "seconds": 90}}
    with transaction.atomic():
        record(who=SYSTEM.who, verb=verb, on=On(ALL_VERBS[verb].subjects[0], 1, "A thing"), comment="Because.", **more)
    make_notices()
    message = message_of(Notice.objects.get())
    assert message.subject.endswith(": A thing")
    assert message.sentence.startswith(event_sentence(verb, who="Fairway", what="A thing"))
    assert message.sentence.endswith("Because.")
    assert message.url.startswith("http://")
    assert message.type == verb


def test_it_says_what_the_pages_say(channel: Channel, hello: Application, staging: Environment) -> None:
    deployment = Deployment.objects.create(
        application=hello, environment=staging, kind="deploy", status="failed", artifact=make_artifact(hello, "1.4"),
        requested_by="ada", door="web", reason="Tides",
    )  # fmt: skip
    message = told(channel, number=deployment.pk, application="hello", comment="It did not answer on port 8000.")
    assert message.subject == f"Deployment failed: Shop → Staging #{deployment.pk}"
    first, second = message.sentence.split("\n")
    assert first == f"Fairway ended the deployment Shop → Staging #{deployment.pk}: the new version failed."
    assert second == "It did not answer on port 8000."
    assert message.facts == (
        ("Application", "Hello"),
        ("Environment", "Staging"),
        ("Version", deployment.version),
        ("Requested by", "ada"),
        ("Reason", "Tides"),
    )
    assert message.url == f"http://localhost:8000/deployments/{deployment.pk}"
    assert message.tone is Tone.BAD


def test_a_rollback_and_a_recovery_have_titles_of_their_own(channel: Channel) -> None:
    assert told(channel, "deployment.succeeded", after={"kind": "deploy"}).subject.startswith("Deployed: ")
    assert told(channel, "deployment.succeeded", after={"kind": "rollback"}).subject.startswith("Rolled back: ")
    down = told(channel, "placement.observed", before={"health": "healthy"}, after={"health": "down"})
    assert (down.subject.split(":")[0], down.tone) == ("Down", Tone.BAD)
    again = told(channel, "placement.observed", before={"health": "down"}, after={"health": "healthy"})
    assert (again.subject.split(":")[0], again.tone) == ("Healthy again", Tone.GOOD)
    stopped = told(channel, "placement.observed", before={"health": "down"}, after={"health": "stopped"})
    assert stopped.subject.startswith("No longer down: ")


def test_it_speaks_french_where_the_channel_does(there: Receiver) -> None:
    french = channel_to(there, "fr", language="fr")
    message = told(french, comment="The proxy did not serve the new version in time.")
    assert message.subject == "Échec du déploiement\N{NO-BREAK SPACE}: Shop → Staging #1"
    assert "Fairway" in message.sentence
    assert "The proxy" not in message.sentence, "what was stored in English is said in French, too"
    assert (message.link, message.language) == ("Ouvrir dans Fairway", "fr")
    assert translation.get_language() == "en"


def test_without_a_choice_it_speaks_the_installations_language(channel: Channel) -> None:
    with override_settings(LANGUAGE_CODE="fr"):
        assert told(channel).language == "fr"
    assert told(channel, number=2).language == "en"


def test_secrets_are_masked(channel: Channel, hello: Application, staging: Environment, admin: Actor) -> None:
    save_configuration(
        actor=admin, application=hello, environment=staging, variables={}, secrets={"PASSWORD": "correct-horse-battery"}
    )
    message = told(
        channel,
        application="hello",
        comment="It said correct-horse-battery at https://user:hunter22@example.com/x?token=abcdef0123456789.",
        after={"line": ["correct-horse-battery"], "url": "https://user:hunter22@example.com"},
    )
    said = f"{message!r}"
    for secret in ("correct-horse-battery", "hunter22", "abcdef0123456789"):
        assert secret not in said
    assert "••••" in message.sentence


def test_mail_is_sent_as_text_and_html_in_its_language(server: MailServer, admin: Actor) -> None:
    use_mail(server)
    addresses = ["ops@example.com", NOT_TAKEN, "crew@example.com"]
    channel, _ = create_channel(actor=admin, kind="mail", name="Équipe", addresses=addresses, routes=ALL, language="fr")
    happens(comment="<b>It did not answer.</b>")
    make_notices()
    assert send_due(channel.pk) == 2, "the address that is refused does not hold the others"
    assert [mail["To"] for mail in server.mails] == ["ops@example.com", "crew@example.com"]
    mail = server.mails[0]
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert mail["Subject"].startswith("Échec du déploiement")
    assert mail["Content-Language"] == "fr"
    for part in (text, html):
        content = part.get_content()
        assert "/deployments/1" in content
        assert "canal" in content
        assert "Application" not in content, "there is none of that name"
    assert "<b>It did not answer.</b>" in text.get_content()
    assert "&lt;b&gt;" in html.get_content()
    refused = Notice.objects.get(address=NOT_TAKEN)
    assert refused.state == "waiting"
    assert sentence_of(refused) == f"“localhost” refused the recipient {NOT_TAKEN}: 550 5.1.1 No such user"
    assert sentence_of(Notice.objects.get(address="ops@example.com")) == "The mail server accepted it."
    later(20)
    assert send_due(channel.pk) == 0
    assert len(server.mails) == 2


def test_a_test_stops_where_the_mail_server_itself_fails(server: MailServer, admin: Actor) -> None:
    use_mail(server)
    addresses = ["a@example.com", NOT_TAKEN, "b@example.com"]
    channel, _ = create_channel(actor=admin, kind="mail", name="people", addresses=addresses, routes=ALL)
    with pytest.raises(Refused, match="No such user"):
        try_channel(actor=admin, channel=channel)
    assert [mail["To"] for mail in server.mails] == ["a@example.com", "b@example.com"]
    server.refuses_senders = True
    with pytest.raises(Refused, match="as the sender"):
        try_channel(actor=admin, channel=channel)
    assert Notice.objects.count() == 4


def test_secrets_of_the_version_that_was_deployed_are_masked_too(
    channel: Channel, hello: Application, staging: Environment, admin: Actor
) -> None:
    where = {"actor": admin, "application": hello, "environment": staging, "variables": {}}
    first, *_ = [save_configuration(**where, secrets={"PASSWORD": f"long-secret-number-{turn}"}) for turn in range(4)]
    deployment = Deployment.objects.create(
        application=hello, environment=staging, kind="deploy", status="failed", configuration=first, requested_by="ada",
        door="web",
    )  # fmt: skip
    comment = "It said long-secret-number-0 and long-secret-number-3."
    message = told(channel, number=deployment.pk, application="hello", comment=comment)
    assert message.sentence.endswith("It said •••• and ••••.")
