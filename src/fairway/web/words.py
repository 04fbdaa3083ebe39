"""The words for the domain's keys, the same on every page."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fairway.accounts.rights import Extent
from fairway.accounts.rules import Role
from fairway.activity.rules import Door
from fairway.deployments.rules import Access
from fairway.environments.freeze_rules import Kind
from fairway.environments.rules import Strategy

Text = str | Promise

ROLE_LABELS: dict[str, Text] = {
    Role.ADMIN: _("Admin"),
    Role.RELEASE_MANAGER: _("Release Manager"),
    Role.DEPLOYER: _("Deployer"),
    Role.VIEWER: _("Viewer"),
}

# Who may open an application.
ACCESS_WORDS: dict[Access, Text] = {
    Access.PUBLIC: _("Everybody"),
    Access.SIGNED_IN: _("Any signed-in person"),
}

# How a new version gets the requests of visitors.
STRATEGY_WORDS: dict[Strategy, Text] = {
    Strategy.ALL: _("All at once"),
    Strategy.CANARY: _("Canary: an eighth, a quarter, a half, then all"),
}

STEP_LABELS: dict[str, Text] = {
    "prepare": _("Prepare"),
    "distribute": _("Distribute"),
    "release": _("Release command"),
    "start": _("Start"),
    "check": _("Check"),
    "canary": _("Canary"),
    "switch": _("Switch"),
    "retire": _("Retire"),
    "watch": _("Watch"),
}

# The parts of a deployment's log: its steps, and the clean-up after a failure.
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

# Keys: `activity.rules.Break`, `activity.heads.Mismatch`, and "moved" and "restored".
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
    "resources": _("Resources' data"),
    "backups": _("Backups"),
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

# For which applications somebody may do something.
EXTENT_WORDS: dict[str, Text] = {
    Extent.ALL: _("allowed"),
    Extent.SOME: _("some applications"),
    Extent.NONE: _("not allowed"),
}

_GATES = {  # how readiness was decided, as `drivers.health` says it; “http /health” is said by its path
    "any http answer": _("any answer to HTTP"),
    "health command": _("its health command"),
    "image HEALTHCHECK": _("the image’s own check"),
    "tcp port": _("an open port"),
    "it keeps running": _("it keeps running"),
}


def gate_words(gate: str) -> str:
    """How readiness was decided, in the reader's language."""
    return str(_GATES.get(gate, gate.removeprefix("http ")))
