"""What the comment on a pull or merge request says about its preview, in the installation's language.

It contains nothing that others wrote, the request's title for example, and no word of the application's log: everybody who
sees the repository can read it.
"""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from fairway.deployments.models import Placement
from fairway.deployments.rules import ENDED, Status
from fairway.deployments.subjects import placement_of
from fairway.drivers.forges.statuses import Remark
from fairway.pipelines.models import Preview
from fairway.pipelines.preview_rules import End, PreviewState
from fairway.pipelines.reporters import page_of


def remark_of(preview: Preview) -> Remark:
    """The comment as it should be now."""
    mark = f"<!-- fairway preview {_mark(preview)} -->"
    with translation.override(settings.LANGUAGE_CODE):
        title = _("Preview of %(application)s") % {"application": f"`{preview.application.slug}`"}
        lines = [mark, f"### {title}", "", *_lines(preview)]
    return Remark(preview.number, mark, "\n".join(lines) + "\n")


def digest_of(remark: Remark) -> str:
    return hashlib.sha256(remark.text.encode()).hexdigest()


def _mark(preview: Preview) -> str:
    """What nobody else knows before the comment is there."""
    secret = f"{settings.SECRET_KEY}:preview:{preview.pk}"
    return hashlib.sha256(secret.encode()).hexdigest()[:24]


def _lines(preview: Preview) -> list[str]:
    page = settings.PUBLIC_URL + reverse("application-deployments", args=[preview.application.slug]) + "#previews"
    if preview.state in (PreviewState.ENDING, PreviewState.ENDED):
        return [_line(_("Removed."), why_ended(preview))]
    lines = []
    if preview.waits_for_approval:
        words = {"commit": f"`{preview.commit[:12]}`"}
        waits = _("%(commit)s comes from a fork, so a person has to approve it before it is built.") % words
        lines += [_line(_("Waits for approval."), waits, _("Approve it"), page), ""]
    lines += _of_deployment(preview, page)
    until = {"until": preview.ends_at.strftime("%Y-%m-%d %H:%M UTC")}
    ends = _("It is removed when the request is closed, and on %(until)s unless something is pushed.") % until
    return [*lines, "", ends]


def _of_deployment(preview: Preview, page: str) -> list[str]:
    words = {"commit": f"`{preview.tried[:12]}`"}
    if preview.sentence:
        return [_line(_("Not deployed."), _("%(commit)s could not be deployed.") % words, _("Why"), page)]
    if preview.deployment is None:
        return [] if preview.waits_for_approval else [_line(_("Waits."), _("It will be deployed soon."))]
    deployment, live = preview.deployment, live_placement(preview)
    log, where = _("Log"), page_of(deployment.pk)
    url = f"**<{live.url}>**" if live else ""
    if deployment.status == Status.SUCCEEDED:
        return [url, "", _line(_("Live."), _("%(commit)s is live.") % words, log, where)]
    if deployment.status in ENDED:
        lines = [_line(_("Failed."), _("%(commit)s could not be deployed.") % words, log, where)]
    else:
        lines = [_line(_("In progress."), _("%(commit)s is being deployed.") % words, log, where)]
    return [*lines, "", _("%(url)s shows an earlier commit.") % {"url": url}] if url else lines


def _line(state: str, sentence: str, link: str = "", address: str = "") -> str:
    return f"**{state}** {sentence}" + (f" [{link}]({address})" if link else "")


def live_placement(preview: Preview) -> Placement | None:
    """Where its address answers; None while nothing is live there."""
    if preview.copy is None or preview.copy.deleted_at is not None:
        return None
    placement = placement_of(preview.copy, preview.environment)
    return placement if placement and placement.current_id else None


def why_ended(preview: Preview) -> str:
    """Why it ended, as a sentence in the reader's language."""
    words = {"person": preview.ended_by, "days": settings.PREVIEW_DAYS, "most": settings.PREVIEWS}
    said = {
        End.CLOSED: _("The request was closed."),
        End.RETARGETED: _("The request shall go into another branch, whose requests have no previews."),
        End.AGE: _("Nothing was pushed for %(days)s days. It comes back with the next push."),
        End.LIMIT: _(
            "There were more than %(most)s previews, and nothing had happened to this one for longest. It comes back with "
            "the next push."
        ),
        End.PERSON: _("%(person)s removed it. It comes back with the next push."),
        End.STOPPED: _("There are no previews any more."),
    }
    return said[End(preview.end)] % words if preview.end else ""
