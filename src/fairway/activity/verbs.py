"""The table of verbs: everything that can happen, with its sentence, its severity and its kinds of subject.

`commands.record` refuses a verb that is not in it, so every event has a sentence on pages, in the API and on the command
line. The sentence is a template: ``{who}`` is the person, ``{what}`` the subject's label.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


class Severity(StrEnum):
    """How serious an event is, least serious first. `DETAIL` is shown only on the page of the thing it happened to."""

    DETAIL = "detail"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Verb:
    """One thing that can happen. `subjects` are the kinds of subject (`rules.On.kind`) that it can happen to."""

    key: str
    sentence: Text
    severity: Severity
    subjects: tuple[str, ...]

    @property
    def group(self) -> str:
        """The part of the key before the first dot."""
        return self.key.partition(".")[0]


def _table() -> Iterator[Verb]:
    def verb(key: str, sentence: Text, severity: Severity = Severity.INFO, subjects: tuple[str, ...] = ()) -> Verb:
        return Verb(key, sentence, severity, subjects or (key.partition(".")[0],))

    detail, warning, error = Severity.DETAIL, Severity.WARNING, Severity.ERROR

    yield verb("application.created", _("{who} created the application {what}"))
    yield verb("application.installed", _("{who} installed {what} from the catalogue"))
    yield verb("application.edited", _("{who} changed the application {what}"))
    yield verb("application.deleted", _("{who} deleted the application {what}"), warning)
    yield verb("artifact.marked_bad", _("{who} marked the version {what} as bad"), warning)
    yield verb("artifact.unmarked_bad", _("{who} removed the bad mark from the version {what}"))
    yield verb("configuration.saved", _("{who} saved the configuration {what}"))
    yield verb("upload.stored", _("{who} uploaded {what}"))
    yield verb("inspection.started", _("{who} started to inspect a source: {what}"), detail)
    yield verb("inspection.ended", _("{who} finished inspecting a source: {what}"), detail)
    yield verb("credential.created", _("{who} stored the credential {what}"))
    yield verb("credential.replaced", _("{who} replaced the credential {what}"))
    yield verb("credential.deleted", _("{who} deleted the credential {what}"))
    yield verb("credential.scoped", _("{who} changed where the credential {what} may be used"))

    yield verb("deployment.requested", _("{who} requested the deployment {what}"))
    yield verb("deployment.cancel_requested", _("{who} asked to cancel the deployment {what}"))
    yield verb("deployment.approval_asked", _("{who} asked for approval of the deployment {what}"))
    yield verb("deployment.approved", _("{who} approved the deployment {what}"))
    yield verb("deployment.rejected", _("{who} rejected the deployment {what}"), warning)
    yield verb("deployment.approval_settled", _("{who} let the deployment {what} continue: it has its approvals"))
    yield verb("deployment.started", _("{who} started the deployment {what}"))
    yield verb("deployment.waiting", _("{who} paused the deployment {what}"))
    yield verb("deployment.step_started", _("{who} started a step of the deployment {what}"), detail)
    yield verb("deployment.step_finished", _("{who} finished a step of the deployment {what}"), detail)
    yield verb("deployment.artifact_settled", _("{who} determined the version of the deployment {what}"))
    yield verb("deployment.probed", _("{who} measured the switch of the deployment {what}"))
    yield verb("deployment.judged", _("{who} compared the answers of the deployment {what} with those before it"), detail)
    yield verb("deployment.judged_worse", _("{who} found the answers of the deployment {what} worse than before"), warning)
    yield verb("deployment.succeeded", _("{who} finished the deployment {what} successfully"))
    yield verb("deployment.failed", _("{who} ended the deployment {what}: the new version failed"), error)
    yield verb("deployment.errored", _("{who} could not carry out the deployment {what}"), error)
    yield verb("deployment.cancelled", _("{who} cancelled the deployment {what}"))
    yield verb("job.requested", _("{who} ran a command in {what}"), warning)
    yield verb("job.started", _("{who} started a command in {what}"), detail)
    yield verb("job.cancel_requested", _("{who} asked to cancel a command in {what}"))
    yield verb("job.succeeded", _("{who} finished a command in {what}"))
    yield verb("job.failed", _("{who} saw a command in {what} fail"), warning)
    yield verb("job.errored", _("{who} could not run a command in {what} to its end"), error)
    yield verb("job.cancelled", _("{who} cancelled a command in {what}"))
    yield verb("schedule.created", _("{who} created the scheduled job {what}"), warning)
    yield verb("schedule.edited", _("{who} changed the scheduled job {what}"), warning)
    yield verb("schedule.paused", _("{who} paused the scheduled job {what}"))
    yield verb("schedule.resumed", _("{who} resumed the scheduled job {what}"), warning)
    yield verb("schedule.deleted", _("{who} deleted the scheduled job {what}"))
    yield verb("schedule.skipped", _("{who} skipped a due time of the scheduled job {what}"), warning)
    yield verb("trigger.created", _("{who} set up deploy on push: {what}"), warning)
    yield verb("trigger.edited", _("{who} changed deploy on push: {what}"), warning)
    yield verb("trigger.paused", _("{who} paused deploy on push: {what}"))
    yield verb("trigger.resumed", _("{who} resumed deploy on push: {what}"), warning)
    yield verb("trigger.deleted", _("{who} deleted deploy on push: {what}"))
    yield verb("trigger.webhook_installed", _("{who} installed the webhook of deploy on push: {what}"))
    yield verb("trigger.webhook_removed", _("{who} removed the webhook of deploy on push: {what}"))
    yield verb("trigger.secret_renewed", _("{who} renewed the webhook’s secret of deploy on push: {what}"))
    yield verb("preview.opened", _("{who} opened the preview {what}"))
    yield verb("preview.approved", _("{who} approved a commit of a fork for the preview {what}"), warning)
    yield verb("preview.kept", _("{who} kept the preview {what} for longer"))
    yield verb("preview.blocked", _("{who} could not deploy the preview {what}"), error)
    yield verb("preview.ended", _("{who} ended the preview {what}"))
    yield verb("preview.removed", _("{who} removed everything of the preview {what}"))
    yield verb("stage.created", _("{who} set up automatic promotion: {what}"), warning)
    yield verb("stage.edited", _("{who} changed automatic promotion: {what}"), warning)
    yield verb("stage.paused", _("{who} paused automatic promotion: {what}"))
    yield verb("stage.resumed", _("{who} resumed automatic promotion: {what}"), warning)
    yield verb("stage.deleted", _("{who} deleted automatic promotion: {what}"))
    yield verb("stage.blocked", _("{who} could not promote a version: {what}"), error)
    yield verb("ci.trusted", _("{who} trusted CI jobs: {what}"), warning)
    yield verb("ci.trust_ended", _("{who} ended the trust in CI jobs: {what}"))
    yield verb("ci.token_given", _("A CI job got a token: {what}"))
    yield verb("ci.token_refused", _("A CI job was refused a token: {what}"), warning)
    yield verb("forge.connected", _("{who} connected the forge {what}"))
    yield verb("forge.edited", _("{who} changed the connection to the forge {what}"))
    yield verb("forge.paused", _("{who} paused the statuses at the forge {what}"))
    yield verb("forge.resumed", _("{who} resumed the statuses at the forge {what}"))
    yield verb("forge.stopped", _("{who} stopped sending statuses to the forge {what}: somebody has to look"), error)
    yield verb("forge.tried", _("{who} tried the connection to the forge {what}"))
    yield verb("forge.sent_again", _("{who} sent a status to the forge {what} again"))
    yield verb("forge.disconnected", _("{who} disconnected the forge {what}"))
    yield verb("trigger.refused", _("A request to the webhook of deploy on push was refused: {what}"), warning)
    yield verb("trigger.blocked", _("{who} could not deploy a push: {what}"), error)
    yield verb(
        "gate.glass_broken",
        _("{who} broke the glass and bypassed what blocked {what}"),
        warning,
        ("deployment", "package", "rollout"),
    )

    yield verb("placement.access_set", _("{who} changed who may open {what}"))
    yield verb("placement.domains_set", _("{who} changed the domains of {what}"))
    yield verb("placement.held", _("{who} suspended automatic deployments of {what}"), warning)
    yield verb("placement.hold_released", _("{who} resumed automatic deployments of {what}"))
    yield verb("placement.out_of_memory", _("An instance of {what} ran out of memory and was ended"), error)
    yield verb("placement.observed", _("{who} saw the health of {what} change"))
    yield verb("placement.adjusted", _("{who} adjusted {what}"))
    yield verb("placement.adjustment_failed", _("{who} could not adjust {what}"), error)
    yield verb("placement.orphans_removed", _("{who} removed leftover instances from {what}"))
    yield verb("placement.remove_requested", _("{who} asked to remove {what}"), warning)
    yield verb("placement.removed", _("{who} removed {what}"), warning)
    yield verb("placement.scale_requested", _("{who} asked to scale {what}"))
    yield verb("placement.limits_set", _("{who} changed the limits of {what}"))
    yield verb("placement.scaling_set", _("{who} changed how {what} is scaled by itself"))
    yield verb("placement.sleep_set", _("{who} changed when {what} falls asleep"))
    yield verb("placement.sleep_requested", _("{who} asked to put {what} to sleep"))
    yield verb("placement.fell_asleep", _("{who} put {what} to sleep"))
    yield verb("placement.stayed_awake", _("{who} left {what} awake: somebody visits it"))
    yield verb("placement.wake_requested", _("{who} asked to wake {what}"))
    yield verb("placement.woke", _("{who} woke {what}"))
    yield verb("placement.start_requested", _("{who} asked to start {what}"))
    yield verb("placement.stop_requested", _("{who} asked to stop {what}"))
    yield verb("placement.switched", _("{who} switched traffic to the new version of {what}"))
    yield verb("placement.switched_back", _("{who} switched traffic back to the previous version of {what}"), warning)
    yield verb("placement.writes_seen", _("{who} saw {what} write files that the next deployment will lose"), warning)
    yield verb("placement.writes_dismissed", _("{who} dismissed the warning about files written by {what}"))

    yield verb("alert.started", _("{who} raised an alert about {what}"), error)
    yield verb("alert.worsened", _("{who} saw an alert about {what} become critical"), error)
    yield verb("alert.goes_on", _("{who} saw an alert about {what} go on after its silence"), error)
    yield verb("alert.ended", _("{who} ended an alert about {what}"))
    yield verb("alert.acknowledged", _("{who} acknowledged an alert about {what}"))
    yield verb("alert.rules_set", _("{who} changed when there are alerts in {what}"), warning, ("environment",))
    yield verb("silence.created", _("{who} silenced alerts in {what}"), warning)
    yield verb("silence.ended", _("{who} ended a silence in {what}"))

    yield verb("environment.created", _("{who} created the environment {what}"))
    yield verb("environment.edited", _("{who} changed the environment {what}"))
    yield verb("environment.price_set", _("{who} set what the environment {what} costs"))
    yield verb("environment.deleted", _("{who} deleted the environment {what}"), warning)
    yield verb("environment.locked", _("{who} locked the environment {what}"), warning)
    yield verb("environment.unlocked", _("{who} unlocked the environment {what}"))
    yield verb("environment.host_look_requested", _("{who} asked to check the Docker host of {what}"))
    yield verb("environment.host_key_shown", _("{who} received a new key from the Docker host of {what}"), warning)
    yield verb("environment.host_key_confirmed", _("{who} confirmed the key of the Docker host of {what}"))
    yield verb("environment.host_connected", _("{who} connected to the Docker host of {what}"))
    yield verb("environment.host_away", _("{who} lost the connection to the Docker host of {what}"), error)
    yield verb("freeze.created", _("{who} created the freeze window {what}"))
    yield verb("freeze.edited", _("{who} changed the freeze window {what}"))
    yield verb("freeze.deleted", _("{who} deleted the freeze window {what}"))

    yield verb("resource.requested", _("{who} created the resource {what}"))
    yield verb("resource.start_requested", _("{who} asked to start the resource {what}"))
    yield verb("resource.stop_requested", _("{who} asked to stop the resource {what}"), warning)
    yield verb("resource.delete_requested", _("{who} asked to delete the resource {what}"), warning)
    yield verb("resource.deletion_called_off", _("{who} did not delete the resource {what}: its last backup failed"), error)
    yield verb("resource.schedule_saved", _("{who} changed when {what} is backed up"), warning)
    yield verb("resource.observed", _("{who} saw the state of the resource {what} change"))
    yield verb("resource.went_down", _("{who} saw that the resource {what} does not answer"), error)
    yield verb("resource.failed", _("{who} could not bring up the resource {what}"), error)
    yield verb("resource.deleted", _("{who} deleted the resource {what} and put its data aside"), warning)
    yield verb("binding.requested", _("{who} asked to bind {what}"))
    yield verb("binding.bound", _("{who} bound {what}"))
    yield verb("binding.failed", _("{who} could not settle the binding {what}"), error)
    yield verb("binding.password_requested", _("{who} asked for a new password for {what}"))
    yield verb("binding.end_requested", _("{who} asked to end the previous password of {what}"))
    yield verb("binding.previous_ended", _("{who} ended the previous password of {what}"))
    yield verb("binding.unbind_requested", _("{who} asked to unbind {what}"), warning)
    yield verb("binding.ended", _("{who} unbound {what}"), warning)
    yield verb("backup.requested", _("{who} asked for the backup {what}"))
    yield verb("backup.verified", _("{who} took and verified the backup {what}"))
    yield verb("backup.failed", _("{who} could not take or verify the backup {what}"), error)
    yield verb("backup.removed", _("{who} removed the backup {what}, because newer ones are kept"))
    yield verb("backup.downloaded", _("{who} downloaded the backup {what}"), warning)
    yield verb("backup.restore_requested", _("{who} asked to restore the backup {what}"), warning)
    yield verb("backup.clone_requested", _("{who} asked to clone the data of the backup {what}"), warning)
    yield verb("backup.restored", _("{who} restored the backup {what}"), warning)
    yield verb("backup.restore_failed", _("{who} could not restore the backup {what}"), error)

    yield verb("release.created", _("{who} created the release {what}"))
    yield verb("release.edited", _("{who} changed the release {what}"))
    yield verb("release.cloned", _("{who} cloned a release as {what}"))
    yield verb("release.made_from_environment", _("{who} created the release {what} from what was running"))
    yield verb("release.sealed", _("{who} sealed the release {what}"))
    yield verb("release.unsealed", _("{who} unsealed the release {what}; its approvals are void"), warning)
    yield verb("release.settings_renewed", _("{who} sealed the release {what} with the new settings"))
    yield verb("release.approved", _("{who} approved the release {what}"))
    yield verb("release.rejected", _("{who} rejected the release {what}"), warning)
    yield verb("release.distribution_requested", _("{who} asked to distribute the packages of the release {what}"))
    yield verb("release.cancelled", _("{who} cancelled the release {what}"), warning)
    yield verb("release.deleted", _("{who} deleted the release {what}"), warning)
    yield verb("package.added", _("{who} added the package {what}"))
    yield verb("package.edited", _("{who} changed the package {what}"))
    yield verb("package.deleted", _("{who} deleted the package {what}"))
    yield verb("package.dependency_added", _("{who} added a dependency to the package {what}"))
    yield verb("package.dependency_removed", _("{who} removed a dependency from the package {what}"))
    yield verb("package.resolution_requested", _("{who} asked to look for the version of the package {what} again"))
    yield verb("package.resolved", _("{who} found the version of the package {what}"))
    yield verb("package.unresolvable", _("{who} could not find the version of the package {what}"), error)
    yield verb("package.distribution_requested", _("{who} asked to distribute the package {what}"))
    yield verb("package.distributed", _("{who} distributed the package {what}"))
    yield verb("package.found_there", _("{who} left the package {what} as it is: it is already served"))
    yield verb("package.withdrawn", _("{who} withdrew the package {what}"), warning)
    yield verb("package.distribution_failed", _("{who} could not distribute the package {what}"), error)
    yield verb("package.deployment_requested", _("{who} asked to deploy the package {what}"))
    yield verb("package.deployed", _("{who} deployed the package {what}"))
    yield verb("package.deployment_failed", _("{who} could not deploy the package {what}"), error)
    yield verb("package.fallback_requested", _("{who} asked to fall back the package {what}"), warning)
    yield verb("package.fallen_back", _("{who} completed the fallback of the package {what}"), warning)
    yield verb("package.fallback_failed", _("{who} could not fall back the package {what}"), error)
    yield verb("rollout.requested", _("{who} requested the rollout {what}"))
    yield verb("rollout.scheduled", _("{who} scheduled the rollout {what}"))
    yield verb("rollout.rescheduled", _("{who} rescheduled the rollout {what}"))
    yield verb("rollout.held", _("{who} is holding the rollout {what} until nothing blocks it"), warning)
    yield verb("rollout.started", _("{who} started the rollout {what}"))
    yield verb("rollout.needs_decision", _("{who} stopped the rollout {what}: a person must decide how it goes on"), error)
    yield verb("rollout.decided", _("{who} decided how the rollout {what} goes on"))
    yield verb("rollout.cancel_requested", _("{who} asked to cancel the rollout {what}"), warning)
    yield verb("rollout.fallback_requested", _("{who} asked to fall back the rollout {what}"), warning)
    yield verb("rollout.succeeded", _("{who} finished the rollout {what} successfully"))
    yield verb("rollout.fallen_back", _("{who} completed the fallback of the rollout {what}"), warning)
    yield verb("rollout.cancelled", _("{who} cancelled the rollout {what}"), warning)
    yield verb("rollout.failed", _("{who} could not carry out the rollout {what}"), error)

    yield verb("person.first_administrator_created", _("{who} became the first administrator"))
    yield verb("person.created", _("{who} added the person {what}"))
    yield verb("person.edited", _("{who} changed the profile of {what}"))
    yield verb("person.email_confirmed", _("{who} confirmed the e-mail address of {what}"))
    yield verb("person.invited", _("{who} created a new sign-in link for {what}"))
    yield verb("person.invitation_accepted", _("{who} accepted the invitation and set a password"))
    yield verb("person.roles_set", _("{who} changed the roles of {what}"), warning)
    yield verb("person.activated", _("{who} activated the account of {what}"))
    yield verb("person.deactivated", _("{who} deactivated the account of {what}"), warning)
    yield verb("person.password_set", _("{who} changed the password of {what}"))
    yield verb("person.password_replaced", _("{who} gave {what} a new password"), warning)
    yield verb("person.acting_as", _("{who} changed the role to act as"))
    yield verb("person.signed_in", _("{who} signed in"))
    yield verb("person.signed_out", _("{who} signed out"))
    yield verb("person.session_ended", _("{who} ended a session of {what}"))
    yield verb("person.refused", _("{who} was refused something"), warning)
    yield verb("token.refused", _("Someone came with {what}"), warning)
    yield verb("person.sign_in_failed", _("Someone failed to sign in as {what}"), warning)
    yield verb("person.two_step_turned_on", _("{who} turned two-step sign-in on"))
    yield verb("person.two_step_turned_off", _("{who} turned two-step sign-in off"), warning)
    yield verb("person.two_step_reset", _("{who} reset the two-step sign-in of {what}"), warning)
    yield verb("person.passkey_added", _("{who} added a passkey"))
    yield verb("person.passkey_removed", _("{who} removed a passkey"), warning)
    yield verb(
        "person.passkey_refused", _("Someone tried to sign in as {what} with a passkey that was not accepted"), warning
    )
    yield verb("person.recovery_codes_made", _("{who} made new recovery codes"))
    yield verb("person.recovery_code_used", _("{who} used a recovery code"), warning)
    yield verb("person.code_refused", _("Someone gave the password of {what}, but a wrong code"), warning)
    yield verb("person.admitted", _("{who} signed in with a provider for the first time"))
    yield verb("person.identity_linked", _("{who} connected a sign-in provider to {what}"), warning)
    yield verb("person.identity_unlinked", _("{who} disconnected a sign-in provider from {what}"), warning)
    yield verb("sign_in.provider_saved", _("{who} changed the sign-in provider {what}"), warning)
    yield verb("sign_in.provider_removed", _("{who} removed the sign-in provider {what}"), warning)
    yield verb("sign_in.passwords_set", _("{who} changed who may sign in with a password"), warning)
    yield verb("sign_in.two_step_set", _("{who} changed whether everybody must use two-step sign-in"), warning)
    yield verb("sign_in.refused", _("Someone was refused who came from the sign-in provider {what}"), warning)
    yield verb("token.created", _("{who} created the API token {what}"))
    yield verb("token.revoked", _("{who} revoked the API token {what}"))
    yield verb("service_account.created", _("{who} created the service account {what}"), subjects=("person",))
    yield verb(
        "service_account.token_created", _("{who} created a token for the service account {what}"), subjects=("person",)
    )
    yield verb(
        "service_account.token_revoked", _("{who} revoked a token of the service account {what}"), subjects=("person",)
    )
    yield verb("calendar_feed.made", _("{who} created a calendar address for {what}"))
    yield verb("calendar_feed.revoked", _("{who} revoked the calendar address of {what}"))

    yield verb("events.exported", _("{who} exported {what}"))
    yield verb("audit.broken", _("{who} found the chain of events broken at event {what}"), error, ("event",))
    yield verb("audit.unguarded", _("{who} restored the protection of events against changes"), error, ("event",))
    yield verb("audit.acknowledged", _("{who} acknowledged the missing events from {what} on"), warning, ("event",))
    yield verb("storage.collected", _("{who} deleted what is no longer needed"))
    yield verb("installation.restored", _("{who} was restored from a backup"), warning)
    yield verb("installation.moved", _("{who} moved to another machine or data directory"), warning)
    yield verb("channel.created", _("{who} added the notification channel {what}"))
    yield verb("channel.edited", _("{who} changed the notification channel {what}"))
    yield verb("channel.paused", _("{who} paused the notification channel {what}"))
    yield verb("channel.resumed", _("{who} resumed the notification channel {what}"))
    yield verb("channel.disabled", _("{who} disabled the notification channel {what}: its receiver is gone"), error)
    yield verb("channel.tested", _("{who} sent a test to the notification channel {what}"))
    yield verb("channel.sent_again", _("{who} sent a notice to the channel {what} again"))
    yield verb("channel.secret_renewed", _("{who} renewed the secret of the notification channel {what}"))
    yield verb("channel.deleted", _("{who} deleted the notification channel {what}"))
    yield verb("mail.settings_changed", _("{who} changed the mail settings"), warning)
    yield verb("mail.sent", _("{who} sent a mail to {what}"), subjects=("person",))
    yield verb("mail.failed", _("{who} could not send a mail to {what}"), error, ("person",))


VERBS: Mapping[str, Verb] = {verb.key: verb for verb in _table()}
# Old keys by which verbs were stored. Events are never rewritten, so old databases still contain them.
RENAMED: Mapping[str, str] = {"release.frozen": "release.sealed", "release.unfrozen": "release.unsealed"}
_UNKNOWN: Text = _("{who}: {verb}, {what}")  # written by another version of Fairway

GROUPS: Mapping[str, Text] = {
    "deployment": _("Deployments"),
    "placement": _("What runs"),
    "alert": _("Alerts"),
    "silence": _("Silences"),
    "job": _("Commands"),
    "schedule": _("Scheduled jobs"),
    "ci": _("CI jobs"),
    "trigger": _("Deploy on push"),
    "preview": _("Previews"),
    "stage": _("Automatic promotion"),
    "forge": _("Statuses at the forge"),
    "release": _("Releases"),
    "package": _("Packages"),
    "rollout": _("Rollouts"),
    "application": _("Applications"),
    "configuration": _("Configuration"),
    "artifact": _("Versions"),
    "upload": _("Uploads"),
    "inspection": _("Inspections of sources"),
    "credential": _("Credentials"),
    "environment": _("Environments"),
    "freeze": _("Freeze windows"),
    "resource": _("Resources"),
    "binding": _("Bindings"),
    "backup": _("Backups"),
    "gate": _("Broken glass"),
    "person": _("People and sign-in"),
    "sign_in": _("Sign-in providers"),
    "token": _("API tokens"),
    "service_account": _("Service accounts"),
    "calendar_feed": _("Calendar addresses"),
    "channel": _("Notifications"),
    "mail": _("Mail"),
    "audit": _("The chain of events"),
    "events": _("Exports"),
    "storage": _("Storage"),
    "installation": _("This installation"),
}

SEVERITIES: Mapping[Severity, Text] = {
    Severity.DETAIL: _("Detail"),
    Severity.INFO: _("Information"),
    Severity.WARNING: _("Warning"),
    Severity.ERROR: _("Error"),
}


def find(key: str) -> Verb | None:
    """The verb of this key, or of a key it had before; None for one that only another version of Fairway knows."""
    return VERBS.get(RENAMED.get(key, key))


def sentence_of(key: str) -> str:
    """The verb's sentence in the reader's language, a template with ``{who}``, ``{what}`` and ``{verb}``."""
    found = find(key)
    return str(found.sentence if found else _UNKNOWN)


def event_sentence(key: str, *, who: str, what: str) -> str:
    """The event's sentence as plain text in the reader's language."""
    return sentence_of(key).format(who=who, what=what, verb=key)


def severity_of(key: str) -> Severity:
    found = find(key)
    return found.severity if found else Severity.INFO


def stored_keys(key: str) -> list[str]:
    """The keys by which events with this verb are stored: its key and earlier ones."""
    now = RENAMED.get(key, key)
    return [now, *(old for old, new in RENAMED.items() if new == now)]


def at_least(severity: Severity) -> list[str]:
    """The stored keys of the verbs of this severity or higher."""
    order = list(Severity)
    wanted = [one for one in VERBS.values() if order.index(one.severity) >= order.index(severity)]
    return [name for one in wanted for name in stored_keys(one.key)]


def below(severity: Severity) -> list[str]:
    """The stored keys of the verbs below this severity."""
    above = set(at_least(severity))
    return [name for one in VERBS for name in stored_keys(one) if name not in above]


def matching_keys(word: str) -> list[str]:
    """The stored keys of the verbs whose sentence, in the reader's language, contains this word, ignoring case and
    accents."""
    wanted = _plain(word)
    return [name for one in VERBS.values() if wanted in _words(one) for name in stored_keys(one.key)]


def _words(verb: Verb) -> str:
    sentence = str(verb.sentence).replace("{who}", "").replace("{what}", "")
    return _plain(f"{sentence} {verb.key} {GROUPS.get(verb.group, '')}")


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(sign for sign in apart if not unicodedata.combining(sign))
