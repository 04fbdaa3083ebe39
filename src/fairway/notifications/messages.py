"""What a notice says: the sentence that pages have for the event, with what belongs to it, and a link."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from fairway.accounts.mails import Mail
from fairway.accounts.queries import usernames_of
from fairway.activity.models import Event
from fairway.activity.verbs import event_sentence
from fairway.applications.models import Application, Configuration
from fairway.applications.secrets import open_secrets
from fairway.deployments.models import Deployment
from fairway.drivers.messengers.contract import Message, Tone
from fairway.environments.models import Environment
from fairway.notifications.links import nearest_path
from fairway.notifications.models import Channel, Notice
from fairway.notifications.personal import message_to_person
from fairway.notifications.rules import Happened, Topic, tone_of, topic_of
from fairway.releases.models import Rollout
from fairway.shared.masking import Masker
from fairway.shared.urls import masked, without_secrets

Text = str | Promise

TOPICS: Mapping[Topic, Text] = {
    Topic.DEPLOYED: gettext_lazy("Deployments that succeeded"),
    Topic.DEPLOYMENT_FAILED: gettext_lazy("Deployments that failed"),
    Topic.WAITS_FOR_PEOPLE: gettext_lazy("What waits for an approval or a decision"),
    Topic.ROLLED_BACK: gettext_lazy("Rollbacks"),
    Topic.RELEASED: gettext_lazy("Rollouts of releases: started, succeeded, fallen back"),
    Topic.RELEASE_FAILED: gettext_lazy("Rollouts of releases that failed or are held"),
    Topic.DOWN: gettext_lazy("What is down, and back: applications, resources, hosts"),
    Topic.BACKUP_FAILED: gettext_lazy("Backups and restores that failed"),
    Topic.JOB_FAILED: gettext_lazy("Commands and scheduled jobs that failed"),
    Topic.REFUSED: gettext_lazy("Webhooks, CI jobs and sign-ins that were refused"),
    Topic.SECURITY: gettext_lazy("Security: broken glass, changed roles and sign-ins, the chain of events, new host keys"),
    Topic.ALERTS: gettext_lazy("Alerts: errors, response times, memory, restarts, certificates, disk, late backups"),
}
SHORT: Mapping[Topic, Text] = {  # the same in few words, for lists
    Topic.DEPLOYED: gettext_lazy("deployed"),
    Topic.DEPLOYMENT_FAILED: gettext_lazy("deployment failed"),
    Topic.WAITS_FOR_PEOPLE: gettext_lazy("waits for people"),
    Topic.ROLLED_BACK: gettext_lazy("rolled back"),
    Topic.RELEASED: gettext_lazy("rollouts"),
    Topic.RELEASE_FAILED: gettext_lazy("rollout failed"),
    Topic.DOWN: gettext_lazy("down"),
    Topic.BACKUP_FAILED: gettext_lazy("backup failed"),
    Topic.JOB_FAILED: gettext_lazy("command failed"),
    Topic.REFUSED: gettext_lazy("refused"),
    Topic.SECURITY: gettext_lazy("security"),
    Topic.ALERTS: gettext_lazy("alerts"),
}
TITLES: Mapping[str, Text] = {
    "deployment.succeeded": pgettext_lazy("notice", "Deployed"),
    "deployment.failed": gettext_lazy("Deployment failed"),
    "deployment.errored": gettext_lazy("Deployment failed"),
    "deployment.judged_worse": gettext_lazy("New version answers worse"),
    "deployment.approval_asked": gettext_lazy("Waits for approval"),
    "placement.adjustment_failed": gettext_lazy("Could not be adjusted"),
    "placement.held": gettext_lazy("New version does badly"),
    "trigger.blocked": gettext_lazy("Push not deployed"),
    "stage.blocked": gettext_lazy("Version not promoted"),
    "trigger.refused": gettext_lazy("Webhook request refused"),
    "ci.token_refused": gettext_lazy("CI job refused"),
    "person.sign_in_failed": gettext_lazy("Failed sign-in"),
    "person.refused": gettext_lazy("Refused"),
    "token.refused": gettext_lazy("Invalid token"),
    "sign_in.refused": gettext_lazy("Sign-in refused"),
    "rollout.needs_decision": gettext_lazy("Waits for a decision"),
    "rollout.started": gettext_lazy("Rollout started"),
    "rollout.succeeded": gettext_lazy("Rollout succeeded"),
    "rollout.fallen_back": gettext_lazy("Rollout fallen back"),
    "rollout.failed": gettext_lazy("Rollout failed"),
    "rollout.held": gettext_lazy("Rollout held"),
    "resource.went_down": gettext_lazy("Resource down"),
    "resource.failed": gettext_lazy("Resource failed"),
    "environment.host_away": gettext_lazy("Docker host unreachable"),
    "backup.failed": gettext_lazy("Backup failed"),
    "backup.restore_failed": gettext_lazy("Restore failed"),
    "resource.deletion_called_off": gettext_lazy("Not deleted: the last backup failed"),
    "job.failed": gettext_lazy("Command failed"),
    "job.errored": gettext_lazy("Command failed"),
    "schedule.skipped": gettext_lazy("Scheduled job skipped"),
    "gate.glass_broken": gettext_lazy("Glass broken"),
    "person.roles_set": gettext_lazy("Roles changed"),
    "person.password_replaced": gettext_lazy("Password replaced"),
    "person.identity_linked": gettext_lazy("Sign-in provider connected"),
    "person.two_step_turned_on": gettext_lazy("Two-step sign-in turned on"),
    "person.two_step_turned_off": gettext_lazy("Two-step sign-in turned off"),
    "person.two_step_reset": gettext_lazy("Two-step sign-in reset"),
    "person.recovery_codes_made": gettext_lazy("New recovery codes"),
    "person.recovery_code_used": gettext_lazy("Recovery code used"),
    "person.code_refused": gettext_lazy("Wrong code after the right password"),
    "sign_in.two_step_set": gettext_lazy("Rule for two-step sign-in changed"),
    "audit.broken": gettext_lazy("Chain of events broken"),
    "audit.unguarded": gettext_lazy("Events were unprotected"),
    "environment.host_key_shown": gettext_lazy("New host key"),
    "alert.started": gettext_lazy("Alert"),
    "alert.worsened": gettext_lazy("Alert, now critical"),
    "alert.goes_on": gettext_lazy("Alert, still"),
    "alert.ended": gettext_lazy("Alert: over"),
}
HEALTH: Mapping[str, Text] = {
    "down": pgettext_lazy("application", "Down"),
    "healthy": pgettext_lazy("application", "Healthy again"),
}
ALERTS: Mapping[str, Text] = {  # what is wrong, by the kind of the alert
    "down": pgettext_lazy("application", "Down"),
    "errors": gettext_lazy("Many errors"),
    "latency": gettext_lazy("Slow answers"),
    "memory": gettext_lazy("Memory near its limit"),
    "restarts": gettext_lazy("Restarts again and again"),
    "certificate": gettext_lazy("Certificate ends soon"),
    "backup_failed": gettext_lazy("Backup failed"),
    "backup_late": gettext_lazy("Backup late"),
    "host": gettext_lazy("Docker host unreachable"),
    "disk": gettext_lazy("Disk nearly full"),
    "chain": gettext_lazy("Chain of events broken"),
}
ALERT_CHANGES: Mapping[str, Text] = {
    "alert.worsened": gettext_lazy("%(alert)s (now critical)"),
    "alert.goes_on": gettext_lazy("%(alert)s (still)"),
    "alert.ended": gettext_lazy("%(alert)s (over)"),
}
LONGEST_FACT = 500

_said: Callable[[str], str] = str


def use_words(words: Callable[[str], str]) -> None:
    """Say stored sentences (why something failed) with `words`, which know the reader's language, from now on."""
    global _said
    _said = words


