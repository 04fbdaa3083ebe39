# ruff: noqa: E501 - one row a line
"""Sample freeze windows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from fairway.web.freeze_form import FreezeForm
from fairway.web.presenters.acts import Button

Data = dict[str, Any]
CHOICES: Data = {
    "environments": [("development", "Development"), ("staging", "Staging"), ("production", "Production")],
    "applications": [("storefront", "Storefront"), ("a-lighthouse-with-a-long-name", "A lighthouse with quite a long name")],
    "zones": ["America/New_York", "Europe/Paris", "UTC"],
}
TIMES = [
    {
        "from_text": "Fri 2026-03-20 17:00",
        "to_text": "Mon 2026-03-23 08:00",
        "offset": "UTC+01:00",
        "is_now": True,
        "has_changed": False,
        "lasts": None,
    },
    {
        "from_text": "Fri 2026-03-27 17:00",
        "to_text": "Mon 2026-03-30 08:00",
        "offset": "UTC+01:00 → UTC+02:00",
        "is_now": False,
        "has_changed": False,
        "lasts": timedelta(hours=62),
    },
    {
        "from_text": "Fri 2026-04-03 17:00",
        "to_text": "Mon 2026-04-06 08:00",
        "offset": "UTC+02:00",
        "is_now": False,
        "has_changed": True,
        "lasts": None,
    },
]


def freezes() -> Data:
    edit = Button("Edit", "/freezes/1", "settings", "ghost", "get")
    common: Data = {
        "environments": [],
        "applications": [],
        "created_by": "Grace Hopper",
        "edit": edit,
        "zone": "Europe/Paris",
    }
    return {
        "freezes": [
            {
                **common,
                "number": 1,
                "name": "Weekends",
                "reason": "Nobody is here to look after it",
                "kind": "blocks deployments",
                "is_deny": True,
                "repeats": "every week",
                "environments": ["production"],
                "next": TIMES[0],
            },
            {
                **common,
                "number": 2,
                "name": "Office hours",
                "reason": "Support is awake",
                "kind": "allows deployments only then",
                "is_deny": False,
                "repeats": "Monday to Friday",
                "environments": ["staging", "production"],
                "applications": ["storefront"],
                "next": TIMES[1],
            },
            {
                **common,
                "number": 3,
                "name": "Year end",
                "reason": "The books are closed",
                "kind": "blocks deployments",
                "is_deny": True,
                "repeats": "FREQ=YEARLY;BYMONTH=12;BYDAY=-1MO,-1TU",
                "next": None,
                "edit": None,
            },
        ],
        "create": Button("New freeze window", "/freezes/new", "plus", "primary", "get"),
    }


def none() -> Data:
    return {**freezes(), "freezes": []}


def new() -> Data:
    form = FreezeForm(
        {
            "kind": "deny",
            "name": "",
            "reason": "Sale",
            "starts": "2026-03-20T17:00",
            "ends": "2026-03-19T08:00",
            "zone": "Europe/Paris",
            "repeats": "rule",
            "rrule": "FREQ=SECONDLY",
        },
        **CHOICES,
    )
    form.add_error("ends", "Must come after the start.")
    form.add_error("rrule", "FREQ=SECONDLY is not supported; what is: DAILY, WEEKLY, MONTHLY, YEARLY.")
    return {"freeze": None, "form": form, "delete": None, "occurrences": [], "problem": "Must come after the start."}


def edit() -> Data:
    initial = {
        "kind": "deny",
        "name": "Weekends",
        "reason": "Nobody is here",
        "starts": "2026-03-20T17:00",
        "ends": "2026-03-23T08:00",
        "zone": "Europe/Paris",
        "repeats": "FREQ=WEEKLY",
        "environments": ["production"],
    }
    delete = Button(
        "Delete",
        "/freezes/1/deletion",
        "trash",
        "danger",
        confirm="Weekends",
        consequence="Deployments that are waiting for it continue.",
    )
    return {
        "freeze": {"pk": 1, "name": "Weekends"},
        "form": FreezeForm(initial=initial, **CHOICES),
        "delete": delete,
        "occurrences": TIMES,
        "problem": "",
    }


def frozen_now() -> Data:
    """What the page of an environment says of it."""
    soon = timezone.now() + timedelta(hours=14)
    return {
        "is_closed": True,
        "by": [{"name": "Weekends", "reason": "Nobody is here to look after it"}],
        "opens_at": soon,
        "closes_at": soon + timedelta(days=4),
    }
