"""By which server mail is sent, and whether that works. The password goes in and never comes out."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest
from ninja import Schema
from pydantic import Field

from fairway.accounts.mail_commands import send_test, set_mail
from fairway.accounts.mailing import mailing
from fairway.accounts.models import User
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.preconditions import AsOf
from fairway.api.routing import DoorRouter
from fairway.api.schemas import Given, Text

router = DoorRouter(tags=["mail"])


class MailShown(Schema):
    """`is_set_up`: mail is sent. `is_fixed`: environment variables say how, and it cannot be changed here."""

    is_set_up: bool
    is_fixed: bool
    host: str
    port: int | None
    security: str
    username: str
    has_password: bool
    sender_name: str
    sender: str


class MailWanted(Given):
    """An empty `host` sends no mail. `password` left out keeps the stored one, which goes to no other server or user."""

    host: Text = Field("", max_length=253)
    port: int | None = Field(None, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Text = Field("", max_length=200)
    password: Text | None = Field(None, max_length=500)
    sender_name: Text = Field("", max_length=100)
    sender: Text = Field("", max_length=254)


class TestWanted(Given):
    """To whom; empty for your own address."""

    to: Text = Field("", max_length=254)


class TestSent(Schema):
    """The server took it. Whether it arrives is between that server and the recipient's."""

    to: str


def _shown() -> MailShown:
    found = mailing()
    if found is None:
        return MailShown(
            is_set_up=False, is_fixed=False, host="", port=None, security="", username="", has_password=False,
            sender_name="", sender="",
        )  # fmt: skip
    server = found.server
    return MailShown(
        is_set_up=True,
        is_fixed=found.is_fixed,
        host=server.host,
        port=server.port,
        security=server.security,
        username=server.username,
        has_password=bool(server.password),
        sender_name=found.sender_name,
        sender=found.sender,
    )


@router.get("/mail", response=MailShown)
@needs(Act.MANAGE_SYSTEM)
def show_mail(request: HttpRequest) -> MailShown:
    """By which server mail is sent."""
    return _shown()


@router.put("/mail", response=MailShown)
@needs(Act.MANAGE_SYSTEM)
def change_mail(request: HttpRequest, given: MailWanted, as_of: AsOf) -> MailShown:
    """Say by which server mail is sent."""
    set_mail(actor=actor_of(request), as_of=as_of, **given.model_dump())
    return _shown()


@router.post("/mail/test", response=TestSent)
@needs(Act.MANAGE_SYSTEM)
def test_mail(request: HttpRequest, given: TestWanted) -> TestSent:
    """Really send one mail; the problem says what is wrong when that does not work."""
    actor = actor_of(request)
    to = given.to or User.objects.get(pk=actor.id or 0).email
    send_test(actor=actor, to=to)
    return TestSent(to=to)
