# ruff: noqa: E501 - one row a line
"""Sample triggers and what came to their webhooks."""

from __future__ import annotations

from typing import Any

from fairway.web.views.ci import CiTrustForm
from fairway.web.views.stages import StageForm
from fairway.web.views.triggers import TriggerForm
from tests.web.gallery.samples import ENVIRONMENTS, STAGING, act, application, back, blocker, history

Data = dict[str, Any]
DEVELOPMENT = ENVIRONMENTS[0]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URL = "https://fairway.example.com/hooks/q4mJ0v5xkU9cX2hN8sLdTg1w"
WRONG = "Its signature is wrong: it was made with another secret, or the body was changed on its way. Enter the secret again, or renew it."
LOST = "grace, who set this up, may no longer deploy here; whoever saves it anew takes it over."
LOCKED = "Staging is locked by ada: counting the cash registers"


def deliveries() -> list[Data]:
    base = {"times": 1, "forge": "GitHub", "event": "push", "ref": "main", "pusher": "grace", "environment": DEVELOPMENT, "sentence": "", "deployment": None, "is_refused": False}  # fmt: skip
    return [
        {**base, "at": back(minutes=1), "commit": "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "subject": "Show the tides of the day before in the list of harbours", "status": "queued", "deployment": 515},
        {**base, "at": back(minutes=2), "commit": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7", "subject": "Fix the header", "status": "cancelled", "deployment": 514, "sentence": "Superseded by #515, requested later by grace."},
        {**base, "at": back(minutes=3), "commit": "b6568db1bc1dcd7f8b4d5a946b0b91f9dacd7327", "subject": "Typo", "status": "push_superseded", "sentence": "A newer push (da1560886d4f) came before its deployment was requested."},
        {**base, "at": back(minutes=9), "commit": "95790bf891e76fee5e1747ab589903a6a1f80f22", "subject": "Chart the harbour", "status": "live", "deployment": 509},
        {**base, "at": back(hours=2), "forge": "GitLab", "event": "Push Hook", "ref": "feature/a-branch-with-a-rather-long-name-that-goes-on-and-on", "commit": "0" * 39 + "1", "subject": "Try", "status": "push_ignored", "sentence": "The branch feature/a-branch-with-a-rather-long-name-that-goes-on-and-on is not one that is deployed here."},
        {**base, "at": back(hours=3), "commit": "0" * 39 + "2", "subject": "Count", "status": "push_blocked", "sentence": LOCKED, "environment": STAGING},
        {**base, "at": back(hours=4), "ref": "", "commit": "", "subject": "", "pusher": "", "times": 12, "status": "push_refused", "sentence": WRONG, "is_refused": True},
        {**base, "at": back(days=2), "ref": "", "event": "ping", "commit": "", "subject": "", "pusher": "", "status": "push_ignored", "sentence": "The webhook works; the next push is deployed."},
        {**base, "at": back(minutes=4), "event": "pull_request", "ref": "#128 fix/the-header", "commit": "0" * 39 + "4", "subject": "Fix the header", "status": "push_previewed"},
    ]  # fmt: skip


def rows() -> list[Data]:
    base = {"is_tag": False, "is_request": False, "paths": [], "is_paused": False, "lost_right": "", "saved_by": "ada"}
    return [
        {**base, "id": 1, "pattern": "main", "environment": DEVELOPMENT, "last": deliveries()[0]},
        {
            **base,
            "id": 2,
            "pattern": "v*",
            "is_tag": True,
            "paths": ["shop/", "lib/**/*.py"],
            "environment": STAGING,
            "lost_right": LOST,
            "saved_by": "grace",
            "last": deliveries()[5],
        },
        {**base, "id": 3, "pattern": "release/**", "environment": ENVIRONMENTS[-1], "is_paused": True, "last": None},
        {**base, "id": 4, "pattern": "main", "environment": STAGING, "is_request": True, "last": deliveries()[8]},
    ]


def previews() -> list[Data]:
    base = {
        "author": "grace", "is_fork": False, "environment": STAGING, "approved": "", "approved_by": "", "waits_for_approval": False, "sentence": "", "trouble": "",
        "deployment": 515, "ends_at": back(days=-6), "why_ended": "", "url": "",
    }  # fmt: skip
    keep, remove = act("Keep longer", "clock"), act("Remove now", "trash", "danger")

    def one(number: int, title: str, branch: str, **more: Any) -> Data:
        page, copy = f"https://github.com/acme/storefront/pull/{number}", f"pr-{number}--storefront"
        return {**base, "sign": f"#{number}", "title": title, "branch": branch, "page": page, "copy": copy, "commit": f"{number:040x}", "acts": [keep, remove], **more}  # fmt: skip

    return [
        one(131, "<b>Show</b> the tides of the day before in the list of harbours, and those of the day after", "tides", status="live", url="http://pr-131--storefront.staging.example.com", deployment=510),
        one(130, "Count the cash registers", "count", is_fork=True, status="waiting", waits_for_approval=True, deployment=None, copy="", acts=[act("Approve", "check", "primary"), keep, remove]),
        one(129, "Chart the harbour", "chart", is_fork=True, status="running", approved_by="ada", deployment=514, author=""),
        one(128, "Fix the header", "fix/the-header-with-a-rather-long-name-that-goes-on-and-on", status="push_blocked", sentence=LOCKED, trouble="The token may not do this at “api.github.com” (403): Resource not accessible.", deployment=None, copy="", page=""),
        one(125, "Typo", "typo", status="preview_ending", why_ended="The request was closed.", deployment=509, acts=[]),
    ]  # fmt: skip


def ended_previews() -> list[Data]:
    base = {"author": "grace", "branch": "typo", "is_fork": False, "page": "https://github.com/acme/storefront/pull/7"}
    return [
        {**base, "sign": "#124", "title": "Typo", "at": back(hours=2), "why_ended": "The request was closed."},
        {**base, "sign": "#99", "title": "Try a darker theme", "at": back(days=2), "why_ended": "Nothing was pushed for 7 days. It comes back with the next push.", "page": ""},
    ]  # fmt: skip


def previews_none() -> Data:
    return {**tab(), "previews": {"rows": [], "ended": []}}


def tab() -> Data:
    section = {"rows": rows(), "recent": deliveries(), "add": act("Set up", "plus", method="get")}
    return {
        **history(),
        **application(),
        "hide_application": True,
        "pipeline": pipeline(),
        "triggers": section,
        "previews": {"rows": previews(), "ended": ended_previews()},
        "ci": act("CI jobs", "token", method="get"),
        "forge": act("Statuses", "git", method="get"),
    }


def tab_without() -> Data:
    none = {"push": None, "stage": None}
    line = [
        {**one, **none, "add": act("Promote automatically", "plus", method="get") if n else None}
        for n, one in enumerate(pipeline()["line"])
    ]
    return {
        **tab(),
        "previews": None,
        "triggers": {"rows": [], "recent": [], "add": act("Set up", "plus", method="get")},
        "pipeline": {"line": line, "has_stages": False},
    }


def stage_of(state: str, sentence: str, **more: Any) -> Data:
    return {
        "id": 1,
        "origin": "Development",
        "after_minutes": 30,
        "after": "30 minutes",
        "is_paused": state == "paused",
        "saved_by": "ada",
        "lost_right": "",
        "state": state,
        "sentence": sentence,
        "due_at": None,
        "deployment": None,
        **more,
    }


def pipeline() -> Data:
    blocked = "1.18.0: Required settings are missing: STRIPE_KEY, SENTRY_DSN."
    base = {
        "version": "1.19.0-rc.1",
        "status": "healthy",
        "deployment": 515,
        "at": back(minutes=12),
        "push": None,
        "stage": None,
        "add": None,
    }
    return {
        "line": [
            {**base, "environment": DEVELOPMENT, "push": {"id": 1, "pattern": "main", "is_tag": False}},
            {
                **base,
                "environment": STAGING,
                "version": "1.18.0",
                "status": "degraded",
                "deployment": 509,
                "at": back(days=1),
                "stage": stage_of("waiting", "1.19.0-rc.1 follows:", due_at=back(minutes=-18)),
            },
            {
                **base,
                "environment": ENVIRONMENTS[-1],
                "version": "",
                "deployment": None,
                "at": None,
                "status": "",
                "stage": stage_of("blocked", blocked, origin="Staging", after_minutes=1440, after="1 day"),
            },
        ],
        "has_stages": True,
    }


def stage(**more: Any) -> Data:
    form = StageForm(initial={"origin": "development", "after_minutes": 30}, origins=[("development", "Development")])
    base = {"at": back(hours=1), "version": "1.18.0", "source": 508, "status": "live", "sentence": "", "deployment": 509}
    blocked = {
        **base,
        "at": back(minutes=2),
        "version": "1.19.0-rc.1",
        "source": 515,
        "status": "promotion_blocked",
        "sentence": LOCKED,
        "deployment": None,
    }
    return {
        **application(),
        "stage": stage_of("blocked", f"1.19.0-rc.1: {LOCKED}"),
        "environment": STAGING,
        "form": form,
        "blockers": [],
        "acts": [act("Pause", "pause"), act("Delete", "trash", "danger")],
        "promotions": [
            blocked,
            base,
            {**base, "at": back(days=3), "version": "1.17.2", "source": None, "status": "superseded", "deployment": 490},
        ],
        "back": "/applications/storefront/deployments",
        **more,
    }


def stage_new() -> Data:
    choices = [(one["slug"], one["name"]) for one in ENVIRONMENTS]
    form = StageForm(initial={"environment": "staging", "origin": "development"}, origins=choices, environments=choices)
    return stage(stage=None, form=form, acts=[], promotions=[])


def stage_wrong() -> Data:
    choices = [(one["slug"], one["name"]) for one in ENVIRONMENTS]
    form = StageForm({"origin": "production", "after_minutes": "-3"}, origins=choices)
    form.add_error("origin", "Would send versions round in a circle: staging → production → staging.")
    return stage(form=form)


def stage_to_look_at() -> Data:
    reasons = [blocker("role", "This needs the role Admin or Deployer here.", "an Admin, by granting it")]
    one = stage_of("paused", "It is paused.", lost_right=LOST, saved_by="grace")
    return stage(blockers=reasons, acts=[], stage=one, promotions=[])


def webhook(**more: Any) -> Data:
    """Not installed, at a forge that is connected."""
    return {
        "is_installed": False,
        "forge": "GitHub",
        "connect": "/applications/storefront/forge",
        "acts": [act("Install it at GitHub", "plus", "primary")],
        "failure": "",
        "was_asked": False,
        "tells": False,
        "sent": [],
        **more,
    }


def installed() -> Data:
    again = act("Send again", "restart")
    sent = [
        {"at": back(minutes=2), "event": "push", "status": 202, "is_taken": True, "again": again},
        {"at": back(minutes=40), "event": "push", "status": 502, "is_taken": False, "again": again},
        {"at": back(hours=3), "event": "ping", "status": 0, "is_taken": False, "again": again},
    ]
    acts = [
        act("What GitHub sent", "events", method="get"),
        act("Install it again", "restart"),
        act("Remove it at GitHub", "trash"),
    ]
    return shown(webhook=webhook(is_installed=True, acts=acts, was_asked=True, tells=True, sent=sent))


def install_refused() -> Data:
    said = (
        "The token may not do this at “api.github.com” (403): Resource not accessible by personal access token. Give it the "
        "right to write webhooks (GitLab: the scope api, and the role Maintainer)."
    )
    return shown(webhook=webhook(failure=said), created={"secret": SECRET}, deliveries=[])


def shown(**more: Any) -> Data:
    acts = [act("Pause", "pause"), act("Delete", "trash", "danger")]
    made = {"url": URL, "is_local": False, "secret_made_at": back(days=3), "created_at": back(days=3)}
    given = {"ref_kind": "branch", "pattern": "main", "paths": ""}
    return {
        **application(),
        "trigger": {**rows()[0], **made},
        "environment": DEVELOPMENT,
        "form": TriggerForm(initial=given),
        "created": None,
        "webhook": webhook(),
        "renew": act("Renew the secret", "key"),
        "blockers": [],
        "acts": acts,
        "deliveries": deliveries(),
        "back": "/applications/storefront/deployments",
        **more,
    }


def new() -> Data:
    choices = [(one["slug"], one["name"]) for one in ENVIRONMENTS]
    form = TriggerForm(initial={"pattern": "main"}, environments=choices)
    return shown(trigger=None, form=form, acts=[], deliveries=[], renew=None)


def new_wrong() -> Data:
    form = TriggerForm({"ref_kind": "branch", "pattern": "refs/heads/main", "paths": ""})
    form.add_error("pattern", "Starts with “refs/”; give the name alone, e.g. main.")
    return shown(form=form)


def made() -> Data:
    return shown(created={"secret": SECRET}, deliveries=[], webhook=webhook(forge="", acts=[]))


def of_somebody_gone() -> Data:
    one = {**shown()["trigger"], "lost_right": LOST, "saved_by": "grace", "is_paused": True, "paths": ["shop/"]}
    return shown(trigger=one)


def to_look_at() -> Data:
    reasons = [blocker("role", "This needs the role Admin or Deployer here.", "an Admin, by granting it")]
    return shown(blockers=reasons, acts=[], renew=None, webhook=webhook(acts=[]))


def ci() -> Data:
    base = {
        "ci": "GitHub Actions",
        "is_tag": False,
        "ci_environment": "",
        "saved_by": "ada",
        "end": act("End", "trash", "danger"),
    }
    form = CiTrustForm(environments=[("development", "Development"), ("staging", "Staging")])
    return {
        "application": {"slug": "storefront", "name": "Storefront"}, "form": form, "address": "https://fairway.example.com", "back": "/gallery/triggers",
        "trusts": [
            {**base, "id": 1, "repository": "acme/storefront", "pattern": "main", "environment": DEVELOPMENT, "last_used_at": back(hours=2)},
            {**base, "id": 2, "repository": "20", "ci": "GitLab CI", "pattern": "v*", "is_tag": True, "ci_environment": "production", "environment": STAGING, "last_used_at": None, "end": None, "saved_by": "grace"},
        ],
    }  # fmt: skip


def ci_none() -> Data:
    return {**ci(), "trusts": [], "form": None}


def ci_wrong() -> Data:
    form = CiTrustForm(
        {"environment": "development", "ci": "github", "repository_id": "", "ref_kind": "branch", "pattern": ""},
        environments=[("development", "Development")],
    )
    form.is_valid()
    return {**ci(), "trusts": [], "form": form}
