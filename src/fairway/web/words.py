"""Words for what the domain names by keys; the same on every page."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fairway.accounts.rules import Role
from fairway.activity.rules import Door

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
    "start": _("Start"),
    "check": _("Check"),
    "switch": _("Switch"),
    "retire": _("Retire"),
    "watch": _("Watch"),
}

DOOR_LABELS: dict[str, Text] = {
    Door.WEB: _("in the browser"),
    Door.API: _("through the API"),
    Door.CLI: _("from the command line"),
    Door.WEBHOOK: _("by a webhook"),
    Door.SCHEDULE: _("by a schedule"),
    Door.WORKER: _("by Fairway itself"),
}
