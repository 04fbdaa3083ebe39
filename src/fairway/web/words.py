"""Words for what the domain names by keys; the same on every page."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fairway.accounts.rules import Role
from fairway.activity.rules import Door
from fairway.environments.freeze_rules import Kind

Text = str | Promise

ROLE_LABELS: dict[str, Text] = {
    Role.ADMIN: _("Admin"),
    Role.RELEASE_MANAGER: _("Release Manager"),
    Role.DEPLOYER: _("Deployer"),
    Role.VIEWER: _("Viewer"),
}

STEP_LABELS: dict[str, Text] = {
    "prepare": _("Prepare"),
    "distribute": _("Distribute"),
    "release": _("Release command"),
    "start": _("Start"),
    "check": _("Check"),
    "switch": _("Switch"),
    "retire": _("Retire"),
    "watch": _("Watch"),
}

# What the parts of a deployment's log are called: its steps, and what follows when they do not end well.
LOG_LABELS: dict[str, Text] = {**STEP_LABELS, "clean-up": _("Clean-up")}

# The walls around applications of the process runtime.
WALL_NAMES: dict[str, Text] = {"user": _("User"), "files": _("Files"), "view": _("View"), "ports": _("Ports")}

DOOR_LABELS: dict[str, Text] = {
    Door.WEB: _("in the browser"),
    Door.API: _("through the API"),
    Door.CLI: _("from the command line"),
    Door.WEBHOOK: _("by a webhook"),
    Door.SCHEDULE: _("by a schedule"),
    Door.WORKER: _("by Fairway itself"),
}

# What an event says after the person's name and before what it was done to.
EVENT_LABELS: dict[str, Text] = {
    "application.created": _("created"),
    "application.edited": _("changed"),
    "application.deleted": _("deleted"),
    "artifact.marked_bad": _("marked as bad"),
    "artifact.unmarked_bad": _("took back that it is bad:"),
    "configuration.saved": _("saved the configuration"),
    "credential.created": _("stored the credential"),
    "credential.replaced": _("replaced the credential"),
    "credential.deleted": _("deleted the credential"),
    "credential.scoped": _("changed where one may use the credential"),
    "deployment.requested": _("asked for"),
    "deployment.cancel_requested": _("asked to cancel"),
    "deployment.approval_asked": _("requested approval of"),
    "deployment.approved": _("approved"),
    "deployment.rejected": _("rejected"),
    "deployment.approval_settled": _("continued with all required approvals:"),
    "deployment.started": _("started"),
    "deployment.waiting": _("waits with"),
    "deployment.step_started": _("began a step of"),
    "deployment.step_finished": _("finished a step of"),
    "deployment.artifact_settled": _("settled the version of"),
    "deployment.probed": _("measured the switch of"),
    "deployment.succeeded": _("finished"),
    "deployment.failed": _("ended, failed:"),
    "deployment.errored": _("ended, with an error of its own:"),
    "deployment.cancelled": _("cancelled"),
    "environment.created": _("created the environment"),
    "environment.edited": _("changed the environment"),
    "environment.deleted": _("deleted the environment"),
    "environment.host_look_requested": _("asked to look at the Docker host of"),
    "environment.host_key_shown": _("was shown a new key by the Docker host of"),
    "environment.host_key_confirmed": _("confirmed the key of the Docker host of"),
    "environment.host_connected": _("connected to the Docker host of"),
    "environment.host_away": _("lost the Docker host of"),
    "environment.locked": _("locked"),
    "environment.unlocked": _("unlocked"),
    "freeze.created": _("created the freeze window"),
    "freeze.edited": _("changed the freeze window"),
    "freeze.deleted": _("deleted the freeze window"),
    "audit.broken": _("found the chain of events broken at"),
    "audit.unguarded": _("put back what keeps events from being changed:"),
    "audit.acknowledged": _("acknowledged that events are gone from"),
    "events.exported": _("exported"),
    "gate.glass_broken": _("broke the glass for"),
    "person.first_administrator_created": _("became the first administrator:"),
    "person.created": _("added"),
    "person.edited": _("changed the profile of"),
    "person.password_replaced": _("gave a new password to"),
    "person.email_confirmed": _("confirmed the address of"),
    "person.invited": _("made a new link for"),
    "person.invitation_accepted": _("accepted the invitation:"),
    "person.roles_set": _("set the roles of"),
    "person.activated": _("activated"),
    "person.deactivated": _("deactivated"),
    "person.password_set": _("changed the password of"),
    "person.acting_as": _("changed the acting role:"),
    "person.signed_in": _("signed in:"),
    "person.signed_out": _("signed out:"),
    "person.sign_in_failed": _("failed to sign in as"),
    "placement.access_set": _("set who may open"),
    "placement.domains_set": _("set the domains of"),
    "placement.held": _("put automatic deployments on hold for"),
    "placement.hold_released": _("released the hold of"),
    "placement.observed": _("saw a change of"),
    "placement.adjusted": _("adjusted"),
    "placement.adjustment_failed": _("could not adjust"),
    "placement.orphans_removed": _("removed what nobody owned from"),
    "placement.remove_requested": _("asked to remove"),
    "placement.removed": _("removed"),
    "placement.scale_requested": _("asked to scale"),
    "placement.start_requested": _("asked to start"),
    "placement.stop_requested": _("asked to stop"),
    "placement.writes_seen": _("saw files written that the next deployment loses:"),
    "placement.writes_dismissed": _("put aside the note on files written by"),
    "placement.switched": _("switched the traffic of"),
    "placement.switched_back": _("switched back the traffic of"),
    "release.sealed": _("sealed"),
    "release.settings_renewed": _("sealed with new settings:"),
    "release.unsealed": _("unsealed"),
    "release.frozen": _("sealed"),  # the old name
    "release.unfrozen": _("unsealed"),  # the old name
    "storage.collected": _("collected what nobody needs any more:"),
    "token.created": _("created the token"),
    "token.revoked": _("revoked the token"),
    "upload.stored": _("uploaded"),
}

EVENT_GROUPS: dict[str, Text] = {
    "deployment": _("Deployments"),
    "placement": _("What runs"),
    "application": _("Applications"),
    "configuration": _("Configuration"),
    "artifact": _("Versions"),
    "environment": _("Environments"),
    "freeze": _("Freeze windows"),
    "gate": _("Broken glass"),
    "audit": _("The chain of events"),
    "events": _("Exports"),
    "person": _("People and sign-in"),
    "token": _("API tokens"),
    "credential": _("Credentials"),
    "upload": _("Uploads"),
    "storage": _("Storage"),
}

# Keys: `activity.rules.Break`, `activity.heads.Misfit`, and "moved" and "restored".
BROKEN_WORDS: dict[str, Text] = {
    "changed": _("Event %(first)s was changed after it was written."),
    "missing": _("An event is missing or was exchanged before number %(first)s."),
    "moved": _("The head of the chain was moved back to number %(head)s, before the newest event, %(newest)s."),
    "end": _("Events after number %(newest)s are missing: the chain had reached number %(reached)s."),
    "forged": _("A signed head was changed after it was signed, or signed with another key."),
    "exchanged": _("Event %(reached)s is not the one for which a head was signed: events were exchanged."),
    "restored": _(
        "An older backup, of %(restored)s, was put back. The chain had reached number %(reached)s; what happened after the "
        "backup is gone from it."
    ),
}

STORAGE_LABELS: dict[str, Text] = {
    "database": _("Database"),
    "bundles": _("Versions"),
    "cache": _("Build caches"),
    "process": _("Running applications, their volumes and home directories"),
    "uploads": _("Uploads"),
    "work": _("Builds in progress"),
    "caddy": _("Proxy"),
    "logs": _("Fairway's own logs"),
}

COLLECTED_LABELS: dict[str, Text] = {
    "artifacts": _("Versions"),
    "logs": _("Logs"),
    "uploads": _("Uploads"),
    "runs": _("Runs"),
    "layers": _("Build caches"),
    "work_folders": _("Abandoned builds"),
    "inspections": _("Inspections of sources"),
    "routes": _("Orphaned routes"),
    "instances": _("Orphaned instances"),
    "homes": _("Home directories of removed applications"),
    "workers": _("Workers that no longer exist"),
    "sessions": _("Expired sessions"),
}

SUBJECT_KINDS: dict[str, Text] = {
    "deployment": _("Deployment"),
    "placement": _("What runs"),
    "application": _("Application"),
    "artifact": _("Version"),
    "configuration": _("Configuration"),
    "environment": _("Environment"),
    "freeze": _("Freeze window"),
    "release": _("Release"),
    "package": _("Package"),
    "person": _("Person"),
    "token": _("API token"),
    "credential": _("Credential"),
}

FREEZE_KINDS: dict[str, Text] = {
    Kind.DENY: _("blocks deployments"),
    Kind.ALLOW: _("allows deployments only then"),
}

REPEATS: dict[str, Text] = {
    "": _("once"),
    "FREQ=DAILY": _("every day"),
    "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR": _("Monday to Friday"),
    "FREQ=WEEKLY": _("every week"),
    "FREQ=MONTHLY": _("every month"),
    "FREQ=YEARLY": _("every year"),
}

ROLE_SENTENCES: dict[str, Text] = {
    Role.ADMIN: _("everything, and who may do what"),
    Role.RELEASE_MANAGER: _("plans releases, locks environments"),
    Role.DEPLOYER: _("creates, configures, deploys and rolls back applications"),
    Role.VIEWER: _("sees everything, changes nothing"),
}
