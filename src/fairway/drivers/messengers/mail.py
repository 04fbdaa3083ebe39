"""Mail, through the SMTP server that is set up."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime

from fairway.drivers.messengers import smtp
from fairway.drivers.messengers.contract import Message, NotTaken, Target, Trouble, shortened

SUBJECT = 200  # characters
Layout = Callable[[Message], tuple[str, str]]  # the message as text and as HTML


class Mail:
    """`domain` is what message ids end with; a mail that is sent again has the same one, by which mailboxes recognise it."""

    def __init__(self, server: smtp.Server | None, *, sender: str, sender_line: str, domain: str, layout: Layout) -> None:
        self._server, self._sender, self._sender_line = server, sender, sender_line
        self._domain, self._layout = domain, layout

    def send(self, message: Message, target: Target) -> str:
        if self._server is None:
            raise NotTaken(Trouble.NO_SERVER)
        try:
            smtp.send(self._server, self._mail(message, target.address), sender=self._sender, recipient=target.address)
        except smtp.CannotSend as problem:
            raise NotTaken(Trouble.MAIL, host=self._server.host, answer=problem.answer, mail=problem.trouble) from None
        return ""

    def _mail(self, message: Message, address: str) -> EmailMessage:
        text, html = self._layout(message)
        mail = EmailMessage()
        mail["Subject"] = shortened(" ".join(message.subject.split()), SUBJECT)
        mail["From"], mail["To"] = self._sender_line, address
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = f"<{message.id}@{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text)
        mail.add_alternative(html, subtype="html")
        mail["Content-Language"] = message.language  # last: what is added would take it along
        return mail
