"""What a receiver answered, and what went wrong, as sentences in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fairway.accounts.mailing import TROUBLES as MAIL_TROUBLES
from fairway.drivers.messengers.contract import NotTaken, Trouble
from fairway.drivers.messengers.smtp import Trouble as MailTrouble
from fairway.notifications.models import Notice
from fairway.notifications.rules import State

TROUBLES: Mapping[Trouble, str | Promise] = {
    Trouble.NOT_HTTPS: gettext_lazy("The URL does not begin with https://, so nothing is sent there."),
    Trouble.NOT_PERMITTED: gettext_lazy(
        "“{host}” is at an address that Fairway does not send to: this machine itself, or a private network. "
        "FAIRWAY_NOTIFY_ADDRESSES, set where Fairway is started, says which addresses are allowed."
    ),
    Trouble.UNKNOWN_HOST: gettext_lazy("The name “{host}” cannot be resolved. Check the URL."),
    Trouble.TIMEOUT: gettext_lazy("“{host}” did not answer in time."),
    Trouble.CERTIFICATE: gettext_lazy("The certificate of “{host}” cannot be trusted: {answer}"),
    Trouble.UNREACHABLE: gettext_lazy("“{host}” cannot be reached."),
    Trouble.REDIRECT: gettext_lazy("“{host}” sends elsewhere ({status}), which Fairway does not follow. Enter the new URL."),
    Trouble.GONE: gettext_lazy("“{host}” says that this webhook is gone (410): {answer}"),
    Trouble.TOO_MANY: gettext_lazy("“{host}” asks to wait (429): {answer}"),
    Trouble.REFUSED: gettext_lazy("“{host}” refused it ({status}): {answer}"),
    Trouble.FAILED: gettext_lazy("“{host}” could not take it ({status}): {answer}"),
    Trouble.NO_SERVER: gettext_lazy("No mail server is set up, so no mail can be sent."),
}


def stored(problem: NotTaken, *, address: str = "", sender: str = "", port: int = 0) -> tuple[str, dict[str, Any]]:
    """The problem as a notice stores it: its word, and the values of its sentence."""
    word = f"{problem.trouble}.{problem.mail}" if problem.mail else problem.trouble.value
    said: dict[str, Any] = {"host": problem.host, "status": problem.status, "answer": problem.answer}
    return word, {**said, "recipient": address, "sender": sender, "port": port} if problem.mail else said


def sentence_of(notice: Notice) -> str:
    """What its last try was answered; "" if it was not tried."""
    if notice.trouble:
        return trouble_sentence(notice.trouble, notice.said)
    if notice.tried_at is None or notice.state == State.WAITING:
        return ""
    if notice.address:
        return _("The mail server accepted it.")
    if notice.answer:
        return _("It was taken: %(answer)s") % {"answer": notice.answer}
    return _("It was taken.")


def trouble_sentence(word: str, said: Mapping[str, Any]) -> str:
    """The sentence of a trouble; of one that only another version of Fairway knows, its word."""
    values = {"host": "", "status": "", "port": "", "sender": "", "recipient": "", **said}
    values["answer"] = values.get("answer") or "—"
    kind, _dot, mail = word.partition(".")
    if mail:
        return str(MAIL_TROUBLES[MailTrouble(mail)]).format(**values) if mail in set(MailTrouble) else word
    return str(TROUBLES[Trouble(kind)]).format(**values) if kind in set(TROUBLES) else word
