"""Judges who gets in and with what rights: sign-in, people, tokens. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fairway.insights.security.facts import Facts
from fairway.insights.security.lines import Group, Line, Place, State, listed, set_variable

UNUSED_AFTER = timedelta(days=90)
MANY_ADMINS = 5
LONGEST_SESSION = 30 * 24  # hours
WAITS_LONG = timedelta(days=3)  # of the seven days for which an invitation is valid
SAFE_LENGTH = 8  # characters of a password; NIST SP 800-63B asks for that many at least


def sign_in(facts: Facts) -> Iterator[Line]:
    yield _two_step(facts)
    yield _passwords(facts)
    yield _password_rules(facts)
    yield from _sessions(facts)


def _two_step(facts: Facts) -> Line:
    code, group, title = "two_step", Group.SIGN_IN, _("Two-step sign-in")
    people, is_required = facts.people, facts.sign_in.two_step_required
    counted = {"count": people.without_code, "all": people.with_password}
    if not people.with_password:
        return Line(code, group, State.NOT_APPLICABLE, title, _("Nobody may sign in with a password."))
    if is_required and people.without_code:
        sentence = ngettext(
            "It is required of everybody. %(count)d of %(all)d people with a password has yet to set it up.",
            "It is required of everybody. %(count)d of %(all)d people with a password have yet to set it up.",
            people.without_code,
        )
        return Line(code, group, State.GOOD, title, sentence % counted)
    if is_required:
        return Line(code, group, State.GOOD, title, _("It is required of everybody, and everybody uses it."))
    fix = _("Require it: Settings → Sign-in, or fairway sign-in passwords --require-two-step.")
    if people.without_code:
        sentence = ngettext(
            "It is not required, and %(count)d of %(all)d people with a password does not use it.",
            "It is not required, and %(count)d of %(all)d people with a password do not use it.",
            people.without_code,
        )
        return Line(code, group, State.WEAK, title, sentence % counted, fix, Place.SIGN_IN)
    return Line(code, group, State.OFF, title, _("Everybody uses it, but it is not required."), fix, Place.SIGN_IN)


def _passwords(facts: Facts) -> Line:
    code, group, title = "passwords", Group.SIGN_IN, _("Passwords")
    if facts.sign_in.only_emergency:
        sentence = _("Only emergency accounts may use one; everybody else comes with a provider.")
        return Line(code, group, State.GOOD, title, sentence)
    if not facts.sign_in.providers:
        return Line(code, group, State.NOT_APPLICABLE, title, _("Everybody uses one, because there is no other way in."))
    fix = _("Let only emergency accounts use passwords: Settings → Sign-in, or fairway sign-in passwords.")
    sentence = _("Everybody may use one, although there are sign-in providers.")
    return Line(code, group, State.OFF, title, sentence, fix, Place.SIGN_IN)


def _password_rules(facts: Facts) -> Line:
    least = facts.sign_in.least_password
    sentence = _("At least %(count)d characters, none of the common ones, and not made of digits only.") % {"count": least}
    state = State.GOOD if least >= SAFE_LENGTH else State.WEAK
    return Line("password_rules", Group.SIGN_IN, state, _("Password rules"), sentence)


def _sessions(facts: Facts) -> Iterator[Line]:
    hours, idle, group = facts.sign_in.session_hours, facts.sign_in.idle_minutes, Group.SIGN_IN
    title, variable = _("Length of sessions"), "FAIRWAY_SESSION_HOURS"
    sentence = _("People sign in again after %(hours)s h.") % {"hours": f"{hours:g}"}
    if hours > LONGEST_SESSION:
        yield Line("session_hours", group, State.WEAK, title, sentence, set_variable(variable), variable=variable)
    else:
        yield Line("session_hours", group, State.GOOD, title, sentence)
    title, variable = _("Unused sessions"), "FAIRWAY_SESSION_IDLE_MINUTES"
    if idle:
        sentence = _("They end after %(minutes)s min without use.") % {"minutes": f"{idle:g}"}
        yield Line("session_idle", group, State.GOOD, title, sentence)
    else:
        sentence = _("They go on without use, until they are too old.")
        yield Line("session_idle", group, State.OFF, title, sentence, set_variable(variable), variable=variable)


def people(facts: Facts) -> Iterator[Line]:
    known, group = facts.people, Group.PEOPLE
    yield _administrators(facts)
    title = _("Administrators without two-step sign-in")
    if known.admins_without_code:
        sentence = _("A password alone is enough for %(names)s.") % {"names": listed(known.admins_without_code)}
        fix = _("Ask them to set it up in their profile, or require it: Settings → Sign-in.")
        yield Line("admins_two_step", group, State.WEAK, title, sentence, fix, Place.PEOPLE)
    else:
        sentence = _("No administrator gets in with a password alone.")
        yield Line("admins_two_step", group, State.GOOD, title, sentence)
    title = _("People who are away")
    if known.away:
        sentence = ngettext(
            "%(count)d active person has neither signed in nor used an API token for 90 days: %(names)s.",
            "%(count)d active people have neither signed in nor used an API token for 90 days: %(names)s.",
            len(known.away),
        ) % {"count": len(known.away), "names": listed(known.away)}
        fix = _("Deactivate whoever does not need Fairway any more: Settings → People and access.")
        yield Line("people_away", group, State.WEAK, title, sentence, fix, Place.PEOPLE)
    else:
        sentence = _("Every active person has signed in or used an API token within 90 days, or is new.")
        yield Line("people_away", group, State.GOOD, title, sentence)
    yield _invitations(facts)
    title = _("Demo people")
    if known.demo:
        sentence = _("Accounts of the demo can sign in here: %(names)s.") % {"names": listed(known.demo)}
        fix = _("Deactivate them once you have an account of your own: Settings → People and access.")
        yield Line("demo_people", group, State.WEAK, title, sentence, fix, Place.PEOPLE)
    else:
        yield Line("demo_people", group, State.GOOD, title, _("No account of the demo can sign in here."))


def _administrators(facts: Facts) -> Line:
    code, group, title, count = "admins", Group.PEOPLE, _("Administrators"), facts.people.admins
    sentence = ngettext("%(count)d person is Admin of everything.", "%(count)d people are Admin of everything.", count) % {
        "count": count
    }
    if count < 2:
        fix = _("Make somebody else Admin, who can help if this account is lost: Settings → People and access.")
        return Line(code, group, State.WEAK, title, sentence, fix, Place.PEOPLE)
    if count > MANY_ADMINS:
        fix = _("Give narrower roles to those who do not manage Fairway itself: Settings → People and access.")
        return Line(code, group, State.WEAK, title, sentence, fix, Place.PEOPLE)
    return Line(code, group, State.GOOD, title, sentence)


def _invitations(facts: Facts) -> Line:
    code, group, title, people = "invitations", Group.PEOPLE, _("Invitations"), facts.people
    if not people.invited:
        return Line(code, group, State.GOOD, title, _("None waits to be accepted."))
    if people.invited_at and facts.now - people.invited_at > WAITS_LONG:
        sentence = ngettext(
            "%(count)d invitation has waited for more than three days.",
            "%(count)d invitations wait, one of them for more than three days.",
            people.invited,
        ) % {"count": people.invited}
        fix = _("Ask whether it arrived, or deactivate the person: Settings → People and access.")
        return Line(code, group, State.WEAK, title, sentence, fix, Place.PEOPLE)
    sentence = ngettext(
        "%(count)d invitation waits to be accepted.", "%(count)d invitations wait to be accepted.", people.invited
    ) % {"count": people.invited}
    return Line(code, group, State.GOOD, title, sentence)


def tokens(facts: Facts) -> Iterator[Line]:
    """API tokens, and CI jobs that get one."""
    known, group = facts.tokens, Group.TOKENS
    fix = _(
        "Their owners revoke or replace them: Settings → API tokens, or fairway tokens. Deactivating a person ends theirs."
    )
    counted = (
        ("tokens_endless", _("Tokens without an end"), known.endless, _("Every API token has an end.")),
        ("tokens_unused", _("Unused tokens"), known.unused, _("Every API token was used within 90 days, or is new.")),
        ("tokens_unlimited", _("Tokens with every right"), known.unlimited, _("No API token may do everything.")),
    )
    weak = {
        "tokens_endless": ngettext(
            "%(count)d API token works for ever. Owner: %(names)s.",
            "%(count)d API tokens work for ever. Owners: %(names)s.",
            known.endless.count,
        ),
        "tokens_unused": ngettext(
            "%(count)d API token works, but was not used for 90 days. Owner: %(names)s.",
            "%(count)d API tokens work, but were not used for 90 days. Owners: %(names)s.",
            known.unused.count,
        ),
        "tokens_unlimited": ngettext(
            "%(count)d API token may do everything. Owner: %(names)s.",
            "%(count)d API tokens may do everything. Owners: %(names)s.",
            known.unlimited.count,
        ),
    }
    for code, title, held, good in counted:
        if held.count:
            sentence = weak[code] % {"count": held.count, "names": listed(held.owners)}
            yield Line(code, group, State.WEAK, title, sentence, fix, Place.PEOPLE)
        elif known.working:
            yield Line(code, group, State.GOOD, title, good)
        else:
            yield Line(code, group, State.NOT_APPLICABLE, title, _("There is no API token."))
    yield _ci(facts)


def _ci(facts: Facts) -> Line:
    code, group, title, tokens = "ci_trusts", Group.TOKENS, _("Trusted CI jobs"), facts.tokens
    if not tokens.ci_trusts:
        return Line(code, group, State.NOT_APPLICABLE, title, _("No CI job is trusted."))
    if tokens.ci_any:
        said = _("Jobs of every branch or tag are trusted, and of every environment of the CI: %(names)s.")
        fix = _("Trust named branches, tags or an environment of the CI instead: the application's page CI jobs.")
        sentence = said % {"names": listed(tokens.ci_any)}
        return Line(code, group, State.WEAK, title, sentence, fix, Place.APPLICATIONS)
    sentence = ngettext(
        "%(count)d trust, limited to branches, tags or an environment of the CI.",
        "%(count)d trusts, each limited to branches, tags or an environment of the CI.",
        tokens.ci_trusts,
    ) % {"count": tokens.ci_trusts}
    return Line(code, group, State.GOOD, title, sentence)
