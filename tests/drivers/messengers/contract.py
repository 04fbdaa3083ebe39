"""What every messenger promises, tried against a real receiver. A subclass says how it is made and what came."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fairway.drivers.messengers.contract import Message, Messenger, NotTaken, Target, Tone

MESSAGE = Message(
    id="msg_1234567890",
    at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
    type="deployment.failed",
    subject="Deployment failed: Shop → Production #12",
    sentence="Fairway ended the deployment Shop → Production #12: the new version failed.\nIt did not answer on port 8000.",
    tone=Tone.BAD,
    facts=(("Application", "Shop"), ("Requested by", "ada")),
    url="https://fairway.example.com/deployments/12",
    link="Open in Fairway",
    reason="Because this is a test.",
    data={"event": {"id": 7, "verb": "deployment.failed"}},
)
ODD = [
    "<!channel> & <https://evil.example.com|click here>",
    "*bold* _it_ ~no~ `code` [a](https://evil.example.com) @everyone \\",
    "é" * 40_000,
    "&" * 40_000,
    "line\nline\r\nSubject: other\x07",
    "",
]


class MessengerContract:
    @pytest.fixture
    def messenger(self) -> Messenger:
        raise NotImplementedError

    @pytest.fixture
    def target(self) -> Target:
        """Where the receiver is."""
        raise NotImplementedError

    def came(self) -> list[str]:
        """What came to the receiver, oldest first, each as one text for a reader."""
        raise NotImplementedError

    def refuses_next(self) -> None:
        """Make the receiver refuse the next message."""
        raise NotImplementedError

    def test_it_brings_subject_sentence_facts_and_link(self, messenger: Messenger, target: Target) -> None:
        messenger.send(MESSAGE, target)
        [text] = self.came()
        for words in (MESSAGE.subject, "the new version failed", "did not answer on port 8000", "Shop", "ada", MESSAGE.url):
            assert words in text

    @pytest.mark.parametrize("tone", list(Tone))
    def test_each_tone_is_taken(self, messenger: Messenger, target: Target, tone: Tone) -> None:
        messenger.send(replace(MESSAGE, tone=tone), target)
        assert len(self.came()) == 1

    @pytest.mark.parametrize("text", ODD, ids=["slack", "markdown", "long", "entities", "lines", "empty"])
    def test_any_words_are_taken(self, messenger: Messenger, target: Target, text: str) -> None:
        facts = tuple((text[:5000] or "label", text) for _ in range(30))
        odd = replace(MESSAGE, subject=text or "Subject", sentence=text or "Sentence", facts=facts, reason=text)
        messenger.send(odd, target)
        assert len(self.came()) == 1

    def test_without_facts_link_and_reason(self, messenger: Messenger, target: Target) -> None:
        messenger.send(replace(MESSAGE, facts=(), url="", link="", reason=""), target)
        assert MESSAGE.subject in self.came()[0]

    def test_who_refuses_is_said(self, messenger: Messenger, target: Target) -> None:
        self.refuses_next()
        with pytest.raises(NotTaken) as caught:
            messenger.send(MESSAGE, target)
        assert caught.value.answer
        messenger.send(MESSAGE, target)
        assert self.came(), "the next one is taken"