def message_of(notice: Notice) -> Message:
    """The message, in the channel's language; to a person in theirs."""
    if notice.channel.is_personal and notice.event is not None:
        return message_to_person(notice, notice.event)
    with in_language_of(notice.channel):
        return _test_message(notice) if notice.event is None else _event_message(notice, notice.event)


@contextmanager
def in_language_of(channel: Channel) -> Iterator[str]:
    """Speak the channel's language, or the installation's."""
    language = channel.language or settings.LANGUAGE_CODE
    with translation.override(language):
        yield language


def happened_in(event: Event) -> Happened:
    """What of an event decides who hears of it."""
    return Happened(event.verb, event.application, event.environment, event.door, event.before, event.after)


def layout(message: Message) -> tuple[str, str]:
    """A message as the text and the HTML of a mail."""
    with translation.override(message.language):
        facts = tuple(_about(label, value) for label, value in message.facts)
        paragraphs = tuple(line for line in (*message.sentence.split("\n"), *facts) if line)
        mail = Mail(message.subject, paragraphs, message.reason, message.language, message.link, message.url)
        text, html = (render_to_string(f"mail/message.{form}", {"mail": mail}) for form in ("txt", "html"))
    return str(text), str(html)


def _about(title: str, what: str) -> str:
    return _("%(title)s: %(what)s") % {"title": title, "what": what}


