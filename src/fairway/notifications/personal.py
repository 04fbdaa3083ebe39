"""What people are told by mail about their own account: the way to sign in to it has changed, or somebody signed in with a
browser that was not used for it before. Whoever took over an account cannot turn this off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fairway.accounts.clients import browser_and_system, client_words
from fairway.accounts.models import User
from fairway.accounts.queries import usernames_of
from fairway.activity.models import Event
from fairway.activity.verbs import event_sentence
from fairway.drivers.messengers.contract import Message, Tone
from fairway.notifications.models import Notice

SIGNED_IN, EDITED, INVITED = "person.signed_in", "person.edited", "person.invited"
TITLES: Mapping[str, str | Promise] = {
    SIGNED_IN: gettext_lazy("New sign-in"),
    EDITED: gettext_lazy("E-mail address changed"),
    INVITED: gettext_lazy("New sign-in link"),
    "person.password_set": gettext_lazy("Password changed"),
    "person.password_replaced": gettext_lazy("Password replaced"),
    "person.identity_linked": gettext_lazy("Sign-in provider connected"),
    "person.identity_unlinked": gettext_lazy("Sign-in provider disconnected"),
    "person.two_step_turned_on": gettext_lazy("Two-step sign-in turned on"),
    "person.two_step_turned_off": gettext_lazy("Two-step sign-in turned off"),
    "person.two_step_reset": gettext_lazy("Two-step sign-in reset"),
    "person.passkey_added": gettext_lazy("Passkey added"),
    "person.passkey_removed": gettext_lazy("Passkey removed"),
    "person.recovery_codes_made": gettext_lazy("New recovery codes"),
    "person.recovery_code_used": gettext_lazy("Recovery code used"),
    "person.code_refused": gettext_lazy("Wrong code after the right password"),
}
VERBS: tuple[str, ...] = tuple(TITLES)
KNOWN_FOR = timedelta(days=90)  # how long a browser counts as known after it was last used to sign in
MOST_SIGN_INS = 500


def address_for(event: Event) -> str:
    """The confirmed address of whoever the event is about; "" if they need not be told, or nobody can be.

    That an address was replaced is told to the one before: the new one may be somebody else's.
    """
    if event.verb not in TITLES:
        return ""
    user = User.objects.filter(pk=event.subject_id, is_active=True).first()
    if user is None or (event.verb == SIGNED_IN and not is_new_browser(event)):
        return ""
    if event.verb == EDITED:
        before, after = event.before, event.after
        was_used = before.get("email_confirmed") and before.get("email") != after.get("email")
        return str(before["email"]) if was_used else ""
    if event.verb == INVITED and user.last_login is None:
        return ""
    return str(user.confirmed_email)


def is_new_browser(event: Event) -> bool:
    """Whether its person has signed in before, but not with such a browser on such a system."""
    earlier = Event.objects.filter(
        verb=SIGNED_IN, subject_kind="person", subject_id=event.subject_id, pk__lt=event.pk, at__gt=event.at - KNOWN_FOR
    )
    clients = earlier.order_by("-pk").values_list("client", flat=True)[:MOST_SIGN_INS]
    known = {browser_and_system(client) for client in clients}
    return bool(known) and browser_and_system(event.client) not in known


def language_of(event: Event) -> str:
    """The language of whoever the event is about, or the installation's."""
    chosen = User.objects.filter(pk=event.subject_id).values_list("language", flat=True).first()
    return chosen or settings.LANGUAGE_CODE


def message_to_person(notice: Notice, event: Event) -> Message:
    """The message, in the language of whoever the event is about."""
    with translation.override(language_of(event)):
        who = usernames_of([event.actor_id]).get(event.actor_id or 0, event.actor_name)
        happened = event_sentence(event.verb, who=who, what=event.subject_label)
        return Message(
            id=notice.public_id,
            at=event.at,
            type=event.verb,
            subject=_("%(what)s: your Fairway account %(username)s")
            % {"what": TITLES[event.verb], "username": event.subject_label},
            sentence=f"{happened}.\n{_advice(event)}",
            tone=Tone.WAITING,
            facts=tuple(_facts(event)),
            url=settings.PUBLIC_URL + reverse("profile"),
            link=_("Open your profile"),
            reason=_(
                "You receive this mail because it is about how to sign in to your account in Fairway at %(place)s. It "
                "cannot be turned off."
            )
            % {"place": settings.PUBLIC_URL},
            language=translation.get_language() or "en",
        )


def _advice(event: Event) -> str:
    if event.actor_id == _person(event):
        return _(
            "If that was you, there is nothing to do. If it was not, choose a new password at once, end the other sessions "
            "in your profile, and tell an administrator."
        )
    return _("If you did not expect this, ask an administrator.")


def _facts(event: Event) -> Iterator[tuple[str, str]]:
    """When, and from where if the person did it: what is known of an administrator is not told to others."""
    yield _("Time"), f"{event.at:%Y-%m-%d %H:%M} UTC"
    if event.verb == EDITED:
        yield _("New address"), str(event.after.get("email") or _("none"))
    if event.actor_id == _person(event):
        if event.client:
            yield _("Browser"), client_words(event.client)
        if event.address:
            yield _("Network address"), event.address


def _person(event: Event) -> int:
    return int(event.subject_id)
