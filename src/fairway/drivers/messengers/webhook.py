"""Any program: JSON, signed by Standard Webhooks (github.com/standard-webhooks/standard-webhooks)."""

from __future__ import annotations

import time

from fairway.drivers.forges.signatures import standard_signature
from fairway.drivers.messengers.contract import Message, Target
from fairway.drivers.posting import Line, as_json


class Webhook:
    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, message: Message, target: Target) -> str:
        """The body and ``webhook-id`` are the same whenever it is sent again; timestamp and signature are new."""
        content = {
            "type": message.type,
            "timestamp": message.at.isoformat(),
            "data": {
                "subject": message.subject,
                "sentence": message.sentence,
                "url": message.url,
                "facts": [{"label": label, "value": value} for label, value in message.facts],
                **message.data,
            },
        }
        body, at = as_json(content), str(int(time.time()))
        headers = {
            "webhook-id": message.id,
            "webhook-timestamp": at,
            "webhook-signature": standard_signature(target.secret, message.id, at, body),
        }
        return self._line.post(target.url, body, headers, secret=target.secret)
