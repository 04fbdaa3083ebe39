"""The words for states on pages, and the sentences for scripts."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Text = str | Promise

# value → (word, icon shape, tone). Shapes differ wherever tones could be confused: colour is never the only sign.
STATUSES: dict[str, tuple[Text, str, str]] = {
    # deployments
    "queued": (_("Queued"), "queued", "idle"),
    "running": (_("Running"), "running", "run"),
    "live": (_("Live"), "live", "ok"),
    "failed": (_("Failed"), "failed", "bad"),
    "errored": (_("Errored"), "errored", "bad"),
    "cancelling": (_("Cancelling"), "cancelling", "warn"),
    "cancelled": (_("Cancelled"), "cancelled", "idle"),
    "superseded": (_("Superseded"), "superseded", "idle"),
    "waiting": (_("Waiting"), "waiting", "warn"),
    # instances
    "starting": (_("Starting"), "starting", "run"),
    "healthy": (_("Healthy"), "healthy", "ok"),
    "unhealthy": (_("Unhealthy"), "unhealthy", "bad"),
    "degraded": (_("Degraded"), "unhealthy", "warn"),
    "restarting": (_("Restarting"), "restarting", "warn"),
    "stopped": (_("Stopped"), "stopped", "idle"),
    "sleeping": (_("Sleeping"), "sleeping", "idle"),
    "down": (_("Down"), "down", "bad"),
    "unknown": (_("Unknown"), "unhealthy", "warn"),
    # environments
    "available": (_("Available"), "available", "ok"),
    "locked": (_("Locked"), "locked", "warn"),
    # hosts over SSH
    "asking": (_("Asking"), "starting", "run"),
    "unconfirmed": (_("To confirm"), "waiting", "warn"),
    "changed": (_("Key changed"), "unhealthy", "bad"),
    "away": (_("Unreachable"), "down", "bad"),
    "connected": (_("Connected"), "available", "ok"),
    # steps of a workflow
    "pending": (pgettext_lazy("step", "To do"), "pending", "idle"),
    "done": (pgettext_lazy("step", "Done"), "live", "ok"),
    "skipped": (pgettext_lazy("step", "Skipped"), "cancelled", "idle"),
}
STATUSES |= {
    # resources, bindings and backups: of one gender in French
    "resource_healthy": (pgettext_lazy("resource", "Healthy"), "healthy", "ok"),
    "resource_stopped": (pgettext_lazy("resource", "Stopped"), "stopped", "idle"),
    "resource_failed": (pgettext_lazy("resource", "Failed"), "failed", "bad"),
    "bound": (pgettext_lazy("binding", "Bound"), "available", "ok"),
    "verified": (pgettext_lazy("backup", "Verified"), "available", "ok"),
    # scheduled jobs
    "job_paused": (pgettext_lazy("scheduled job", "Paused"), "stopped", "idle"),
    "job_skipped": (pgettext_lazy("scheduled job", "Skipped"), "cancelled", "warn"),
    # what came to a webhook
    "push_accepted": (pgettext_lazy("push", "Accepted"), "queued", "run"),
    "push_superseded": (pgettext_lazy("push", "Superseded"), "superseded", "idle"),
    "push_previewed": (pgettext_lazy("push", "Preview"), "live", "run"),
    "preview_ending": (pgettext_lazy("preview", "Being removed"), "cancelling", "warn"),
    "push_blocked": (pgettext_lazy("push", "Not deployed"), "errored", "bad"),
    "push_ignored": (pgettext_lazy("push", "Ignored"), "cancelled", "idle"),
    "push_refused": (pgettext_lazy("push", "Refused"), "failed", "warn"),
    # what a stage of a pipeline did
    "promotion_blocked": (pgettext_lazy("promotion", "Not promoted"), "errored", "bad"),
    "stage_paused": (pgettext_lazy("stage", "Paused"), "stopped", "idle"),
    # notifications
    "notice_waiting": (pgettext_lazy("notice", "Waiting"), "queued", "run"),
    "notice_retrying": (pgettext_lazy("notice", "To be tried again"), "waiting", "warn"),
    "notice_delivered": (pgettext_lazy("notice", "Delivered"), "available", "ok"),
    "status_sent": (pgettext_lazy("status at a forge", "Sent"), "available", "ok"),
    "notice_given_up": (pgettext_lazy("notice", "Given up"), "failed", "bad"),
    "channel_paused": (pgettext_lazy("channel", "Paused"), "stopped", "idle"),
    "channel_disabled": (pgettext_lazy("channel", "Disabled"), "errored", "bad"),
    # releases
    "draft": (pgettext_lazy("release", "Draft"), "pending", "idle"),
    "sealed": (pgettext_lazy("release", "Sealed"), "locked", "run"),
    "scheduled": (pgettext_lazy("release", "Scheduled"), "queued", "run"),
    "in_progress": (pgettext_lazy("release", "In progress"), "running", "run"),
    "released": (pgettext_lazy("release", "Released"), "live", "ok"),
    "partly_served": (pgettext_lazy("release", "Partly served"), "superseded", "warn"),
    "no_longer_served": (pgettext_lazy("release", "No longer served"), "superseded", "warn"),
    "fallen_back": (pgettext_lazy("release", "Fallen back"), "superseded", "warn"),
    # packages, and packages on a target
    "registered": (pgettext_lazy("package", "Registered"), "pending", "idle"),
    "testing": (pgettext_lazy("package", "Testing"), "starting", "warn"),
    "ready": (pgettext_lazy("package", "Ready"), "available", "ok"),
    "absent": (pgettext_lazy("package", "Not distributed"), "pending", "idle"),
    "distributing": (pgettext_lazy("package", "Distributing"), "running", "run"),
    "distributed": (pgettext_lazy("package", "Distributed"), "available", "run"),
    "deploying": (pgettext_lazy("package", "Deploying"), "running", "run"),
    "deployed": (pgettext_lazy("package", "Deployed"), "live", "ok"),
    "replaced": (pgettext_lazy("package", "Replaced"), "superseded", "warn"),
    "falling_back": (pgettext_lazy("package", "Falling back"), "running", "warn"),
    "blocked": (pgettext_lazy("package", "Blocked"), "locked", "warn"),
    "clear": (pgettext_lazy("package", "Clear"), "available", "ok"),
    # rollouts
    "held": (pgettext_lazy("rollout", "Held up"), "waiting", "warn"),
    "needs_decision": (pgettext_lazy("rollout", "Needs a decision"), "waiting", "warn"),
    "stuck": (pgettext_lazy("rollout", "Stuck"), "errored", "bad"),
    "succeeded": (pgettext_lazy("rollout", "Done"), "live", "ok"),
    # approvals
    "approved": (_("Approved"), "available", "ok"),
    "rejected": (_("Rejected"), "failed", "bad"),
    "not_needed": (_("Not needed"), "available", "idle"),
}
# How a deployment stands, in the tab of its page: status → (the sign before the title, the favicon).
_OVER_WELL = ("✓", "icons/outcome-done.svg")
_OVER_BADLY = ("✗", "icons/outcome-failed.svg")
OUTCOMES: dict[str, tuple[str, str]] = {
    "live": _OVER_WELL,
    "superseded": _OVER_WELL,
    "failed": _OVER_BADLY,
    "errored": _OVER_BADLY,
    "cancelled": ("○", "icons/outcome-cancelled.svg"),
}
NOT_OVER = ("●", "icons/outcome-running.svg")
UNKNOWN: tuple[Text, str, str] = (_("Unknown"), "pending", "idle")

# Sentences for scripts, by the scripts' keys; they replace `%s`.
SCRIPT_WORDS: dict[str, Text] = {
    "units": pgettext_lazy("bytes", "B KB MB GB TB"),
    "ago.now": _("just now"),
    "ago.minutes": _("%s min ago"),
    "ago.hours": _("%s h ago"),
    "ago.days": _("%s d ago"),
    "ago.soon": _("in a moment"),
    "ago.in_minutes": _("in %s min"),
    "ago.in_hours": _("in %s h"),
    "ago.in_days": _("in %s d"),
    "copied": _("Copied"),
    "copy.failed": _("Your browser did not allow copying."),
    "live.on": pgettext_lazy("connection", "Live"),
    "live.off": _("Reconnecting…"),
    "live.paused": _("Paused"),
    "palette.none": _("Nothing found. Try fewer letters."),
    "palette.failed": _("The list could not be loaded. Press Escape and try again."),
    "palette.display": _("Display"),
    "palette.theme.light": _("Use the light theme"),
    "palette.theme.dark": _("Use the dark theme"),
    "palette.theme.system": _("Follow the system’s theme"),
    "palette.times": _("Switch between relative and exact times"),
    "log.lines": _("%s lines"),
    "log.matches": _("%s matches"),
    "log.match_of": _("%1 of %2"),
    "log.none": _("Nothing has been written yet."),
    "log.no_match": _("No line contains this text."),
    "log.lost": _("The connection was lost; reconnecting…"),
    "log.failed": _("The log could not be loaded. Reload the page to try again."),
    "log.complete": _("End of the log."),
    "upload.packing": _("Reading the folder…"),
    "upload.sending": _("Uploading %1 of %2"),
    "upload.checking": _("Unpacking and detecting what it is…"),
    "upload.failed": _("The upload did not arrive. Check your connection and try again."),
    "upload.empty": _("This folder holds no files."),
    "upload.too_big": _("This is larger than %s, the limit of this installation."),
    "upload.many": _("Drop one folder, or one zip or tar file, at a time."),
    "upload.skipped": _("Left out: %s"),
    "upload.history": _("of version control"),
    "upload.litter": _("of macOS or Windows"),
    "upload.again": _("made again by the build"),
    "upload.files": _("%1 files, %2"),
    "chart.cores_few": pgettext_lazy("fewer than two", "%s cores"),
    "chart.cores": pgettext_lazy("two or more", "%s cores"),
    "chart.per_second": pgettext_lazy("bytes", "%s/s"),
    "chart.nothing": _("not measured"),
    "chart.time": _("Time"),
    "chart.happened": _("What happened"),
    "chart.keys": _("%s: move along the time with the arrow keys"),
    "chart.off": _("The newest values could not be loaded; this is tried again."),
    "request.failed": _("The request failed. Nothing was changed; try again."),
    "request.offline": _("Fairway cannot be reached right now."),
}
