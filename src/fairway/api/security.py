"""What of the installation's security is on, what is weak, and how to fix it."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest
from ninja import Schema

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.routing import PermissionRouter
from fairway.insights.security.queries import security_lines
from fairway.insights.security.rules import answer_of

router = PermissionRouter(tags=["security"])


class CheckShown(Schema):
    """`check` identifies it. What is `weak` should be changed, what is `off` is a choice; `fix` says how, and `variable` is
    set where Fairway is started."""

    check: str
    group: Literal["sign_in", "people", "tokens", "running", "records", "network"]
    group_title: str
    state: Literal["weak", "off", "good", "not_applicable"]
    state_word: str
    title: str
    sentence: str
    fix: str
    variable: str


class SecurityShown(Schema):
    """`weak` is how many checks are; what is weak comes first."""

    weak: int
    checks: list[CheckShown]


@router.get("/security", response=SecurityShown)
@needs(Act.MANAGE_SYSTEM)
def show_security(request: HttpRequest) -> dict[str, object]:
    """What of the installation's security is on, what is weak, and how to fix it."""
    return answer_of(security_lines(actor_of(request)))
