"""Each messenger keeps the contract, against a receiver that checks what its service would."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fairway.drivers.addresses import POLICIES
from fairway.drivers.forges.signatures import new_secret, verify
from fairway.drivers.messengers import discord, slack, teams
from fairway.drivers.messengers.contract import Message, Messenger, NotTaken, Target, Trouble
from fairway.drivers.messengers.mail import Mail
from fairway.drivers.messengers.smtp import Security, Server
from fairway.drivers.messengers.webhook import Webhook
from fairway.drivers.posting import Line, retry_after
from tests.drivers.messengers.block_kit import refused_because
from tests.drivers.messengers.contract import MESSAGE, ODD, MessengerContract
from tests.services.mail import PASSWORD, USER, MailServer, certificate_for, mail_server
from tests.services.ports import free_port
from tests.services.receiver import Receiver, receiver

ANY = Line(POLICIES["any"])
SECRET = new_secret()


class OverHttp(MessengerContract):
    """What those that post to a URL have in common."""

    @pytest.fixture(autouse=True)
    def _receiver(self) -> Iterator[None]:
        with receiver() as self.there:
            yield

    @pytest.fixture
    def messenger(self) -> Messenger:
        return self.made(ANY)

    @pytest.fixture
    def target(self) -> Target:
        return Target(url=self.there.url(), secret=SECRET)

    def made(self, line: Line) -> Messenger:
        raise NotImplementedError

    def came(self) -> list[str]:
        return [self.read(one.json) for one in self.there.came if one]

    def read(self, content: Any) -> str:
        raise NotImplementedError

    def refuses_next(self) -> None:
        self.there.will_answer(400, body="invalid_payload")
        self.there.came.clear()

    @pytest.mark.parametrize(
        ("status", "trouble"),
        [
            (301, Trouble.REDIRECT),
            (302, Trouble.REDIRECT),
            (308, Trouble.REDIRECT),
            (403, Trouble.REFUSED),
            (404, Trouble.REFUSED),
            (410, Trouble.GONE),
            (429, Trouble.TOO_MANY),
            (500, Trouble.FAILED),
            (503, Trouble.FAILED),
        ],
    )
    def test_every_status_has_its_trouble(self, messenger: Messenger, target: Target, status: int, trouble: Trouble) -> None:
        self.there.will_answer(status, body="no way", Location="/elsewhere", Retry_After="17")
        with pytest.raises(NotTaken) as caught:
            messenger.send(MESSAGE, target)
        problem = caught.value
        assert (problem.trouble, problem.status, problem.answer, problem.host) == (trouble, status, "no way", "127.0.0.1")
        assert problem.retry_after == 17
        assert [one.path for one in self.there.came] == [path_of(target)], "a redirect is not followed"

    def test_who_does_not_answer_is_not_waited_for(self, target: Target) -> None:
        self.there.holds.set()
        hasty = self.made(Line(None, seconds=0.2))
        with pytest.raises(NotTaken) as caught:
            hasty.send(MESSAGE, target)
        assert caught.value.trouble is Trouble.TIMEOUT

    def test_nobody_there(self, messenger: Messenger) -> None:
        with pytest.raises(NotTaken) as caught:
            messenger.send(MESSAGE, Target(url=f"http://127.0.0.1:{free_port()}/x", secret=SECRET))
        assert caught.value.trouble is Trouble.UNREACHABLE

    @pytest.mark.parametrize("policy", ["intranet", "public"])
    def test_this_machine_is_reached_only_where_it_is_allowed(self, policy: str) -> None:
        guarded = self.made(Line(POLICIES[policy]))
        for url, trouble in (
            (f"https://127.0.0.1:{self.there.port}/x", Trouble.NOT_PERMITTED),
            (f"https://localhost:{self.there.port}/x", Trouble.NOT_PERMITTED),
            ("https://169.254.169.254/latest", Trouble.NOT_PERMITTED),
            (self.there.url(), Trouble.NOT_HTTPS),
            ("ftp://example.com", Trouble.NOT_HTTPS),
            ("https://", Trouble.NOT_HTTPS),
        ):
            with pytest.raises(NotTaken) as caught:
                guarded.send(MESSAGE, Target(url=url, secret=SECRET))
            assert caught.value.trouble is trouble
        assert self.there.came == []

    def test_the_url_is_in_no_log_answer_or_error(
        self, messenger: Messenger, target: Target, caplog: pytest.LogCaptureFixture
    ) -> None:
        secret = SECRET if isinstance(messenger, Webhook) else ""  # the others do not know it
        self.there.will_answer(500, body=f"cannot POST {path_of(target)} with {secret}")
        self.there.usual = f"taken at {target.url}"
        with caplog.at_level(logging.INFO, "fairway"), pytest.raises(NotTaken) as caught:
            messenger.send(MESSAGE, target)
        said = messenger.send(MESSAGE, target)
        told = f"{caught.value.answer} {caught.value!r} {said} {target!r} {caplog.text}"
        assert "s3cretPart" not in told
        assert SECRET not in told


def path_of(target: Target) -> str:
    return urlsplit(target.url).path


class TestSlack(OverHttp):
    def made(self, line: Line) -> Messenger:
        return slack.Slack(line)

    def read(self, content: Any) -> str:
        assert refused_because(content) == ""
        return json.dumps(content, ensure_ascii=False).replace("\\n", "\n")

    @pytest.mark.parametrize("text", ODD)
    def test_nobody_is_called_and_no_link_hides(self, text: str) -> None:
        message = Message("1", MESSAGE.at, "x", "Subject", text or "—", facts=((text, text),), reason=text)
        content = slack.content(message)
        found = [block["text"]["text"] for block in content["blocks"] if block["type"] == "section" and "text" in block]
        assert all("<" not in one and ">" not in one for one in [content["text"], *found])
        assert refused_because(content) == ""

    def test_an_entity_is_not_cut(self) -> None:
        for longest in range(1, 30):
            cut = slack.escaped("a&b<c>d&&&&&&&&", longest)
            assert len(cut) <= max(longest, 1)
            assert cut.count("&") == cut.count(";")
        assert slack.escaped("<a>", 9) == "&lt;a&gt;"
        assert slack.escaped("<a>", 8) == "&lt;a…"


class TestDiscord(OverHttp):
    def made(self, line: Line) -> Messenger:
        return discord.Discord(line)

    def read(self, content: Any) -> str:
        assert content["allowed_mentions"] == {"parse": []}
        [embed] = content["embeds"]
        texts = [embed["title"], embed["description"], embed.get("footer", {}).get("text", "")]
        texts += [text for one in embed["fields"] for text in (one["name"], one["value"])]
        assert len(embed["title"]) <= 256
        assert len(embed["description"]) <= 4096
        assert len(embed["fields"]) <= 25
        assert all(0 < len(one["name"]) <= 256 and 0 < len(one["value"]) <= 1024 for one in embed["fields"])
        assert sum(map(len, texts)) <= 6000
        return "\n".join([*texts, embed.get("url", "")]).replace("\\", "")


class TestTeams(OverHttp):
    def made(self, line: Line) -> Messenger:
        return teams.Teams(line)

    def read(self, content: Any) -> str:
        [attached] = content["attachments"]
        assert attached["contentType"] == "application/vnd.microsoft.card.adaptive"
        card = attached["content"]
        assert {block["type"] for block in card["body"]} == {"RichTextBlock"}, "other blocks read Markdown"
        assert len(json.dumps(content, ensure_ascii=False).encode()) <= 28 * 1024
        return "\n".join(
            [run["text"] for block in card["body"] for run in block["inlines"]]
            + [one["url"] for one in card.get("actions", [])]
        )

    def test_a_connector_that_answers_200_without_taking_it(self, messenger: Messenger, target: Target) -> None:
        self.there.will_answer(
            200, body="Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"
        )
        with pytest.raises(NotTaken) as caught:
            messenger.send(MESSAGE, target)
        assert (caught.value.trouble, caught.value.status) == (Trouble.TOO_MANY, 429)


class TestWebhook(OverHttp):
    def made(self, line: Line) -> Messenger:
        return Webhook(line)

    def read(self, content: Any) -> str:
        assert content["type"] == "deployment.failed"
        assert content["data"]["event"] == {"id": 7, "verb": "deployment.failed"}
        assert content["timestamp"] == "2026-03-04T05:06:07+00:00"
        return json.dumps(content["data"], ensure_ascii=False)

    def test_it_is_signed_by_standard_webhooks(self, messenger: Messenger, target: Target) -> None:
        for _ in range(2):
            messenger.send(MESSAGE, target)
        first, again = self.there.came
        for one in (first, again):
            assert one.headers["content-type"] == "application/json"
            verify(dict(one.headers), one.body, SECRET, float(one.headers["webhook-timestamp"]))
            signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
            key = base64.b64decode(SECRET.removeprefix("whsec_"))
            wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
            assert one.headers["webhook-signature"] == f"v1,{wanted}"
        assert first.headers["webhook-id"] == again.headers["webhook-id"] == "msg_1234567890"
        assert first.body == again.body


class TestMail(MessengerContract):
    @pytest.fixture(autouse=True)
    def _server(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        certificate, authority = certificate_for(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        with mail_server(certificate) as self.there:
            yield

    @pytest.fixture
    def messenger(self) -> Messenger:
        there: MailServer = self.there
        server = Server(there.host, there.port, Security.STARTTLS, USER, PASSWORD)

        def layout(message: Message) -> tuple[str, str]:
            text = "\n".join([message.sentence, *(f"{label}: {value}" for label, value in message.facts), message.url])
            return text, f"<p>{message.subject}</p>"

        line = "Fairway <fairway@example.com>"
        return Mail(server, sender="fairway@example.com", sender_line=line, domain="fairway.example.com", layout=layout)

    @pytest.fixture
    def target(self) -> Target:
        return Target(address="ops@example.com")

    def came(self) -> list[str]:
        return [f"{mail['Subject']}\n{text_of(mail)}" for mail in self.there.mails]

    def refuses_next(self) -> None:
        self.there.refuses_senders = True

    def test_who_refuses_is_said(self, messenger: Messenger, target: Target) -> None:
        self.refuses_next()
        with pytest.raises(NotTaken) as caught:
            messenger.send(MESSAGE, target)
        assert (caught.value.trouble, caught.value.mail) == (Trouble.MAIL, "sender_refused")
        assert "550" in caught.value.answer
        self.there.refuses_senders = False
        messenger.send(MESSAGE, target)
        assert len(self.came()) == 1

    def test_sent_again_it_has_the_same_id(self, messenger: Messenger, target: Target) -> None:
        for _ in range(2):
            messenger.send(MESSAGE, target)
        assert [mail["Message-ID"] for mail in self.there.mails] == ["<msg_1234567890@fairway.example.com>"] * 2
        assert [mail["To"] for mail in self.there.mails] == ["ops@example.com"] * 2

    def test_without_a_server(self, target: Target) -> None:
        messenger = Mail(None, sender="", sender_line="", domain="x", layout=lambda _: ("", ""))
        with pytest.raises(NotTaken) as caught:
            messenger.send(MESSAGE, target)
        assert caught.value.trouble is Trouble.NO_SERVER


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("30", 30.0), ("0.5", 0.5), ("-1", 0.0), ("", None), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)],
)
def test_retry_after_is_a_number_or_a_date(text: str, wanted: float | None) -> None:
    assert retry_after({"retry-after": text}) == wanted


def test_a_slow_body_of_any_length_is_cut() -> None:
    with receiver() as there:
        there.usual = "x" * 100_000
        assert len(ANY.post(there.url(), b"{}")) == 300


def test_the_receiver_is_real(request: pytest.FixtureRequest) -> None:
    with receiver() as there:
        assert isinstance(there, Receiver)
        ANY.post(there.url("/a"), b'{"b":1}')
        assert (there.came[0].path, there.came[0].json) == ("/a", {"b": 1})