def _event_message(notice: Notice, event: Event) -> Message:
    happened = happened_in(event)
    who = usernames_of([event.actor_id]).get(event.actor_id or 0, event.actor_name)
    clean = _cleaner(event)
    sentence = clean(event_sentence(event.verb, who=who, what=event.subject_label))
    comment = clean(_said(event.comment))
    topic = topic_of(happened)
    return Message(
        id=notice.public_id,
        at=event.at,
        type=event.verb,
        subject=clean(_about(title_of(event), event.subject_label)),
        sentence=f"{sentence}.\n{comment}".strip(),
        tone=tone_of(topic, happened) if topic else Tone.PLAIN,
        facts=tuple((label, clean(value)[:LONGEST_FACT]) for label, value in _facts(event) if value),
        url=settings.PUBLIC_URL + nearest_path(event),
        link=_("Open in Fairway"),
        reason=_reason(notice),
        language=translation.get_language() or "en",
        data={"event": _data(event, clean)},
    )


def _test_message(notice: Notice) -> Message:
    name = notice.channel.name
    return Message(
        id=notice.public_id,
        at=notice.created_at,
        type="channel.tested",
        subject=_("Test from Fairway"),
        sentence=_("This is a test. “%(name)s” will hear of what happens in Fairway.") % {"name": name},
        tone=Tone.GOOD,
        facts=((_("Fairway"), urlsplit(settings.PUBLIC_URL).netloc),),
        url=settings.PUBLIC_URL + reverse("channel", args=[notice.channel_id]),
        link=_("Open in Fairway"),
        reason=_reason(notice),
        language=translation.get_language() or "en",
        data={"event": None},
    )


def title_of(event: Event) -> str:
    """What happened, in two or three words."""
    if event.verb == "deployment.succeeded" and topic_of(happened_in(event)) is Topic.ROLLED_BACK:
        return _("Rolled back")
    if event.verb == "placement.observed":
        return str(HEALTH.get(str(event.after.get("health")), _("No longer down")))
    if event.verb.startswith("alert.") and (alert := ALERTS.get(str(event.after.get("kind")))):
        return str(ALERT_CHANGES.get(event.verb, "%(alert)s")) % {"alert": alert}
    return str(TITLES.get(event.verb, event.verb))


def _facts(event: Event) -> Iterator[tuple[str, str]]:
    """What belongs to the event, with labels; what is empty is left out later."""
    yield _("Application"), Application.objects.filter(slug=event.application).values_list("name", flat=True).first() or ""
    yield _("Environment"), Environment.objects.filter(slug=event.environment).values_list("name", flat=True).first() or ""
    if event.subject_kind == "alert" and (seconds := event.after.get("seconds")) is not None:
        yield _("Lasted"), _lasted(int(seconds))
    if event.subject_kind == "deployment":
        deployment = Deployment.objects.filter(pk=event.subject_id).first()
        if deployment is not None:
            yield _("Version"), deployment.version
            yield _("Requested by"), deployment.requested_by
            yield _("Reason"), _said(deployment.reason)
    elif event.subject_kind == "rollout":
        rollout = Rollout.objects.filter(pk=event.subject_id).first()
        if rollout is not None:
            yield _("Requested by"), rollout.requested_by
            yield _("Reason"), _said(rollout.reason)


def _lasted(seconds: int) -> str:
    if seconds < 3600:
        minutes = max(1, round(seconds / 60))
        return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}
    hours = round(seconds / 3600)
    return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}


def _reason(notice: Notice) -> str:
    if notice.address:
        words = {"name": notice.channel.name, "place": settings.PUBLIC_URL}
        return _("You receive this mail because this address is in the channel “%(name)s” of Fairway at %(place)s.") % words
    return ""


def _cleaner(event: Event) -> Callable[[str], str]:
    """What masks the secrets of the application's configuration, and those in URLs: the words leave Fairway."""
    values: set[str] = set()
    if event.application and event.environment:
        newest = Configuration.objects.filter(application__slug=event.application, environment__slug=event.environment)
        used = Deployment.objects.filter(pk=event.subject_id) if event.subject_kind == "deployment" else ()
        deployed = [deployment.configuration for deployment in used]
        for configuration in (*newest.order_by("-version")[:2], *deployed):
            values |= set(open_secrets(configuration).values())
    mask = Masker(values)
    return lambda text: mask(without_secrets(text))


def _data(event: Event, clean: Callable[[str], str]) -> dict[str, Any]:
    """The event for programs, in the words of the API."""
    return {
        "id": event.pk,
        "at": event.at.isoformat(),
        "verb": event.verb,
        "who": event.actor_name,
        "door": event.door,
        "subject": {"kind": event.subject_kind, "id": event.subject_id, "label": clean(event.subject_label)},
        "application": event.application,
        "environment": event.environment,
        "comment": clean(event.comment),
        "before": _cleaned(masked(event.before), clean),
        "after": _cleaned(masked(event.after), clean),
    }


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {name: _cleaned(part, clean) for name, part in value.items()}
    return [_cleaned(part, clean) for part in value] if isinstance(value, list) else value
