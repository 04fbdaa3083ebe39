"""The list of pages: name, address, template and sample context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.web.gallery import samples


@dataclass(frozen=True)
class Page:
    name: str
    address: str
    template: str
    context: Callable[[], dict[str, Any]]
    status: int = 200


PAGES = [
    Page("home", "/", "home.html", samples.home),
    Page("home-empty", "/nothing-yet", "home.html", samples.home_empty),
    Page("application", "/applications/storefront", "applications/detail.html", samples.application_detail),
    Page("application-fresh", "/applications/fresh", "applications/detail.html", samples.application_fresh),
    Page(
        "application-deployments",
        "/applications/storefront/deployments",
        "applications/deployments.html",
        lambda: {**samples.application(), **samples.history()},
    ),
    Page("deployment-live", "/deployments/510", "deployments/detail.html", samples.deployment_live),
    Page("deployment-running", "/deployments/512", "deployments/detail.html", samples.deployment_running),
    Page("deployment-queued", "/deployments/513", "deployments/detail.html", samples.deployment_queued),
    Page("deployment-failed", "/deployments/509", "deployments/detail.html", samples.deployment_failed),
    Page("deployment-errored", "/deployments/505", "deployments/detail.html", samples.deployment_errored),
    Page("deployments", "/deployments", "deployments/list.html", samples.history),
    Page("deployments-empty", "/deployments/empty", "deployments/list.html", samples.history_empty),
]
