"""What one line about security says. Pages, API, command line and ``fairway doctor --security`` show the same lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MOST_NAMES = 3


class State(StrEnum):
    """How it is. What is *off* is a choice; what is *weak* should be changed."""

    WEAK = "weak"
    OFF = "off"
    GOOD = "good"
    NOT_APPLICABLE = "not_applicable"


class Group(StrEnum):
    """What a line is about."""

    SIGN_IN = "sign_in"
    PEOPLE = "people"
    TOKENS = "tokens"
    RUNNING = "running"
    RECORDS = "records"
    NETWORK = "network"


class Place(StrEnum):
    """The page on which it is changed."""

    NONE = ""
    SIGN_IN = "sign_in"
    PEOPLE = "people"
    ENVIRONMENT = "environment"  # the one that `Line.subject` names
    ENVIRONMENTS = "environments"
    APPLICATIONS = "applications"
    RESOURCES = "resources"
    EVENTS = "events"
    MAIL = "mail"
    CHANNELS = "channels"


@dataclass(frozen=True)
class Line:
    """One check. `code` identifies it, `sentence` says what is so, and `fix` what to do if it is weak or off: on the page
    `place`, or by `variable` where Fairway is started."""

    code: str
    group: Group
    state: State
    title: str
    sentence: str
    fix: str = ""
    place: Place = Place.NONE
    subject: str = ""
    variable: str = ""


def group_title(group: Group) -> str:
    """The group in words, for headings."""
    return {
        Group.SIGN_IN: _("Signing in"),
        Group.PEOPLE: _("People"),
        Group.TOKENS: _("API tokens and CI jobs"),
        Group.RUNNING: _("Applications and environments"),
        Group.RECORDS: _("Records, backups and warnings"),
        Group.NETWORK: _("Addresses and network"),
    }[group]


def state_word(state: State) -> str:
    """The state in a word."""
    return {
        State.WEAK: _("Weak"),
        State.OFF: _("Off"),
        State.GOOD: _("Good"),
        State.NOT_APPLICABLE: _("Does not apply"),
    }[state]


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown, more = list(names[:MOST_NAMES]), len(names) - MOST_NAMES
    if more > 0:
        shown.append(ngettext("%(count)d more", "%(count)d more", more) % {"count": more})
    return ", ".join(shown)


def set_variable(name: str) -> str:
    return _("Change %(name)s where Fairway is started.") % {"name": name}
