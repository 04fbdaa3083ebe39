"""Sample installations for the page about security: one that is sound, and one in which all is weak that can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fairway.insights.security.facts import Facts, Held, Network, People, Records, Running, SignIn, Tokens
from fairway.insights.security.rules import lines_of
from fairway.web.presenters.security import lines_shown

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def weak() -> dict[str, Any]:
    return lines_shown(
        lines_of(
            Facts(
                now=NOW,
                sign_in=SignIn(least_password=10, session_hours=1000, providers=1),
                people=People(
                    1, 7, 5, ("ada", "bob", "charlotte", "dora"), ("eve",), 2, NOW - timedelta(days=5), ("viewer",)
                ),
                tokens=Tokens(
                    9, Held(4, ("ada", "bob")), Held(2, ("eve",)), Held(1, ("ada",)), 1, ("shop/web ** → web · Staging",)
                ),
                running=Running(
                    "Production",
                    "production",
                    0,
                    3,
                    ("Storefront",),
                    ("Staging",),
                    ("Staging",),
                    {"user": False, "files": True},
                ),
                records=Records(resources=2, without_backups=("orders (Production)",)),
                network=Network(
                    "http://fairway.example.com", ("fairway.example.com",), "any", "intranet", "public", True, True, "prefer"
                ),
            )
        )
    )


def sound() -> dict[str, Any]:
    return lines_shown(
        lines_of(
            Facts(
                now=NOW,
                sign_in=SignIn(True, True, 1, least_password=10, session_hours=12, idle_minutes=30),
                people=People(admins=3, with_password=2),
                tokens=Tokens(working=2),
                running=Running("Production", "production", 2, 1, (), ("Production",), (), {"user": True}),
                records=Records(True, True, False, False, 4711, NOW, 1, (), "starttls", 2),
                network=Network("https://fairway.example.com", ("fairway.example.com",)),
            )
        )
    )
