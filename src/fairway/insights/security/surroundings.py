"""Judges what runs, what is recorded and told, and what the network may reach. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fairway.insights.security.facts import Facts
from fairway.insights.security.lines import Group, Line, Place, State, listed, set_variable

VERIFIED_WITHIN = timedelta(days=1)  # a worker verifies the whole chain every six hours
ANY = "any"
VERIFIED_NAME = "verify-full"  # sslmode: encrypted, and the server's certificate and name are checked
ENCRYPTED = ("require", "verify-ca", VERIFIED_NAME)


def running(facts: Facts) -> Iterator[Line]:
    """Environments and what runs in them."""
    yield _approvals(facts)
    yield _open_applications(facts)
    yield _walls(facts)
    yield _required_walls(facts)


def _approvals(facts: Facts) -> Line:
    code, group, title, known = "approvals", Group.RUNNING, _("Approvals"), facts.running
    if not known.production:
        return Line(code, group, State.NOT_APPLICABLE, title, _("There is no environment yet."))
    if not known.approvals:
        sentence = _("Nobody has to approve what comes to %(environment)s.") % {"environment": known.production}
        fix = _("Ask for an approval: the environment's page, Protection.")
        return Line(code, group, State.WEAK, title, sentence, fix, Place.ENVIRONMENT, known.slug)
    sentence = ngettext(
        "What comes to %(environment)s needs %(count)d approval.",
        "What comes to %(environment)s needs %(count)d approvals.",
        known.approvals,
    ) % {"environment": known.production, "count": known.approvals}
    return Line(code, group, State.GOOD, title, sentence)


def _open_applications(facts: Facts) -> Line:
    code, group, title, known = "open_applications", Group.RUNNING, _("Who may open applications"), facts.running
    where = {"environment": known.production, "names": listed(known.open_applications)}
    if not known.applications:
        return Line(code, group, State.NOT_APPLICABLE, title, _("Nothing runs in production."))
    if known.open_applications:
        sentence = _("Everybody may open these in %(environment)s, without signing in: %(names)s.") % where
        fix = _("If that is not meant: the application's page, or fairway access NAME signed_in --env ENVIRONMENT.")
        return Line(code, group, State.OFF, title, sentence, fix, Place.APPLICATIONS)
    sentence = _("Only people who are signed in may open what runs in %(environment)s.") % where
    return Line(code, group, State.GOOD, title, sentence)


def _walls(facts: Facts) -> Line:
    code, group, title, known = "walls", Group.RUNNING, _("Walls around applications"), facts.running
    if not known.on_process:
        return Line(code, group, State.NOT_APPLICABLE, title, _("No environment runs applications as processes."))
    if known.walls is None:
        sentence = _("This machine was too busy to say which walls it can put up.")
        return Line(code, group, State.NOT_APPLICABLE, title, sentence)
    if missing := [name for name, stands in known.walls.items() if not stands]:
        sentence = _("This machine cannot put up all of them; missing: %(names)s.") % {"names": listed(missing)}
        fix = _("Run Fairway as root, or allow user namespaces; fairway doctor says what each of them needs.")
        return Line(code, group, State.WEAK, title, sentence, fix, Place.ENVIRONMENTS)
    return Line(code, group, State.GOOD, title, _("This machine puts up all of them."))


def _required_walls(facts: Facts) -> Line:
    code, group, title, known = "required_walls", Group.RUNNING, _("Required walls"), facts.running
    if not known.on_process:
        return Line(code, group, State.NOT_APPLICABLE, title, _("No environment runs applications as processes."))
    if known.without_required:
        said = _("Applications also start where a wall cannot be put up, in: %(names)s.")
        fix = _("Choose the walls without which nothing starts: the environment's page, Edit.")
        sentence = said % {"names": listed(known.without_required)}
        return Line(code, group, State.OFF, title, sentence, fix, Place.ENVIRONMENTS)
    sentence = _("Each environment requires some, without which nothing starts.")
    return Line(code, group, State.GOOD, title, sentence)


def records(facts: Facts) -> Iterator[Line]:
    """The chain of events, backups, and who is warned."""
    yield _chain(facts)
    yield _heads(facts)
    yield _backups(facts)
    yield _mail(facts)
    title, group = _("Who hears of security"), Group.RECORDS
    if count := facts.records.channels:
        sentence = ngettext(
            "%(count)d channel hears of what concerns security.", "%(count)d channels hear of what concerns security.", count
        ) % {"count": count}
        yield Line("channels", group, State.GOOD, title, sentence)
    else:
        fix = _("Add a channel that hears of security: Settings → Notifications, or fairway notifications add.")
        sentence = _("No channel hears of what concerns security.")
        yield Line("channels", group, State.WEAK, title, sentence, fix, Place.CHANNELS)


def _chain(facts: Facts) -> Line:
    code, group, title, known = "chain", Group.RECORDS, _("Chain of events"), facts.records
    if known.is_broken:
        sentence = _("It is broken: events are missing or were changed.")
        fix = _("Events, or fairway audit on the server, say where. Find out who could write to the database.")
        return Line(code, group, State.WEAK, title, sentence, fix, Place.EVENTS)
    if known.verified_at is None:
        sentence = _("It has not been verified from its beginning yet.")
        fix = _("A worker does that soon after its start; see that one runs.")
        return Line(code, group, State.WEAK, title, sentence, fix, Place.EVENTS)
    when = {"number": known.verified_to, "when": f"{known.verified_at:%Y-%m-%d %H:%M} UTC"}
    if facts.now - known.verified_at > VERIFIED_WITHIN:
        sentence = _("It was verified from its beginning last at %(when)s.") % when
        fix = _("A worker does that every six hours; see that one runs.")
        return Line(code, group, State.WEAK, title, sentence, fix, Place.EVENTS)
    sentence = _("Unbroken up to event %(number)d; verified from its beginning at %(when)s.") % when
    return Line(code, group, State.GOOD, title, sentence)


def _heads(facts: Facts) -> Line:
    code, group, title, known = "heads", Group.RECORDS, _("Signed heads elsewhere"), facts.records
    variable = "FAIRWAY_HEADS_TO"
    if not known.heads_elsewhere:
        sentence = _("They are kept on this machine only, and whoever controls it can change both them and the events.")
        return Line(code, group, State.OFF, title, sentence, set_variable(variable), variable=variable)
    if not known.heads_sent:
        fix = _("A worker sends one soon after the next event; see that one runs.")
        return Line(code, group, State.WEAK, title, _("None has been sent to the other place yet."), fix)
    if known.heads_failed:
        sentence = _("The other place did not take the newest one.")
        fix = _("See the log, or fairway doctor on the server, for what it answered.")
        return Line(code, group, State.WEAK, title, sentence, fix, variable=variable)
    return Line(code, group, State.GOOD, title, _("The other place has the newest one."))


def _backups(facts: Facts) -> Line:
    code, group, title, known = "backups", Group.RECORDS, _("Backups of resources"), facts.records
    if not known.resources:
        return Line(code, group, State.NOT_APPLICABLE, title, _("There is no resource."))
    if known.without_backups:
        sentence = _("No backups are taken automatically of: %(names)s.") % {"names": listed(known.without_backups)}
        fix = _("Set a schedule: the resource's page, Backups.")
        return Line(code, group, State.WEAK, title, sentence, fix, Place.RESOURCES)
    return Line(code, group, State.GOOD, title, _("Every resource has a schedule."))


def _mail(facts: Facts) -> Line:
    code, group, title = "mail", Group.RECORDS, _("Mail")
    if not facts.records.mail:
        fix = _("Set up a mail server: Settings → Mail, or fairway mail set.")
        sentence = _("Nobody is warned by mail of what happens to their account, because no mail server is set up.")
        return Line(code, group, State.WEAK, title, sentence, fix, Place.MAIL)
    if facts.records.mail == "none":
        fix = _("Choose TLS or STARTTLS: Settings → Mail, or FAIRWAY_SMTP_SECURITY where Fairway is started.")
        sentence = _("Mail goes to the mail server unencrypted.")
        return Line(code, group, State.WEAK, title, sentence, fix, Place.MAIL, variable="FAIRWAY_SMTP_SECURITY")
    return Line(code, group, State.GOOD, title, _("People are warned at their confirmed addresses; mail is sent encrypted."))


def network(facts: Facts) -> Iterator[Line]:
    """Addresses, and what variables allow."""
    known, group = facts.network, Group.NETWORK
    yield _address(facts)
    reached = (
        ("source_addresses", _("Where sources may come from"), known.source_addresses, "FAIRWAY_SOURCE_ADDRESSES"),
        ("sign_in_addresses", _("Where sign-in providers may be"), known.sign_in_addresses, "FAIRWAY_SIGN_IN_ADDRESSES"),
        ("notify_addresses", _("Where notifications may go"), known.notify_addresses, "FAIRWAY_NOTIFY_ADDRESSES"),
    )
    sentences = {
        ANY: _("Everything may be reached, this machine included."),
        "intranet": _("Public addresses and private networks may be reached, but not this machine."),
        "public": _("Only public addresses may be reached."),
    }
    for code, title, value, variable in reached:
        fix = set_variable(variable) if value == ANY else ""
        state = State.WEAK if value == ANY else State.GOOD
        yield Line(code, group, state, title, sentences[value], fix, variable=variable if fix else "")
    title, variable = _("Sources on this machine's disk"), "FAIRWAY_ALLOW_FILE_SOURCES"
    if known.file_sources:
        sentence = _("Whoever may create applications can read this machine's disk with file:// repositories.")
        yield Line("file_sources", group, State.WEAK, title, sentence, set_variable(variable), variable=variable)
    else:
        yield Line("file_sources", group, State.GOOD, title, _("file:// repositories are refused."))
    title, variable = _("Trusted proxies"), "FAIRWAY_TRUSTED_PROXIES"
    if known.trusts_every_proxy:
        sentence = _("Every address is trusted as a proxy, so anybody can pretend to come from another one.")
        yield Line("trusted_proxies", group, State.WEAK, title, sentence, set_variable(variable), variable=variable)
    else:
        sentence = _("Only named proxies, if any, are believed about where visitors come from.")
        yield Line("trusted_proxies", group, State.GOOD, title, sentence)
    yield _database(facts)


def _address(facts: Facts) -> Line:
    code, group, title, known = "address", Group.NETWORK, _("Address of the pages"), facts.network
    variable = "FAIRWAY_PUBLIC_URL"
    if "*" in known.hosts:
        sentence = _("Pages answer to any host name, so links can be made to lead elsewhere.")
        variable = "FAIRWAY_ALLOWED_HOSTS"
        return Line(code, group, State.WEAK, title, sentence, set_variable(variable), variable=variable)
    if known.is_https:
        return Line(code, group, State.GOOD, title, _("It begins with https, and browsers are asked for nothing else."))
    if known.is_local:
        sentence = _("Pages answer to names of this machine only.")
        return Line(code, group, State.NOT_APPLICABLE, title, sentence)
    sentence = _("It does not begin with https, so passwords and sessions can be read on the way.")
    fix = _(
        "Set FAIRWAY_PUBLIC_URL to an https:// address and FAIRWAY_PROXY_TLS_PORT to its port: Fairway's proxy gets the "
        "certificate. Or put a proxy with TLS of your own before Fairway."
    )
    return Line(code, group, State.WEAK, title, sentence, fix, variable=variable)


def _database(facts: Facts) -> Line:
    code, group, title, mode = "database", Group.NETWORK, _("Connection to the database"), facts.network.database
    variable = "FAIRWAY_DATABASE_URL"
    if not mode:
        return Line(code, group, State.NOT_APPLICABLE, title, _("It is a file on this machine."))
    if mode == "local":
        return Line(code, group, State.NOT_APPLICABLE, title, _("It is on this machine."))
    if mode == VERIFIED_NAME:
        return Line(code, group, State.GOOD, title, _("It is encrypted, and the server's certificate is checked."))
    fix = _("Add sslmode=verify-full to FAIRWAY_DATABASE_URL where Fairway is started.")
    if mode in ENCRYPTED:
        sentence = _("It is encrypted, but the server is not fully verified (sslmode=%(mode)s).") % {"mode": mode}
    else:
        sentence = _("It goes over the network and may be unencrypted (sslmode=%(mode)s).") % {"mode": mode}
    return Line(code, group, State.WEAK, title, sentence, fix, variable=variable)
